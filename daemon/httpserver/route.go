package httpserver

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// endpoint is what a path asks for.
type endpoint int

const (
	notFound endpoint = iota
	serverMetadata
	serverLive
	serverReady
	modelMetadata
	modelReady
	modelConfig
	modelStatistics
	modelInfer
	allStatistics
	repositoryIndex
	repositoryLoad
	repositoryUnload
)

// methods says which method each endpoint takes.
var methods = map[endpoint]string{
	serverMetadata: fasthttp.MethodGet, serverLive: fasthttp.MethodGet, serverReady: fasthttp.MethodGet, modelMetadata: fasthttp.MethodGet,
	modelReady: fasthttp.MethodGet, modelConfig: fasthttp.MethodGet, modelStatistics: fasthttp.MethodGet, allStatistics: fasthttp.MethodGet,
	modelInfer: fasthttp.MethodPost, repositoryIndex: fasthttp.MethodPost, repositoryLoad: fasthttp.MethodPost, repositoryUnload: fasthttp.MethodPost,
}

// route is a parsed path. Model and version alias it.
type route struct {
	endpoint       endpoint
	model, version []byte
}

var (
	prefix       = []byte("/v2")
	models       = []byte("models")
	versions     = []byte("versions")
	repository   = []byte("repository")
	healthPrefix = []byte("/v2/health/")
)

// parsePath finds the endpoint of a decoded path. It allocates nothing.
func parsePath(path []byte) route {
	rest, ok := bytes.CutPrefix(path, prefix)
	if !ok {
		return route{}
	}
	rest = bytes.TrimSuffix(rest, []byte("/"))
	if len(rest) == 0 {
		return route{endpoint: serverMetadata}
	}
	if health, ok := bytes.CutPrefix(path, healthPrefix); ok {
		switch string(health) {
		case "live":
			return route{endpoint: serverLive}
		case "ready":
			return route{endpoint: serverReady}
		}
		return route{}
	}
	head, rest := segment(rest)
	switch {
	case bytes.Equal(head, models):
		return parseModelPath(rest)
	case bytes.Equal(head, repository):
		return parseRepositoryPath(rest)
	}
	return route{}
}

// parseModelPath parses what follows /v2/models.
func parseModelPath(rest []byte) route {
	model, rest := segment(rest)
	if string(model) == "stats" && len(rest) == 0 {
		return route{endpoint: allStatistics}
	}
	if len(model) == 0 {
		return route{}
	}
	r := route{model: model}
	verb, rest := segment(rest)
	if bytes.Equal(verb, versions) {
		if r.version, rest = segment(rest); len(r.version) == 0 {
			return route{}
		}
		verb, rest = segment(rest)
	}
	if len(rest) > 0 {
		return route{}
	}
	switch string(verb) {
	case "":
		r.endpoint = modelMetadata
	case "infer":
		r.endpoint = modelInfer
	case "ready":
		r.endpoint = modelReady
	case "config":
		r.endpoint = modelConfig
	case "stats":
		r.endpoint = modelStatistics
	}
	return r
}

// parseRepositoryPath parses what follows /v2/repository: index, or models/NAME/load and unload, with or without a repository's name ahead.
func parseRepositoryPath(rest []byte) route {
	head, tail := segment(rest)
	if string(head) != "index" && !bytes.Equal(head, models) {
		head, tail = segment(tail)
	}
	if string(head) == "index" && len(tail) == 0 {
		return route{endpoint: repositoryIndex}
	}
	if !bytes.Equal(head, models) {
		return route{}
	}
	model, tail := segment(tail)
	verb, tail := segment(tail)
	if len(model) == 0 || len(tail) > 0 {
		return route{}
	}
	switch string(verb) {
	case "load":
		return route{endpoint: repositoryLoad, model: model}
	case "unload":
		return route{endpoint: repositoryUnload, model: model}
	}
	return route{}
}

// segment splits "/head/tail" into "head" and "/tail".
func segment(path []byte) (head, tail []byte) {
	if len(path) == 0 || path[0] != '/' {
		return nil, path
	}
	path = path[1:]
	if i := bytes.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, nil
}

//go:build linux && amd64 && cgo

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/oip"
	"github.com/inferd/inferd/daemon/tensor"
)

// greet tells a person what is served and how to call it. Services have the log.
func (s *server) greet(address string) {
	if !s.options.greet {
		return
	}
	info := s.engine.Device()
	fmt.Printf("\nhttp     http://%s\nmetrics  http://%s:%d/metrics\ndevice   %s: %s\n", address, s.options.address, s.options.metricsPort, info.Name, info.Description)
	for _, v := range s.engine.Versions("") {
		fmt.Printf("model    %s version %s: %s -> %s\n", v.Name(), v.NumberText(), describe(v.Inputs()), describe(v.Outputs()))
	}
	for _, entry := range s.engine.Index() {
		if entry.Reason != "" {
			fmt.Printf("failed   %s: %s\n", entry.Name, entry.Reason)
		}
	}
	if model, request := s.exampleRequest(); request != "" {
		printExample(address, model, request)
	}
}

func describe(list []engine.TensorInfo) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = fmt.Sprintf("%s %s%v", t.Name, oip.Datatype(t.DType), t.Shape)
	}
	return strings.Join(texts, ", ")
}

// maxExample bounds a request that still reads well in a terminal.
const maxExample = 1024

// exampleRequest finds the shortest request.json that lies in the folder of a model that serves. Without one it is a request of zeros.
func (s *server) exampleRequest() (model, request string) {
	for _, v := range s.engine.Versions("") {
		data, err := os.ReadFile(filepath.Join(s.models, v.Name(), "request.json"))
		text := strings.TrimSpace(string(data))
		if err == nil && pastable(text) && (request == "" || len(text) < len(request)) {
			model, request = v.Name(), text
		}
	}
	for _, v := range s.engine.Versions("") {
		if text := zeroRequest(v); request == "" && pastable(text) {
			model, request = v.Name(), text
		}
	}
	return model, request
}

// pastable says whether the text is a short JSON document that keeps its meaning between single quotes, in a shell and in Python.
func pastable(text string) bool {
	return len(text) <= maxExample && !strings.ContainsAny(text, "'\\\n") && json.Valid([]byte(text))
}

// zeroRequest builds a request of zeros where the model's inputs are few numbers.
func zeroRequest(v *engine.Version) string {
	inputs := make([]string, 0, len(v.Inputs()))
	for _, in := range v.Inputs() {
		shape := slices.Clone(in.Shape)
		for axis := range shape {
			shape[axis] = max(shape[axis], 1)
		}
		count, err := tensor.Elements(shape)
		if err != nil || count > 100 || !in.Ranked || in.DType == tensor.String || !oip.HasJSONForm(in.DType) {
			return ""
		}
		dims := strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
		data := strings.TrimSuffix(strings.Repeat("0,", int(count)), ",")
		inputs = append(inputs, fmt.Sprintf(`{"name":"%s","datatype":"%s","shape":%s,"data":[%s]}`, in.Name, oip.Datatype(in.DType), dims, data))
	}
	return fmt.Sprintf(`{"inputs":[%s]}`, strings.Join(inputs, ","))
}

func printExample(address, model, request string) {
	fmt.Printf(`
try it from a shell:

curl -s http://%[1]s/v2/models/%[2]s/infer -d '%[3]s'

or from Python:

import json, urllib.request
request = json.loads('%[3]s')
reply = urllib.request.urlopen("http://%[1]s/v2/models/%[2]s/infer", json.dumps(request).encode())
print(json.load(reply)["outputs"])

`, address, model, request)
}

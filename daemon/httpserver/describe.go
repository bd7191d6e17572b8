package httpserver

import (
	"encoding/json"

	"github.com/valyala/fasthttp"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/oip"
)

// extensions are those of the protocol's extensions that work.
var extensions = []string{"binary_tensor_data", "model_configuration", "model_repository", "parameters", "statistics"}

// describe answers everything but inference.
func (s *Server) describe(ctx *fasthttp.RequestCtx, r route) {
	var answer any
	var err error
	switch r.endpoint {
	case serverLive:
		answer = map[string]bool{"live": true}
	case serverReady:
		ready := s.engine.Ready() && !s.draining.Load()
		answer = map[string]bool{"ready": ready, "live": true}
		if !ready {
			ctx.Response.SetStatusCode(fasthttp.StatusBadRequest)
		}
	case serverMetadata:
		answer = struct {
			Name       string   `json:"name"`
			Version    string   `json:"version"`
			Extensions []string `json:"extensions"`
		}{"inferd", s.options.Version, extensions}
	case modelReady:
		answer, err = s.modelReady(ctx, r)
	case modelMetadata, modelConfig:
		answer, err = s.describeModel(r)
	case modelStatistics, allStatistics:
		answer, err = s.statistics(r)
	case repositoryIndex:
		answer = s.index()
	case repositoryLoad, repositoryUnload:
		err = s.changeRepository(ctx, r)
	}
	if err != nil {
		s.failWith(ctx, err)
		return
	}
	s.answer(ctx, answer)
}

// answer writes JSON; nil is an empty body.
func (s *Server) answer(ctx *fasthttp.RequestCtx, answer any) {
	ctx.Response.Header.SetContentType(jsonType)
	if answer == nil {
		return
	}
	body, err := json.Marshal(answer)
	if err != nil {
		s.failWith(ctx, err)
		return
	}
	ctx.Response.SetBody(body)
}

func (s *Server) modelReady(ctx *fasthttp.RequestCtx, r route) (any, error) {
	version, err := number(r.version)
	if err != nil {
		return nil, err
	}
	err = s.engine.ModelReady(r.model, version)
	if err != nil && engine.KindOf(err) == engine.NotFound {
		return nil, err
	}
	if err != nil {
		ctx.Response.SetStatusCode(fasthttp.StatusBadRequest)
	}
	return struct {
		Name  string `json:"name"`
		Ready bool   `json:"ready"`
	}{string(r.model), err == nil}, nil
}

// tensorMetadata describes an input or output, in the metadata and in the configuration.
type tensorMetadata struct {
	Name     string  `json:"name"`
	Datatype string  `json:"datatype"`
	Shape    []int64 `json:"shape"`
}

type tensorConfig struct {
	Name     string  `json:"name"`
	DataType string  `json:"data_type"`
	Dims     []int64 `json:"dims"`
}

func (s *Server) describeModel(r route) (any, error) {
	version, err := number(r.version)
	if err != nil {
		return nil, err
	}
	v, err := s.engine.Describe(r.model, version)
	if err != nil {
		return nil, err
	}
	if r.endpoint == modelConfig {
		return s.config(v), nil
	}
	var numbers []string
	for _, each := range s.engine.Versions(v.Name()) {
		numbers = append(numbers, each.NumberText())
	}
	return struct {
		Name     string           `json:"name"`
		Versions []string         `json:"versions"`
		Platform string           `json:"platform"`
		Inputs   []tensorMetadata `json:"inputs"`
		Outputs  []tensorMetadata `json:"outputs"`
	}{v.Name(), numbers, platform, metadataOf(v.Inputs()), metadataOf(v.Outputs())}, nil
}

// platform names the kind of model file, as Triton does.
const platform = "onnx"

func metadataOf(list []engine.TensorInfo) []tensorMetadata {
	described := make([]tensorMetadata, len(list))
	for i, t := range list {
		described[i] = tensorMetadata{t.Name, oip.Datatype(t.DType), append([]int64{}, t.Shape...)}
	}
	return described
}

// config describes the model in the form of Triton's ModelConfig. Dimensions leave out the batch where there is a max_batch_size.
func (s *Server) config(v *engine.Version) any {
	batched := v.MaxBatchSize() > 0
	configOf := func(list []engine.TensorInfo) []tensorConfig {
		described := make([]tensorConfig, len(list))
		for i, t := range list {
			name := "TYPE_" + oip.Datatype(t.DType)
			if name == "TYPE_BYTES" {
				name = "TYPE_STRING"
			}
			dims := append([]int64{}, t.Shape...)
			if batched && len(dims) > 0 {
				dims = dims[1:]
			}
			described[i] = tensorConfig{t.Name, name, dims}
		}
		return described
	}
	info := s.engine.Device()
	return map[string]any{
		"name": v.Name(), "platform": platform, "backend": "inferd", "max_batch_size": v.MaxBatchSize(),
		"input": configOf(v.Inputs()), "output": configOf(v.Outputs()),
		"instance_group": []map[string]any{{"name": v.Name(), "kind": info.Kind, "count": 1}},
		"parameters":     map[string]any{"device": map[string]string{"string_value": info.Name + ", " + info.Description}},
	}
}

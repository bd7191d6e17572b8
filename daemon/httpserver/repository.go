package httpserver

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/oip"
)

// indexEntry is an entry of the repository's index; the reply is a bare array of them.
type indexEntry struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	State   string `json:"state,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

func (s *Server) index() []indexEntry {
	list := []indexEntry{}
	for _, entry := range s.engine.Index() {
		e := indexEntry{Name: entry.Name, State: entry.State, Reason: entry.Reason}
		if entry.Version > 0 {
			e.Version = strconv.FormatInt(entry.Version, 10)
		}
		list = append(list, e)
	}
	return list
}

// changeRepository loads or unloads a model of the folder.
func (s *Server) changeRepository(ctx *fasthttp.RequestCtx, r route) error {
	if err := refuseParameters(ctx.Request.Body()); err != nil {
		return err
	}
	name := strings.Clone(string(r.model))
	if r.endpoint == repositoryLoad {
		return s.engine.Load(name)
	}
	return s.engine.Unload(name)
}

// refuseParameters refuses what would change the meaning of a load if it were ignored: configurations and files inside the request.
func refuseParameters(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	value, err := fastjson.ParseBytes(body)
	if err != nil {
		return &oip.Error{Status: fasthttp.StatusBadRequest, Message: "malformed JSON: " + err.Error()}
	}
	var refused string
	if parameters := value.GetObject("parameters"); parameters != nil {
		parameters.Visit(func(key []byte, _ *fastjson.Value) {
			if string(key) != "unload_dependents" {
				refused = string(key)
			}
		})
	}
	if refused != "" {
		return &engine.Error{Kind: engine.Unsupported, Message: "parameter " + strconv.Quote(refused) + " is not supported: change the model's folder instead"}
	}
	return nil
}

// duration is a count and a total time, as the statistics extension writes them.
type duration struct {
	Count int64 `json:"count"`
	NS    int64 `json:"ns"`
}

type batchStatistics struct {
	BatchSize    int64    `json:"batch_size"`
	ComputeInfer duration `json:"compute_infer"`
}

type modelStatisticsEntry struct {
	Name           string              `json:"name"`
	Version        string              `json:"version"`
	InferenceCount int64               `json:"inference_count"`
	ExecutionCount int64               `json:"execution_count"`
	InferenceStats map[string]duration `json:"inference_stats"`
	BatchStats     []batchStatistics   `json:"batch_stats"`
}

// statistics answers the statistics extension for one model, or for all.
func (s *Server) statistics(r route) (any, error) {
	wanted, err := number(r.version)
	if err != nil {
		return nil, err
	}
	if r.endpoint == modelStatistics {
		if _, err := s.engine.Describe(r.model, wanted); err != nil {
			return nil, err
		}
	}
	list := []modelStatisticsEntry{}
	for _, v := range s.engine.Versions(string(r.model)) {
		if wanted == 0 || v.Number() == wanted {
			list = append(list, statisticsOf(v))
		}
	}
	return map[string]any{"model_stats": list}, nil
}

func statisticsOf(v *engine.Version) modelStatisticsEntry {
	st := v.Statistics()
	failed := st.Failed + st.Refused + st.Expired + st.Cancelled
	e := modelStatisticsEntry{
		Name: v.Name(), Version: v.NumberText(), InferenceCount: st.Rows, ExecutionCount: st.Executions, BatchStats: []batchStatistics{},
		InferenceStats: map[string]duration{
			"success": {st.Succeeded, st.SucceededNS}, "fail": {failed, 0}, "queue": {st.Succeeded, st.QueueNS},
			"compute_input": {st.Succeeded, 0}, "compute_infer": {st.Succeeded, st.ComputeNS}, "compute_output": {st.Succeeded, 0},
		},
	}
	for _, b := range st.Batches {
		e.BatchStats = append(e.BatchStats, batchStatistics{b.Rows, duration{b.Executions, b.ComputeNS}})
	}
	return e
}

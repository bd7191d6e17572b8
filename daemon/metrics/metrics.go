// Package metrics names and holds what the daemon measures, in Prometheus's form.
//
// In: observations from the front ends, and a collector of the engine's state. Out: a registry to expose. Observing allocates nothing and takes no
// lock of ours.
package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Phase is a part of a request's way whose time is measured.
type Phase int

// The phases, in the order of a request's way.
const (
	Decode  Phase = iota // reading the body into staging
	Queue                // from the credit to the start of the batch
	Compute              // the batch's program
	Encode               // writing the response
	phases
)

var phaseNames = [phases]string{"decode", "queue", "compute", "encode"}

// latencyBuckets are in seconds, from the overhead of a tiny model to a large batch.
var latencyBuckets = []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1, 2, 5, 10}

// Metrics is a registry and the vectors that front ends observe.
type Metrics struct {
	Registry *prometheus.Registry
	duration *prometheus.HistogramVec
	requests *prometheus.CounterVec
	batch    *prometheus.HistogramVec
	models   sync.Map // name to *Model
}

// Model holds one model's observers, looked up once.
type Model struct {
	phase    [phases]prometheus.Observer
	batch    prometheus.Observer
	success  prometheus.Counter
	requests *prometheus.CounterVec
	name     string
}

// New makes a registry that also describes the Go runtime and the process.
func New(version string) *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "inferd_request_phase_duration_seconds", Help: "Time that successful inference requests spent in each phase.", Buckets: latencyBuckets,
		}, []string{"model", "phase"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "inferd_requests_total", Help: "Inference requests by model and outcome.",
		}, []string{"model", "outcome"}),
		batch: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "inferd_batch_rows", Help: "Rows of the batch in which each successful request ran.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}, []string{"model"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "inferd_build_info", Help: "1, labelled with the version.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.Registry.MustRegister(m.duration, m.requests, m.batch, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Model returns the observers of a model that exists. Names from requests must not reach it unchecked: each name makes time series.
func (m *Metrics) Model(name string) *Model {
	if known, ok := m.models.Load(name); ok {
		return known.(*Model)
	}
	model := &Model{name: name, requests: m.requests, batch: m.batch.WithLabelValues(name), success: m.requests.WithLabelValues(name, "success")}
	for phase, phaseName := range phaseNames {
		model.phase[phase] = m.duration.WithLabelValues(name, phaseName)
	}
	known, _ := m.models.LoadOrStore(name, model)
	return known.(*Model)
}

// Success observes a request that was answered with a result.
func (m *Model) Success(decode, queue, compute, encode time.Duration, batchRows int) {
	m.phase[Decode].Observe(decode.Seconds())
	m.phase[Queue].Observe(queue.Seconds())
	m.phase[Compute].Observe(compute.Seconds())
	m.phase[Encode].Observe(encode.Seconds())
	m.batch.Observe(float64(batchRows))
	m.success.Inc()
}

// Failure counts a request that was answered with an error; outcome is one of a fixed set of words.
func (m *Model) Failure(outcome string) { m.requests.WithLabelValues(m.name, outcome).Inc() }

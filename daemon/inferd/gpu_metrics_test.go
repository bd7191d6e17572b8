//go:build linux && amd64 && cgo && cuda

package main

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/inferd/inferd/daemon/engine"
)

// gauges gathers the metrics of the first GPU.
func gauges(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "device" && label.GetValue() == "cuda:0" {
					values[family.GetName()] = metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
				}
			}
		}
	}
	return values
}

// TestGPUMetrics serves requests on a slow GPU and looks for them in its load.
func TestGPUMetrics(t *testing.T) {
	s := newGPUScenario(t)
	flags := deviceFlags{device: deviceAuto, threads: 1, gpu: gpuOptions{slots: 2, logger: slog.New(slog.DiscardHandler)}}
	d, err := flags.open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	e, err := engine.New(engine.Options{Models: s.models, Units: d.engineUnits(1), Evaluator: d.reference, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	collector := &engineCollector{e, d.observed()}
	before := gauges(t, collector)
	const latency = 20 * time.Millisecond
	s.fake.SetLatency(latency)
	defer s.fake.SetLatency(0)
	began := time.Now()
	for range 3 {
		if err := s.infer(e); err != nil {
			t.Fatal(err)
		}
	}
	took, after := time.Since(began), gauges(t, collector)
	busy := after["inferd_device_busy_seconds_total"] - before["inferd_device_busy_seconds_total"]
	if busy < 3*latency.Seconds() || busy > took.Seconds() {
		t.Errorf("the GPU was busy for %v s of %v", busy, took)
	}
	free, total := after["inferd_device_memory_free_bytes"], after["inferd_device_memory_total_bytes"]
	if total != 8<<30 || free <= 0 || free >= total {
		t.Errorf("%v bytes of %v are free", free, total)
	}
}

//go:build linux && amd64 && cgo

package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// engineCollector reads the engine's own counters, and the devices' load, when metrics are scraped.
type engineCollector struct {
	engine   *engine.Engine
	observed []device.Observed
}

var (
	modelLabels     = []string{"model", "version"}
	inFlight        = prometheus.NewDesc("inferd_model_in_flight", "Requests that are queued or running.", modelLabels, nil)
	refused         = prometheus.NewDesc("inferd_model_refused_total", "Requests refused for lack of credits or a hopeless deadline.", modelLabels, nil)
	expired         = prometheus.NewDesc("inferd_model_expired_total", "Requests whose deadline passed in the queue.", modelLabels, nil)
	cancelled       = prometheus.NewDesc("inferd_model_cancelled_total", "Requests that their callers gave up.", modelLabels, nil)
	executions      = prometheus.NewDesc("inferd_model_executions_total", "Runs of programs, each for one batch.", modelLabels, nil)
	rows            = prometheus.NewDesc("inferd_model_rows_total", "Rows in those runs.", modelLabels, nil)
	compilations    = prometheus.NewDesc("inferd_model_compilations_total", "Programs compiled for new shapes.", modelLabels, nil)
	programs        = prometheus.NewDesc("inferd_model_programs", "Compiled programs kept.", modelLabels, nil)
	weights         = prometheus.NewDesc("inferd_model_weight_bytes", "Memory of packed weights.", modelLabels, nil)
	laneLabels      = []string{"device", "lane"}
	ringCrossings   = prometheus.NewDesc("inferd_lane_ring_crossings_total", "Requests pushed into the lane's ring.", laneLabels, nil)
	laneDriven      = prometheus.NewDesc("inferd_lane_driven_total", "Times that a handler ran the lane in place.", laneLabels, nil)
	laneHandedOver  = prometheus.NewDesc("inferd_lane_handed_over_total", "Times that a handler passed work on to the lane's goroutine.", laneLabels, nil)
	laneQueued      = prometheus.NewDesc("inferd_lane_queue_depth", "Requests in the lane's ring.", laneLabels, nil)
	stagingInUse    = prometheus.NewDesc("inferd_staging_bytes", "Staging memory of requests, by state.", []string{"state"}, nil)
	nativeLiveBytes = prometheus.NewDesc("inferd_native_memory_bytes", "Memory allocated outside the Go heap.", nil, nil)
	deviceWorks     = prometheus.NewDesc("inferd_device_up", "Whether the device works: 0 once it was lost.", []string{"device", "kind", "description"}, nil)
	deviceLabels    = []string{"device"}
	deviceBusy      = prometheus.NewDesc("inferd_device_busy_seconds_total", "Time in which the device had work: its rate is the utilisation.", deviceLabels, nil)
	deviceFree      = prometheus.NewDesc("inferd_device_memory_free_bytes", "Free memory of the device, counting all processes.", deviceLabels, nil)
	deviceTotal     = prometheus.NewDesc("inferd_device_memory_total_bytes", "Memory of the device.", deviceLabels, nil)
	modelDevice     = prometheus.NewDesc("inferd_model_device_info", "1, labelled with a device that runs the model.", []string{"model", "version", "device", "kind"}, nil)
)

// Describe implements prometheus.Collector; the set of models changes, so nothing is announced.
func (c *engineCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *engineCollector) Collect(out chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, kind, float64(value), labels...)
	}
	for _, v := range c.engine.Versions("") {
		st, name, number := v.Statistics(), v.Name(), v.NumberText()
		send(inFlight, prometheus.GaugeValue, st.InFlight, name, number)
		send(refused, prometheus.CounterValue, st.Refused, name, number)
		send(expired, prometheus.CounterValue, st.Expired, name, number)
		send(cancelled, prometheus.CounterValue, st.Cancelled, name, number)
		send(executions, prometheus.CounterValue, st.Executions, name, number)
		send(rows, prometheus.CounterValue, st.Rows, name, number)
		send(compilations, prometheus.CounterValue, st.Compilations, name, number)
		send(programs, prometheus.GaugeValue, int64(st.Programs), name, number)
		send(weights, prometheus.GaugeValue, v.WeightBytes(), name, number)
		for _, info := range v.Devices() {
			send(modelDevice, prometheus.GaugeValue, 1, name, number, info.Name, info.Kind)
		}
	}
	for _, u := range c.engine.Units() {
		working := int64(1)
		if u.Failure != nil {
			working = 0
		}
		send(deviceWorks, prometheus.GaugeValue, working, u.Name, u.Kind, u.Description)
		for i, lane := range u.Lanes {
			label := strconv.Itoa(i)
			send(ringCrossings, prometheus.CounterValue, lane.Crossings, u.Name, label)
			send(laneDriven, prometheus.CounterValue, lane.Driven, u.Name, label)
			send(laneHandedOver, prometheus.CounterValue, lane.HandedOver, u.Name, label)
			send(laneQueued, prometheus.GaugeValue, int64(lane.Queued), u.Name, label)
		}
	}
	for _, d := range c.observed {
		name := d.Info().Name
		out <- prometheus.MustNewConstMetric(deviceBusy, prometheus.CounterValue, d.Busy().Seconds(), name)
		// A lost device does not tell; inferd_device_up says so.
		if free, total, err := d.Memory(); err == nil {
			send(deviceFree, prometheus.GaugeValue, free, name)
			send(deviceTotal, prometheus.GaugeValue, total, name)
		}
	}
	inUse, kept := c.engine.StagingBytes()
	send(stagingInUse, prometheus.GaugeValue, inUse, "in_use")
	send(stagingInUse, prometheus.GaugeValue, kept, "kept")
	send(nativeLiveBytes, prometheus.GaugeValue, memory.LiveBytes())
}

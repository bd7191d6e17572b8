//go:build linux && amd64 && cgo

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/tensor"
)

// benchOptions are the flags of bench.
type benchOptions struct {
	sizes    map[string]int64
	data     string
	duration time.Duration
	json     bool
}

// benchResult is what bench prints.
type benchResult struct {
	Model      string             `json:"model"`
	Device     string             `json:"device"`
	Shapes     string             `json:"shapes"`
	Runs       int                `json:"runs"`
	Throughput float64            `json:"runs_per_second"`
	LatencyUS  map[string]float64 `json:"latency_us"`
}

func newBenchCommand() *cobra.Command {
	var flags deviceFlags
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Time a model without a server",
		Long: "Runs MODEL back to back on one lane and prints the latency's percentiles and the throughput. Inputs are random and fresh for every run, or those\n" +
			"of a data set folder.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := flags.open()
			if err != nil {
				return err
			}
			defer d.close()
			m, err := loadModel(args[0], d.options())
			if err != nil {
				return err
			}
			defer m.Close()
			result, err := benchModel(m, o)
			if err != nil {
				return err
			}
			result.Model = filepath.Base(args[0])
			return printBench(c.OutOrStdout(), result, o.json)
		},
	}
	flags.register(c, deviceCPU)
	c.Flags().StringToInt64Var(&o.sizes, "size", nil, "sizes of symbolic dimensions, for instance batch=8,sequence=128 (default 1; sequences 32)")
	c.Flags().StringVar(&o.data, "data", "", "folder with input_I.pb (default: random inputs)")
	c.Flags().DurationVar(&o.duration, "duration", 3*time.Second, "how long to measure, after a tenth of it to warm up")
	c.Flags().BoolVar(&o.json, "json", false, "print JSON")
	return c
}

func benchModel(m *compiler.Model, o benchOptions) (benchResult, error) {
	shapes := checkShapes(m, o.sizes)
	var fixed []*tensor.Tensor
	if o.data != "" {
		var err error
		if fixed, err = readTensors(o.data, "input", len(m.Inputs())); err != nil {
			return benchResult{}, err
		}
		for i, t := range fixed {
			shapes[i] = t.Shape
		}
	}
	p, err := m.Specialize(shapes)
	if err != nil {
		return benchResult{}, err
	}
	defer p.Close()
	r, err := compiler.NewRunner(p)
	if err != nil {
		return benchResult{}, err
	}
	defer r.Close()
	latencies, err := timeRuns(r, p, fixed, o.duration)
	if err != nil {
		return benchResult{}, err
	}
	return summarize(m, p, latencies), nil
}

// timeRuns measures runs for the duration; preparing inputs does not count.
func timeRuns(r *compiler.Runner, p *program.Program, fixed []*tensor.Tensor, duration time.Duration) ([]time.Duration, error) {
	random := rand.New(rand.NewPCG(1, 2))
	var latencies []time.Duration
	start := time.Now()
	for measuring := false; ; {
		inputs := fixed
		if fixed == nil {
			inputs = randomInputs(p, random)
		}
		if err := r.SetInputs(inputs); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := r.Compute(); err != nil {
			return nil, err
		}
		if measuring {
			latencies = append(latencies, time.Since(began))
		}
		elapsed := time.Since(start)
		measuring = measuring || elapsed > duration/10
		if elapsed > duration && len(latencies) > 0 {
			return latencies, nil
		}
	}
}

// randomInputs fills floats from a normal distribution and integers with 0 or 1, which index any table.
func randomInputs(p *program.Program, random *rand.Rand) []*tensor.Tensor {
	list := make([]*tensor.Tensor, len(p.Inputs))
	for i, port := range p.Inputs {
		t := tensor.New(port.DType, port.Shape...)
		switch port.DType {
		case tensor.Float32:
			for j := range tensor.Slice[float32](t) {
				tensor.Slice[float32](t)[j] = float32(random.NormFloat64())
			}
		case tensor.Int64:
			for j := range tensor.Slice[int64](t) {
				tensor.Slice[int64](t)[j] = random.Int64N(2)
			}
		}
		list[i] = t
	}
	return list
}

func summarize(m *compiler.Model, p *program.Program, latencies []time.Duration) benchResult {
	var sum time.Duration
	for _, latency := range latencies {
		sum += latency
	}
	slices.Sort(latencies)
	at := func(q float64) float64 {
		return float64(latencies[min(len(latencies)-1, int(q*float64(len(latencies))))]) / 1e3
	}
	info := m.Device().Info()
	return benchResult{
		Device: info.Name + ", " + info.Description, Shapes: shapesOf(p), Runs: len(latencies), Throughput: float64(len(latencies)) / sum.Seconds(),
		LatencyUS: map[string]float64{"min": at(0), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1)},
	}
}

func printBench(w io.Writer, r benchResult, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", line)
		return err
	}
	fmt.Fprintf(w, "%s on %s, %s\n", r.Model, r.Device, r.Shapes)
	fmt.Fprintf(w, "%d runs, %.1f runs/s\n", r.Runs, r.Throughput)
	for _, name := range []string{"min", "p50", "p90", "p99", "max"} {
		fmt.Fprintf(w, "  %-4s %10.1f us\n", name, r.LatencyUS[name])
	}
	return nil
}

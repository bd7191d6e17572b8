//go:build linux && amd64 && cgo

package main

import (
	"encoding/json"
	"errors"
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
	inFlight int
	json     bool
}

// benchResult is what bench prints.
type benchResult struct {
	Model      string             `json:"model"`
	Device     string             `json:"device"`
	Shapes     string             `json:"shapes"`
	InFlight   int                `json:"in_flight"`
	Runs       int                `json:"runs"`
	Throughput float64            `json:"runs_per_second"`
	LatencyUS  map[string]float64 `json:"latency_us"`
	// SubmitUS is the part of the latency until a device that works by itself has taken the run.
	SubmitUS map[string]float64 `json:"submit_us,omitempty"`
}

func newBenchCommand() *cobra.Command {
	var flags deviceFlags
	var o benchOptions
	c := &cobra.Command{
		Use:   "bench MODEL",
		Short: "Time a model without a server",
		Long: "Runs MODEL back to back, or several runs at a time on a GPU, and prints the latency's percentiles and the throughput. Inputs are random, eight sets in turn, or those\n" +
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
	c.Flags().IntVar(&o.inFlight, "in-flight", 1, "runs at a time; a GPU copies for one while it computes another")
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
	loads, wall, err := timeAll(p, fixed, o)
	if err != nil {
		return benchResult{}, err
	}
	return summarize(m, p, loads, wall), nil
}

// load is one caller of a program: it runs it back to back.
type load struct {
	runner     *compiler.Runner
	sets       [][]*tensor.Tensor // of inputs, taken in turn
	latencies  []time.Duration
	submitting []time.Duration
}

// inputSets is how many sets of random inputs a load takes in turn, so that no run finds its predecessor's in the cache by luck alone.
const inputSets = 8

// timeAll runs as many loads at a time as asked for, and returns the time that they took together.
func timeAll(p *program.Program, fixed []*tensor.Tensor, o benchOptions) (loads []*load, wall time.Duration, err error) {
	random := rand.New(rand.NewPCG(1, 2))
	for range max(1, o.inFlight) {
		r, err := compiler.NewRunner(p)
		if err != nil {
			return nil, 0, err
		}
		defer r.Close()
		l := &load{runner: r, sets: [][]*tensor.Tensor{fixed}}
		if fixed == nil {
			l.sets = nil
			for range inputSets {
				l.sets = append(l.sets, randomInputs(p, random))
			}
		}
		loads = append(loads, l)
	}
	failures := make(chan error, len(loads))
	run := func(duration time.Duration, measure bool) error {
		for _, l := range loads {
			go func() { failures <- l.run(duration, measure) }()
		}
		var list []error
		for range loads {
			list = append(list, <-failures)
		}
		return errors.Join(list...)
	}
	if err := run(o.duration/10, false); err != nil {
		return nil, 0, err
	}
	start := time.Now()
	err = run(o.duration, true)
	return loads, time.Since(start), err
}

// run runs for the duration, once at least. Copying inputs to where the program reads them does not count as latency.
func (l *load) run(duration time.Duration, measure bool) error {
	start := time.Now()
	for i := 0; i == 0 || time.Since(start) < duration; i++ {
		if err := l.runner.SetInputs(l.sets[i%len(l.sets)]); err != nil {
			return err
		}
		began := time.Now()
		if err := l.runner.Compute(); err != nil {
			return err
		}
		if measure {
			l.latencies = append(l.latencies, time.Since(began))
			l.submitting = append(l.submitting, l.runner.Submitting())
		}
	}
	return nil
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

func summarize(m *compiler.Model, p *program.Program, loads []*load, wall time.Duration) benchResult {
	var latencies, submitting []time.Duration
	for _, l := range loads {
		latencies = append(latencies, l.latencies...)
		submitting = append(submitting, l.submitting...)
	}
	info := m.Device().Info()
	result := benchResult{
		Device: info.Name + ", " + info.Description, Shapes: shapesOf(p), InFlight: len(loads), Runs: len(latencies),
		Throughput: float64(len(latencies)) / wall.Seconds(), LatencyUS: percentiles(latencies),
	}
	if p.Executor != nil {
		result.SubmitUS = percentiles(submitting)
	}
	return result
}

// percentiles are in microseconds.
func percentiles(list []time.Duration) map[string]float64 {
	slices.Sort(list)
	at := func(q float64) float64 { return float64(list[min(len(list)-1, int(q*float64(len(list))))]) / 1e3 }
	return map[string]float64{"min": at(0), "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1)}
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
	fmt.Fprintf(w, "%d runs, %d at a time, %.1f runs/s\n", r.Runs, r.InFlight, r.Throughput)
	for _, name := range []string{"min", "p50", "p90", "p99", "max"} {
		fmt.Fprintf(w, "  %-4s %10.1f us", name, r.LatencyUS[name])
		if r.SubmitUS != nil {
			fmt.Fprintf(w, ", of which %.1f us to submit", r.SubmitUS[name])
		}
		fmt.Fprintln(w)
	}
	return nil
}

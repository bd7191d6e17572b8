// Package compiler runs the pipeline from ONNX bytes to programs: import, inference, optimisation, kernel choice, memory plan.
//
// In: a model file and a device. Out: a Model, and from it programs for concrete input shapes. The rooms below do the work; this
// package only orders them.
package compiler

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/compiler/optimize"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
)

// DefaultFoldLimit is the largest constant, in bytes, that folding may create.
const DefaultFoldLimit = 16 << 20

// Options says for whom a model is compiled.
type Options struct {
	// Devices run the model, in order of preference: an operator runs on the first one that has a kernel for it. The first decides what is fused,
	// and only the first may work by itself.
	Devices []device.Device
	// Evaluator computes constants.
	Evaluator device.Evaluator
	// FoldLimit bounds folded constants in bytes; 0 means DefaultFoldLimit.
	FoldLimit int64
	// Precision is what a GPU computes in. The CPU's kernels are for float32, whatever is asked for.
	Precision optimize.Precision
	// Folder is where external data of the model may lie; empty forbids external data.
	Folder string
	// Observe sees the graph after each pass; nil means nobody looks.
	Observe func(pass string, g *graph.Graph, changes int)
}

// Batching says whether several requests may run as one batch.
type Batching struct {
	Batchable bool
	Reason    string // why not, where not
	Symbol    string // the dimension that counts requests' rows
}

// Model is a prepared model: weights packed once, ready to be specialised for shapes. It is safe for concurrent use.
type Model struct {
	options  Options
	prepared *graph.Graph
	batching Batching
	metadata *onnx.Metadata
	stores   []device.Weights // one for each device
}

// Load prepares the model in data. The data may be dropped once Seal was called.
func Load(data []byte, options Options) (*Model, error) {
	m, err := load(data, options)
	return m, shortened(err)
}

func load(data []byte, options Options) (*Model, error) {
	if len(options.Devices) == 0 {
		return nil, errors.New("no device to compile for")
	}
	if options.FoldLimit == 0 {
		options.FoldLimit = DefaultFoldLimit
	}
	g, metadata, err := onnx.Parse(data, onnx.Options{Folder: options.Folder})
	if err != nil {
		return nil, err
	}
	observe(options, "import", g)
	if err := op.Infer(g); err != nil {
		return nil, err
	}
	observe(options, "infer", g)
	m := &Model{options: options, prepared: g, metadata: metadata}
	if err := optimize.Run(g, m.target(), optimize.Prepare, options.Observe); err != nil {
		return nil, err
	}
	m.batching = proveBatching(g)
	m.stores = newStores(options.Devices)
	list := constants(g)
	for _, s := range m.stores {
		s.Adopt(list)
	}
	return m, nil
}

func observe(options Options, pass string, g *graph.Graph) {
	if options.Observe != nil {
		options.Observe(pass, g, len(g.Nodes))
	}
}

// target describes the device and the limits to the optimiser.
func (m *Model) target() optimize.Target {
	return optimize.Target{
		Fuses:     m.options.Devices[0].Fuses,
		Evaluate:  m.evaluate,
		FoldLimit: m.options.FoldLimit,
		Narrow:    m.options.Devices[0].Info().Kind == device.KindGPU,
		Precision: m.options.Precision,
	}
}

// evaluate sets the constants of a node's outputs from those of its inputs.
func (m *Model) evaluate(n *graph.Node) error {
	inputs := make([]*tensor.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v != nil {
			inputs[i] = v.Constant
		}
	}
	outputs, err := m.options.Evaluator.Evaluate(n, inputs)
	if err != nil {
		return fmt.Errorf("%v: folding: %w", n, err)
	}
	for i, v := range n.Outputs {
		if v != nil && i < len(outputs) {
			v.Constant = outputs[i]
		}
	}
	return nil
}

// proveBatching looks for one symbol at axis 0 of every input and asks op for the proof.
func proveBatching(g *graph.Graph) Batching {
	if len(g.Inputs) == 0 {
		return Batching{Reason: "the model has no inputs"}
	}
	symbol := ""
	for _, v := range g.Inputs {
		if !v.Ranked || len(v.Shape) == 0 {
			return Batching{Reason: fmt.Sprintf("input %q has no dimension to batch along", v.Name)}
		}
		if size, known := v.Shape[0].Known(); known {
			return Batching{Reason: fmt.Sprintf("dimension 0 of input %q is fixed to %d", v.Name, size)}
		}
		name := v.Shape[0].String()
		if symbol != "" && name != symbol {
			return Batching{Reason: fmt.Sprintf("dimension 0 of input %q is %s, of others %s", v.Name, name, symbol)}
		}
		symbol = name
	}
	if err := op.BatchProof(g, symbol); err != nil {
		return Batching{Reason: err.Error(), Symbol: symbol}
	}
	return Batching{Batchable: true, Symbol: symbol}
}

// Name is the graph's name in the file.
func (m *Model) Name() string { return m.prepared.Name }

// Inputs are the model's inputs with their symbolic shapes.
func (m *Model) Inputs() []*graph.Value { return m.prepared.Inputs }

// Outputs are the model's outputs with their inferred shapes; OutputNames holds the names that callers use.
func (m *Model) Outputs() []*graph.Value { return m.prepared.Outputs }

// OutputNames are the outputs' names in order.
func (m *Model) OutputNames() []string { return m.prepared.OutputNames }

// Batching says whether requests may be batched, and why not.
func (m *Model) Batching() Batching { return m.batching }

// Metadata is what the file says about itself.
func (m *Model) Metadata() *onnx.Metadata { return m.metadata }

// Device is the device that the model was prepared for.
func (m *Model) Device() device.Device { return m.options.Devices[0] }

// WeightBytes is the memory that packed weights take on the devices.
func (m *Model) WeightBytes() (sum int64) {
	for _, s := range m.stores {
		sum += s.Bytes()
	}
	return sum
}

// Dump prints the prepared graph.
func (m *Model) Dump(w io.Writer) { m.prepared.Dump(w) }

// OperatorCounts returns how many nodes of each operator the prepared graph has.
func (m *Model) OperatorCounts() map[string]int {
	counts := make(map[string]int)
	for _, n := range m.prepared.Nodes {
		counts[n.QualifiedOp()]++
	}
	return counts
}

// Seal drops the elements of large constants from Go's memory; weights that are packed stay on the device. Call it once a first program is
// complete; the bytes given to Load may be freed afterwards.
func (m *Model) Seal() {
	for _, v := range constants(m.prepared) {
		t := v.Constant
		if len(t.Data) > device.SealedConstantBytes && hold(m.stores, v) {
			t.Data = nil
			continue
		}
		t.Data, t.Strings = slices.Clone(t.Data), cloneStrings(t.Strings)
	}
}

func cloneStrings(list []string) []string {
	copied := slices.Clone(list)
	for i, text := range copied {
		copied[i] = strings.Clone(text)
	}
	return copied
}

// Close frees the weights. No program of the model may be running.
func (m *Model) Close() { closeAll(m.stores) }

// Specialize compiles a program for concrete shapes, in the order of Inputs.
func (m *Model) Specialize(shapes [][]int64) (*program.Program, error) {
	p, err := m.specialize(shapes)
	return p, shortened(err)
}

func (m *Model) specialize(shapes [][]int64) (*program.Program, error) {
	values, err := m.Bind(shapes)
	if err != nil {
		return nil, err
	}
	g := m.prepared.Clone()
	for i, v := range g.Inputs {
		if !v.Ranked {
			v.Shape, v.Ranked = graph.Dims(shapes[i]), true
		}
	}
	if err := op.Specialize(g, values); err != nil {
		return nil, err
	}
	if err := optimize.Run(g, m.target(), optimize.Specialize, m.options.Observe); err != nil {
		return nil, err
	}
	return m.build(g)
}

// Bind matches concrete shapes with the inputs' declared ones and returns the value of every symbol.
func (m *Model) Bind(shapes [][]int64) (map[string]int64, error) {
	if len(shapes) != len(m.prepared.Inputs) {
		return nil, fmt.Errorf("%d input shapes for a model of %d inputs", len(shapes), len(m.prepared.Inputs))
	}
	values := make(map[string]int64)
	for i, v := range m.prepared.Inputs {
		if !v.Ranked {
			continue
		}
		if len(shapes[i]) != len(v.Shape) {
			return nil, fmt.Errorf("input %q: shape %v has %d dimensions, the model wants %s", v.Name, shapes[i], len(shapes[i]), v.Type())
		}
		for axis, dim := range v.Shape {
			size := shapes[i][axis]
			if known, ok := dim.Eval(values).Known(); ok {
				if known != size {
					return nil, fmt.Errorf("input %q: dimension %d is %d, the model wants %d (%s)", v.Name, axis, size, known, v.Type())
				}
				continue
			}
			values[dim.String()] = size
		}
	}
	return values, nil
}

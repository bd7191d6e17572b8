package optimize

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// builder writes small graphs for tests; a wrong one fails the test.
type builder struct {
	t testing.TB
	g *graph.Graph
	// refused is called for a node that inference refuses; nil fails the test.
	refused func(err error)
}

func newBuilder(t testing.TB) *builder {
	return &builder{t: t, g: &graph.Graph{Name: t.Name()}}
}

// input adds a graph input; dimensions are ints or symbols' names.
func (b *builder) input(name string, dtype tensor.DType, dims ...any) *graph.Value {
	v := &graph.Value{Name: name, DType: dtype, Ranked: true, Shape: []graph.Dim{}}
	for _, dim := range dims {
		switch dim := dim.(type) {
		case int:
			v.Shape = append(v.Shape, graph.Int(int64(dim)))
		case string:
			v.Shape = append(v.Shape, graph.Symbol(dim))
		}
	}
	b.g.Inputs = append(b.g.Inputs, v)
	return v
}

func (b *builder) floats(name string, dims ...any) *graph.Value {
	return b.input(name, tensor.Float32, dims...)
}

// weights makes a constant with elements that differ.
func (b *builder) weights(shape ...int64) *graph.Value {
	t := tensor.New(tensor.Float32, shape...)
	for i, elements := 0, tensor.Slice[float32](t); i < len(elements); i++ {
		elements[i] = float32(i%7)*0.125 - 0.25
	}
	return graph.NewConstant(fmt.Sprintf("weights%d", len(b.g.Nodes)), t)
}

func (b *builder) number(x float32) *graph.Value {
	return graph.NewConstant("number", tensor.FromSlice([]float32{x}))
}

// factors makes a constant list of numbers.
func (b *builder) factors(x ...float32) *graph.Value {
	return graph.NewConstant("factors", tensor.FromSlice(x, int64(len(x))))
}

func (b *builder) list(x ...int64) *graph.Value { return integerConstant("list", x...) }

func (b *builder) integer(x int64) *graph.Value {
	return graph.NewConstant("integer", tensor.FromSlice([]int64{x}))
}

// versions of operators that are not 17, the tests' operator set.
var versions = map[string]int{"Gelu": 20}

func (b *builder) node(name string, attributes graph.Attributes, inputs ...*graph.Value) *graph.Value {
	return b.nodes(name, 1, attributes, inputs...)[0]
}

func (b *builder) nodes(name string, outputs int, attributes graph.Attributes, inputs ...*graph.Value) []*graph.Value {
	b.t.Helper()
	version := 17
	if v, ok := versions[name]; ok {
		version = v
	}
	n := &graph.Node{Name: fmt.Sprintf("%s_%d", name, len(b.g.Nodes)), Op: name, Version: version, Attributes: attributes, Inputs: inputs}
	for i := range outputs {
		n.Outputs = append(n.Outputs, &graph.Value{Name: fmt.Sprintf("%s.%d", n.Name, i), Producer: n})
	}
	b.g.Nodes = append(b.g.Nodes, n)
	if err := op.InferNode(b.g, n); err != nil {
		if b.refused == nil {
			b.t.Fatal(err)
		}
		b.g.Nodes = b.g.Nodes[:len(b.g.Nodes)-1]
		b.refused(err)
	}
	return n.Outputs
}

func (b *builder) output(values ...*graph.Value) {
	for _, v := range values {
		b.g.Outputs = append(b.g.Outputs, v)
		b.g.OutputNames = append(b.g.OutputNames, v.Name)
	}
}

// fusesAll is a device that has every fused operator.
func fusesAll(string) bool { return true }

func fusesNone(string) bool { return false }

// prepare runs the passes and checks that a second run finds nothing left to do.
func (b *builder) prepare(fuses func(string) bool) {
	b.t.Helper()
	prepare(b.t, b.g, Target{Fuses: fuses, Evaluate: evaluate, FoldLimit: 1 << 20})
}

func prepare(t testing.TB, g *graph.Graph, target Target) {
	t.Helper()
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	if err := Run(g, target, Prepare, nil); err != nil {
		t.Fatal(err)
	}
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	again := func(pass string, g *graph.Graph, changes int) {
		t.Errorf("not idempotent: a second run of %q made %d changes\n%s", pass, changes, dump(g))
	}
	if err := Run(g, target, Prepare, again); err != nil {
		t.Fatal(err)
	}
}

func dump(g *graph.Graph) string {
	var text bytes.Buffer
	g.Dump(&text)
	return text.String()
}

// operators counts the nodes by operator, as "Conv:2 Relu:1".
func operators(g *graph.Graph) string {
	counts := make(map[string]int)
	for _, n := range g.Nodes {
		counts[n.QualifiedOp()]++
	}
	names := make([]string, 0, len(counts))
	for name, count := range counts {
		names = append(names, fmt.Sprintf("%s:%d", name, count))
	}
	slices.Sort(names)
	text := ""
	for i, name := range names {
		if i > 0 {
			text += " "
		}
		text += name
	}
	return text
}

// want fails the test where the graph's operators are others.
func (b *builder) want(text string) {
	b.t.Helper()
	if got := operators(b.g); got != text {
		b.t.Errorf("got operators %q, want %q\n%s", got, text, dump(b.g))
	}
}

// only returns the single node of an operator.
func (b *builder) only(qualified string) *graph.Node {
	b.t.Helper()
	var found *graph.Node
	for _, n := range b.g.Nodes {
		if n.QualifiedOp() == qualified {
			if found != nil {
				b.t.Fatalf("several nodes %s\n%s", qualified, dump(b.g))
			}
			found = n
		}
	}
	if found == nil {
		b.t.Fatalf("no node %s\n%s", qualified, dump(b.g))
	}
	return found
}

package op_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// builder makes small graphs node by node, inferring each.
type builder struct {
	t *testing.T
	g *graph.Graph
}

func newBuilder(t *testing.T) *builder { return &builder{t, &graph.Graph{Name: "test"}} }

// dims reads a shape such as "batch,3,2*seq".
func dims(shape string) []graph.Dim {
	out := []graph.Dim{}
	for _, text := range strings.FieldsFunc(shape, func(r rune) bool { return r == ',' }) {
		dim := graph.Int(1)
		for _, factor := range strings.Split(text, "*") {
			var size int64
			if _, err := fmt.Sscan(factor, &size); err == nil {
				dim = dim.Mul(graph.Int(size))
			} else {
				dim = dim.Mul(graph.Symbol(factor))
			}
		}
		out = append(out, dim)
	}
	return out
}

// input adds a graph input; without a shape ("?") its rank is unknown.
func (b *builder) input(dtype tensor.DType, shape string) *graph.Value {
	v := &graph.Value{Name: fmt.Sprintf("in%d", len(b.g.Inputs)), DType: dtype, Ranked: true, Shape: dims(shape)}
	if shape == "?" {
		v.Ranked, v.Shape = false, nil
	}
	b.g.Inputs = append(b.g.Inputs, v)
	return v
}

func (b *builder) float(shape string) *graph.Value { return b.input(tensor.Float32, shape) }

// list makes a constant int64 list.
func list(elements ...int64) *graph.Value {
	return graph.NewConstant("list", tensor.FromSlice(elements, int64(len(elements))))
}

// scalar makes a constant int64 scalar.
func scalar(element int64) *graph.Value {
	return graph.NewConstant("scalar", tensor.FromSlice([]int64{element}))
}

// content makes a list whose elements are dimensions.
func content(shape string) *graph.Value {
	elements := dims(shape)
	return &graph.Value{Name: "content", DType: tensor.Int64, Ranked: true, Shape: []graph.Dim{graph.Int(int64(len(elements)))}, Content: elements}
}

// add appends a node with outputs and infers it. A name with a dot is of that domain.
func (b *builder) add(name string, outputs int, attributes graph.Attributes, inputs ...*graph.Value) (*graph.Node, error) {
	n := &graph.Node{Name: fmt.Sprintf("n%d", len(b.g.Nodes)), Op: name, Version: 24, Attributes: attributes, Inputs: inputs}
	if domain, short, ok := strings.Cut(name, ":"); ok {
		n.Domain, n.Op, n.Version = domain, short, 1
	}
	for i := range outputs {
		n.Outputs = append(n.Outputs, &graph.Value{Name: fmt.Sprintf("%s.%d", n.Name, i), Producer: n})
	}
	b.g.Nodes = append(b.g.Nodes, n)
	return n, op.InferNode(b.g, n)
}

// node appends a node with one output, which it returns.
func (b *builder) node(name string, attributes graph.Attributes, inputs ...*graph.Value) *graph.Value {
	b.t.Helper()
	n, err := b.add(name, 1, attributes, inputs...)
	if err != nil {
		b.t.Fatal(err)
	}
	return n.Outputs[0]
}

// describe writes a value's type, its content and its affine form.
func describe(v *graph.Value) string {
	text := v.Type()
	if v.Content != nil {
		text += fmt.Sprint(" = ", v.Content)
	}
	if v.Affine != nil {
		text += fmt.Sprintf(" ~ %v%v", v.Affine.Base, v.Affine.Strides)
	}
	return text
}

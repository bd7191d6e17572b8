package op_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// choices draws a graph from bytes, so that the fuzzer can steer it; it goes on with zeros.
type choices struct{ data []byte }

func (c *choices) below(n int) int {
	if len(c.data) == 0 {
		return 0
	}
	x := int(c.data[0])
	c.data = c.data[1:]
	return x % n
}

func pick[T any](c *choices, list ...T) T { return list[c.below(len(list))] }

func (c *choices) integer() int64 {
	return pick[int64](c, 0, 1, 2, 3, -1, -2, 4, 7, 8, math.MaxInt64, math.MinInt64, math.MaxInt32, 64, 1<<40)
}

func (c *choices) integers() []int64 {
	out := make([]int64, c.below(5))
	for i := range out {
		out[i] = c.integer()
	}
	return out
}

func (c *choices) dim() graph.Dim {
	return pick(c, graph.Int(1), graph.Int(2), graph.Int(3), graph.Int(8), graph.Symbol("batch"), graph.Symbol("seq"), graph.Symbol("batch").Mul(graph.Int(2)),
		graph.Int(0), graph.Int(math.MaxInt64))
}

// value is an input with anything from no rank to constant elements.
func (c *choices) value(g *graph.Graph) *graph.Value {
	dtype := pick(c, tensor.Float32, tensor.Int64, tensor.Int32, tensor.Bool, tensor.String, tensor.Float64, tensor.Uint8, tensor.Int8)
	name := fmt.Sprintf("v%d", c.below(256))
	switch c.below(7) {
	case 0:
		return nil
	case 6:
		elements := make([]float32, c.below(5))
		for i := range elements {
			elements[i] = pick(c, 1, 2, 0.5, 0.3, 0, -1, float32(c.integer()), float32(math.NaN()), float32(math.Inf(1)), math.SmallestNonzeroFloat32)
		}
		return graph.NewConstant(name, tensor.FromSlice(elements, int64(len(elements))))
	case 1:
		elements := c.integers()
		return graph.NewConstant(name, tensor.FromSlice(elements, int64(len(elements))))
	case 2:
		return graph.NewConstant(name, tensor.New(dtype, pick[int64](c, 1, 2), pick[int64](c, 1, 3)))
	case 3:
		v := content("")
		for range c.below(4) {
			v.Content = append(v.Content, c.dim())
		}
		v.Shape[0] = graph.Int(int64(len(v.Content)))
		return v
	}
	v := &graph.Value{Name: name, DType: dtype, Ranked: c.below(8) > 0}
	for range c.below(6) {
		v.Shape = append(v.Shape, c.dim())
	}
	if !v.Ranked {
		v.Shape = nil
	}
	g.Inputs = append(g.Inputs, v)
	return v
}

func (c *choices) attribute(kind string) any {
	switch kind {
	case "int":
		return c.integer()
	case "float":
		return float32(c.integer())
	case "text":
		return pick(c, "", "SAME_UPPER", "VALID", "bidirectional", "reflect", "L2", "linear", "not_larger", "tf_crop_and_resize")
	case "ints":
		return c.integers()
	case "floats":
		return make([]float32, c.below(4))
	case "texts":
		return make([]string, c.below(4))
	case "tensor":
		return tensor.New(pick(c, tensor.Float32, tensor.Int64, tensor.String), int64(c.below(3)))
	}
	return op.Chain{{Op: pick(c, "Add", "Where", "Cast", "Relu"), Args: []int{c.below(4), c.below(4)}}}
}

var operators = op.Operators()

// inferAnything builds a few nodes of any operators from the bytes and runs everything that inference offers; only panics fail.
func inferAnything(data []byte) (nodes int) {
	c := &choices{data}
	g := &graph.Graph{Name: "hostile"}
	values := []*graph.Value{c.value(g), c.value(g)}
	for range 12 {
		o := operators[(c.below(256)*7+c.below(256))%len(operators)]
		n := &graph.Node{Name: "n", Domain: o.Domain, Op: o.Name, Version: o.MaxVersion, Attributes: graph.Attributes{}}
		for range max(o.MinInputs, c.below(5)) {
			if c.below(2) == 0 {
				n.Inputs = append(n.Inputs, values[len(values)-1])
			} else {
				n.Inputs = append(n.Inputs, c.value(g))
			}
		}
		for _, attribute := range strings.Fields(o.Attributes) {
			if name, kind, _ := strings.Cut(attribute, ":"); c.below(2) == 0 {
				n.Attributes[name] = c.attribute(kind)
			}
		}
		for range max(o.MinOutputs, c.below(4)) {
			n.Outputs = append(n.Outputs, &graph.Value{Name: "out", Producer: n})
		}
		if op.InferNode(g, n) != nil {
			continue
		}
		op.CostOf(n)
		g.Nodes = append(g.Nodes, n)
		g.Outputs, g.OutputNames = n.Outputs[:1], []string{"y"}
		values = append(values, n.Outputs[0])
		switch o.Name {
		case "Slice":
			_, _ = op.SliceRanges(n)
		case "Resize":
			_, _ = op.ResizeAxes(n)
		}
	}
	_ = op.BatchProof(g, "batch")
	_ = op.Specialize(g, map[string]int64{"batch": int64(c.below(4)), "seq": c.integer()})
	return len(g.Nodes)
}

// TestInferAnything feeds seeded random graphs.
func TestInferAnything(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data, nodes := make([]byte, 300), 0
	for range 20000 {
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		nodes += inferAnything(data)
	}
	if nodes < 10000 {
		t.Errorf("only %d nodes were inferred", nodes)
	}
}

func FuzzInfer(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Fuzz(func(t *testing.T, data []byte) { inferAnything(data) })
}

package optimize

import (
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// choices is a stream of decisions that a fuzzer controls; an exhausted one answers 0.
type choices []byte

func (c *choices) next(n int) int {
	if len(*c) == 0 || n < 1 {
		return 0
	}
	x := int((*c)[0])
	*c = (*c)[1:]
	return x % n
}

// randomGraph writes a graph of the operators that passes look at, with shapes small enough for the reference device.
func randomGraph(t testing.TB, c *choices) *graph.Graph {
	b := newBuilder(t)
	b.refused = func(err error) { panic(refusal{err}) }
	values := []*graph.Value{b.floats("x", "batch", 4, 6, 6), b.floats("y", "batch", 5, 8), b.floats("z", "batch", 8)}
	for range 3 + c.next(12) {
		v := values[len(values)-1-c.next(min(4, len(values)))]
		if next := b.tryNode(c, v, values); next != nil && usable(next) {
			values = append(values, next)
		}
	}
	b.output(values[len(values)-1], values[len(values)-1-c.next(3)])
	return b.g
}

// refusal carries the error of a node that cannot be.
type refusal struct{ err error }

// tryNode adds a random node, or none where inference refuses it.
func (b *builder) tryNode(c *choices, v *graph.Value, values []*graph.Value) (next *graph.Value) {
	defer func() {
		cause := recover()
		if _, ok := cause.(refusal); cause != nil && !ok {
			panic(cause)
		}
	}()
	return b.randomNode(c, v, values)
}

// usable reports whether the value may be read further: it has elements, and few.
func usable(v *graph.Value) bool {
	count := int64(1)
	for _, dim := range v.Shape {
		count *= known(dim)
	}
	return v.DType == tensor.Float32 && len(v.Shape) > 1 && v.Shape[0].String() == "batch" && count > 0 && count < 4096
}

// known returns a dimension's size, or 2 for the batch, which no operator below depends on.
func known(dim graph.Dim) int64 {
	if size, ok := dim.Known(); ok {
		return size
	}
	return 2
}

func (b *builder) randomNode(c *choices, v *graph.Value, values []*graph.Value) *graph.Value {
	last := known(v.Shape[len(v.Shape)-1])
	attribute := func(name string, value any) graph.Attributes { return graph.Attributes{name: value} }
	switch c.next(20) {
	case 0:
		return b.node([]string{"Relu", "Tanh", "Sigmoid", "HardSwish", "Abs", "Neg", "Identity", "HardSigmoid"}[c.next(8)], nil, v)
	case 1:
		operand := []*graph.Value{b.number(1), b.number(0.5), b.weights(last), b.weights(1, last)}[c.next(4)]
		return b.node([]string{"Add", "Mul", "Sub", "Max"}[c.next(4)], nil, v, operand)
	case 2:
		for _, w := range values {
			if w != v && sameDims(w.Shape, v.Shape) {
				return b.node([]string{"Add", "Mul"}[c.next(2)], nil, v, w)
			}
		}
	case 3:
		return b.node("Add", nil, v, v)
	case 4:
		return b.node("MatMul", nil, v, b.weights(last, int64(4+4*c.next(2))))
	case 5:
		return b.node("LayerNormalization", attribute("axis", int64(-1)), v, b.weights(last), b.weights(last))
	case 6:
		return b.node("Softmax", attribute("axis", int64(1+c.next(len(v.Shape)-1))), v)
	case 7:
		perm := make([]int64, len(v.Shape))
		for i := range perm {
			perm[i] = int64(i)
		}
		if i, k := 1+c.next(len(perm)-1), 1+c.next(len(perm)-1); len(perm) > 1 {
			perm[i], perm[k] = perm[k], perm[i]
		}
		return b.node("Transpose", attribute("perm", perm), v)
	case 8:
		return b.node("Reshape", nil, v, [...]*graph.Value{b.list(0, -1), b.list(0, -1, 1), b.list(0, 1, -1), b.list(0, -1, 1, 1), b.list(0, -1, 2)}[c.next(4+int(1-last%2))])
	case 9:
		axis := 1 + c.next(len(v.Shape)-1)
		return b.node("Slice", nil, v, b.list(int64(c.next(2))), b.list(int64(3-c.next(5))), b.list(int64(axis)))
	case 10:
		return b.node("Concat", attribute("axis", int64(1+c.next(len(v.Shape)-1))), v, v)
	case 11:
		return b.node("ReduceMean", attribute("keepdims", int64(c.next(2))), v, b.list(int64(-1)))
	case 12:
		return b.erfGelu(v, 1.4142135, 1, 0.5)
	case 13:
		return b.node("Gather", attribute("axis", int64(1+c.next(len(v.Shape)-1))), v, b.integer(0))
	case 14:
		row := b.node("Slice", nil, v, b.list(0), b.list(1), b.list(1))
		return b.node("Mul", nil, v, b.node("Expand", nil, row, b.node("Shape", nil, v)))
	}
	if len(v.Shape) != 4 {
		return nil
	}
	return b.randomImageNode(c, v)
}

func (b *builder) randomImageNode(c *choices, v *graph.Value) *graph.Value {
	channels := known(v.Shape[1])
	switch c.next(8) {
	case 0:
		return b.node("Conv", nil, v, b.weights(4, channels, 1, 1), b.weights(4))
	case 1:
		return b.node("Conv", graph.Attributes{"pads": []int64{1, 1, 1, 1}}, v, b.weights(6, channels, 3, 3))
	case 2:
		return b.node("Conv", graph.Attributes{"group": channels, "auto_pad": "SAME_UPPER", "strides": []int64{2, 2}}, v, b.weights(channels, 1, 3, 3))
	case 3:
		return b.node("GlobalAveragePool", nil, v)
	case 4:
		return b.node("MaxPool", graph.Attributes{"kernel_shape": []int64{2, 2}, "pads": []int64{1, 1, 0, 0}}, v)
	case 5:
		variance := tensor.New(tensor.Float32, channels)
		for i := range channels {
			tensor.Slice[float32](variance)[i] = float32(i + 1)
		}
		return b.node("BatchNormalization", nil, v, b.weights(channels), b.weights(channels), b.weights(channels), graph.NewConstant("variance", variance))
	case 6:
		return b.node("Mul", nil, v, b.weights(channels, 1, 1))
	}
	if channels%2 != 0 {
		return nil
	}
	height, width := known(v.Shape[2]), known(v.Shape[3])
	split := b.node("Reshape", nil, v, b.list(0, 2, channels/2, height, width))
	split = b.node("Transpose", graph.Attributes{"perm": []int64{0, 2, 1, 3, 4}}, split)
	return b.node("Reshape", nil, split, b.list(0, channels, height, width))
}

// checkRandom builds a graph and compares its results before and after the passes.
func checkRandom(t *testing.T, data []byte) {
	c := choices(data)
	checkEqual(t, randomGraph(t, &c), map[string]int64{"batch": 2})
}

func TestRandomGraphs(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	for i := range 400 {
		data := make([]byte, 64)
		for k := range data {
			data[k] = byte(random.Uint32())
		}
		if !t.Run("", func(t *testing.T) { checkRandom(t, data) }) {
			t.Fatalf("graph %d fails", i)
		}
	}
}

func FuzzOptimize(f *testing.F) {
	f.Add([]byte("channels last, then a residual"))
	f.Add([]byte{11, 18, 0, 18, 2, 1, 0, 3, 18, 7, 9, 1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 256 {
			t.Skip("longer streams give the same graphs")
		}
		checkRandom(t, data)
	})
}

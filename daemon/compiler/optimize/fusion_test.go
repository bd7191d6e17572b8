package optimize

import (
	"math"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// erfGelu writes GELU as exporters do; each part may be changed to make it almost GELU.
func (b *builder) erfGelu(x *graph.Value, root, one, half float32) *graph.Value {
	erf := b.node("Erf", nil, b.node("Div", nil, x, b.number(root)))
	return b.node("Mul", nil, b.node("Mul", nil, x, b.node("Add", nil, erf, b.number(one))), b.number(half))
}

func TestRecogniseGelu(t *testing.T) {
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value
		want  string
	}{
		{"as torch exports it", func(b *builder, x *graph.Value) *graph.Value { return b.erfGelu(x, math.Sqrt2, 1, 0.5) }, "Gelu:1"},
		{"half first", func(b *builder, x *graph.Value) *graph.Value {
			erf := b.node("Erf", nil, b.node("Mul", nil, x, b.number(1/math.Sqrt2)))
			return b.node("Mul", nil, b.node("Mul", nil, b.number(0.5), x), b.node("Add", nil, b.number(1), erf))
		}, "Gelu:1"},
		{"half with the error function", func(b *builder, x *graph.Value) *graph.Value {
			erf := b.node("Erf", nil, b.node("Mul", nil, x, b.number(1/math.Sqrt2)))
			return b.node("Mul", nil, x, b.node("Mul", nil, b.node("Add", nil, b.number(1), erf), b.number(0.5)))
		}, "Gelu:1"},
		{"tanh", func(b *builder, x *graph.Value) *graph.Value {
			cubic := b.node("Mul", nil, b.node("Pow", nil, x, b.number(3)), b.number(0.044715))
			inner := b.node("Mul", nil, b.node("Add", nil, x, cubic), b.number(float32(math.Sqrt(2/math.Pi))))
			term := b.node("Add", nil, b.node("Tanh", nil, inner), b.number(1))
			return b.node("Mul", nil, b.node("Mul", nil, x, term), b.number(0.5))
		}, "Gelu:1"},
		{"another root", func(b *builder, x *graph.Value) *graph.Value { return b.erfGelu(x, 1.5, 1, 0.5) }, "inferd.Elementwise:1"},
		{"another summand", func(b *builder, x *graph.Value) *graph.Value { return b.erfGelu(x, math.Sqrt2, 2, 0.5) }, "inferd.Elementwise:1"},
		{"another factor", func(b *builder, x *graph.Value) *graph.Value { return b.erfGelu(x, math.Sqrt2, 1, 0.4) }, "inferd.Elementwise:1"},
		{"another operand", func(b *builder, x *graph.Value) *graph.Value {
			erf := b.node("Erf", nil, b.node("Div", nil, x, b.number(math.Sqrt2)))
			y := b.floats("y", "batch", 8)
			return b.node("Mul", nil, b.node("Mul", nil, y, b.node("Add", nil, erf, b.number(1))), b.number(0.5))
		}, "inferd.Elementwise:1"},
		{"a part is read elsewhere", func(b *builder, x *graph.Value) *graph.Value {
			erf := b.node("Erf", nil, b.node("Div", nil, x, b.number(math.Sqrt2)))
			b.output(erf)
			return b.node("Mul", nil, b.node("Mul", nil, x, b.node("Add", nil, erf, b.number(1))), b.number(0.5))
		}, "inferd.Elementwise:2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			b.output(c.build(b, b.floats("x", "batch", 8)))
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

func TestRecogniseHardSwish(t *testing.T) {
	for _, c := range []struct {
		shift, high float32
		want        string
	}{{3, 6, "HardSwish:1"}, {2, 6, "inferd.Elementwise:1"}, {3, 5, "inferd.Elementwise:1"}} {
		b := newBuilder(t)
		x := b.floats("x", "batch", 8)
		clip := b.node("Clip", nil, b.node("Add", nil, x, b.number(c.shift)), b.number(0), b.number(c.high))
		b.output(b.node("Div", nil, b.node("Mul", nil, x, clip), b.number(6)))
		b.prepare(fusesAll)
		b.want(c.want)
	}
}

func TestFuseLinear(t *testing.T) {
	type value = *graph.Value
	cases := []struct {
		name  string
		build func(b *builder, x value) value
		want  string
	}{
		{"bias and activation", func(b *builder, x value) value {
			return b.node("Relu", nil, b.node("Add", nil, b.weights(8), b.node("MatMul", nil, x, b.weights(8, 8))))
		}, "inferd.Linear:1"},
		{"gelu", func(b *builder, x value) value {
			return b.erfGelu(b.node("Gemm", graph.Attributes{"transB": int64(1)}, x, b.weights(8, 8), b.weights(8)), math.Sqrt2, 1, 0.5)
		}, "inferd.Linear:1"},
		{"silu", func(b *builder, x value) value {
			y := b.node("MatMul", nil, x, b.weights(8, 8))
			return b.node("Mul", nil, y, b.node("Sigmoid", nil, y))
		}, "inferd.Linear:1"},
		{"scale, bias, residual", func(b *builder, x value) value {
			y := b.node("Mul", nil, b.node("MatMul", nil, x, b.weights(8, 8)), b.number(3))
			return b.node("Add", nil, x, b.node("Add", nil, y, b.weights(8)))
		}, "inferd.Linear:1"},
		{"sum of three", func(b *builder, x value) value {
			y := b.node("MatMul", nil, x, b.weights(8, 8))
			return b.node("Sum", nil, x, y, b.weights(8))
		}, "inferd.Linear:1"},
		{"batch normalisation", func(b *builder, x value) value {
			y := b.node("Gemm", graph.Attributes{"transB": int64(1)}, x, b.weights(6, 8), b.weights(6))
			variance := graph.NewConstant("variance", tensor.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 6))
			return b.node("BatchNormalization", nil, y, b.weights(6), b.weights(6), b.weights(6), variance)
		}, "inferd.Linear:1"},
		{"scale per column", func(b *builder, x value) value {
			return b.node("Mul", nil, b.node("MatMul", nil, x, b.weights(8, 6)), b.weights(1, 6))
		}, "inferd.Linear:1"},
		{"scale per row", func(b *builder, x value) value {
			return b.node("Mul", nil, b.node("MatMul", nil, x, b.weights(8, 6)), b.floats("rows", "batch", 1))
		}, "Mul:1 inferd.Linear:1"},
		{"residual after the activation", func(b *builder, x value) value {
			return b.node("Add", nil, x, b.node("Relu", nil, b.node("MatMul", nil, x, b.weights(8, 8))))
		}, "inferd.Linear:1"},
		{"the product is read elsewhere", func(b *builder, x value) value {
			y := b.node("MatMul", nil, x, b.weights(8, 8))
			b.output(y)
			return b.node("Relu", nil, y)
		}, "Relu:1 inferd.Linear:1"},
		{"weights are not constant", func(b *builder, x value) value {
			return b.node("MatMul", nil, x, b.floats("w", 8, 8))
		}, "MatMul:1"},
		{"the constant is on the left", func(b *builder, x value) value {
			return b.node("MatMul", nil, b.weights(2, 8), b.node("Transpose", nil, x))
		}, "MatMul:1 Transpose:1"},
		{"transposed input", func(b *builder, x value) value {
			return b.node("Gemm", graph.Attributes{"transA": int64(1)}, b.node("Transpose", nil, x), b.weights(8, 8))
		}, "Gemm:1 Transpose:1"},
		{"bias along rows", func(b *builder, x value) value {
			return b.node("Gemm", nil, x, b.weights(8, 8), b.floats("c", "batch", 1))
		}, "Gemm:1"},
		{"residual that broadcasts", func(b *builder, x value) value {
			return b.node("Add", nil, b.floats("r", 1, 8), b.node("MatMul", nil, x, b.weights(8, 8)))
		}, "Add:1 inferd.Linear:1"},
		{"an addition that broadcasts the product", func(b *builder, x value) value {
			return b.node("Add", nil, b.weights(3, 1, 8), b.node("MatMul", nil, x, b.weights(8, 8)))
		}, "Add:1 inferd.Linear:1"},
		{"two activations", func(b *builder, x value) value {
			return b.node("Tanh", nil, b.node("Relu", nil, b.node("MatMul", nil, x, b.weights(8, 8))))
		}, "Tanh:1 inferd.Linear:1"},
		{"scale after the activation", func(b *builder, x value) value {
			return b.node("Mul", nil, b.node("Relu", nil, b.node("MatMul", nil, x, b.weights(8, 8))), b.number(3))
		}, "Mul:1 inferd.Linear:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			b.output(c.build(b, b.floats("x", "batch", 8)))
			checkEqual(t, b.g, map[string]int64{"batch": 3})
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

func TestFoldBatchNormalization(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		b := newBuilder(t)
		y := b.node("Conv", nil, b.floats("x", "batch", 3, 8, 8), b.weights(4, 3, 3, 3))
		if elsewhere {
			b.output(y)
		}
		variance := graph.NewConstant("variance", tensor.FromSlice([]float32{1, 2, 3, 4}, 4))
		y = b.node("BatchNormalization", nil, y, b.weights(4), b.weights(4), b.weights(4), variance)
		b.output(b.node("Relu", nil, b.node("Mul", nil, y, graph.NewConstant("scale", tensor.FromSlice([]float32{1, 2, 3, 4}, 4, 1, 1)))))
		checkEqual(t, b.g, map[string]int64{"batch": 2})
		b.prepare(fusesAll)
		if elsewhere {
			b.want("Transpose:3 inferd.Conv:1 inferd.Elementwise:1")
		} else {
			b.want("Transpose:2 inferd.Conv:1")
		}
	}
}

func TestRecogniseLayerNormalization(t *testing.T) {
	for _, c := range []struct {
		axis int64
		want string
	}{{-1, "inferd.LayerNormalization:1"}, {1, "Div:1 ReduceMean:2 Sub:1 inferd.Elementwise:2"}} {
		b := newBuilder(t)
		x := b.floats("x", "batch", 8, 8)
		centred := b.node("Sub", nil, x, b.node("ReduceMean", nil, x, b.list(c.axis)))
		variance := b.node("ReduceMean", nil, b.node("Pow", nil, centred, b.number(2)), b.list(c.axis))
		deviation := b.node("Sqrt", nil, b.node("Add", nil, variance, b.number(1e-5)))
		normal := b.node("Div", nil, centred, deviation)
		b.output(b.node("Add", nil, b.node("Mul", nil, normal, b.weights(8)), b.weights(8)))
		checkEqual(t, b.g, map[string]int64{"batch": 2})
		b.prepare(fusesAll)
		if c.axis == -1 {
			b.want(c.want)
		} else if len(b.g.Nodes) < 4 {
			t.Errorf("normalised over the wrong axis:\n%s", dump(b.g))
		}
	}
}

func TestLayerNormalizationSum(t *testing.T) {
	b := newBuilder(t)
	x, y := b.floats("x", "batch", 5, 8), b.floats("y", "batch", 5, 8)
	sum := b.node("Add", nil, x, y)
	normal := b.node("LayerNormalization", graph.Attributes{"axis": int64(-1)}, sum, b.weights(8), b.weights(8))
	b.output(normal, b.node("Tanh", nil, sum))
	checkEqual(t, b.g, map[string]int64{"batch": 2})
	b.prepare(fusesAll)
	b.want("Tanh:1 inferd.LayerNormalization:1")
	if n := b.only("inferd.LayerNormalization"); len(n.Outputs) != 2 || n.Input(1) == nil {
		t.Errorf("the sum is not an output:\n%s", dump(b.g))
	}
}

func TestLayerNormalizationOfBroadcastSum(t *testing.T) {
	b := newBuilder(t)
	sum := b.node("Add", nil, b.floats("x", "batch", 5, 8), b.floats("y", 1, 5, 8))
	b.output(b.node("LayerNormalization", graph.Attributes{"axis": int64(-1)}, sum, b.weights(8)))
	checkEqual(t, b.g, map[string]int64{"batch": 2})
	b.prepare(fusesAll)
	b.want("Add:1 inferd.LayerNormalization:1")
}

// attentionShape changes parts of an attention, to make it almost one.
type attentionShape struct {
	axis       int64
	queryPerm  []int64
	keyScale   float32
	valueScale float32
	maskShape  []any
	afterMask  bool
}

func (b *builder) attention(x *graph.Value, s attentionShape) *graph.Value {
	project := func(perm ...int64) *graph.Value {
		y := b.node("Add", nil, b.node("MatMul", nil, x, b.weights(8, 8)), b.weights(8))
		y = b.node("Reshape", nil, y, b.list(0, 0, 2, 4))
		return b.node("Transpose", graph.Attributes{"perm": perm}, y)
	}
	q, k, v := project(s.queryPerm...), project(0, 2, 3, 1), project(0, 2, 1, 3)
	k = b.node("Mul", nil, k, b.number(s.keyScale))
	v = b.node("Mul", nil, v, b.number(s.valueScale))
	scores := b.node("MatMul", nil, q, k)
	if s.afterMask {
		scores = b.node("Div", nil, b.node("Add", nil, scores, b.floats("mask", s.maskShape...)), b.number(3))
	} else {
		scores = b.node("Add", nil, b.node("Div", nil, scores, b.number(3)), b.floats("mask", s.maskShape...))
	}
	y := b.node("MatMul", nil, b.node("Softmax", graph.Attributes{"axis": s.axis}, scores), v)
	return b.node("Reshape", nil, b.node("Transpose", graph.Attributes{"perm": []int64{0, 2, 1, 3}}, y), b.list(0, 0, 8))
}

func TestFuseAttention(t *testing.T) {
	usual := func() attentionShape {
		return attentionShape{axis: -1, queryPerm: []int64{0, 2, 1, 3}, keyScale: 0.7, valueScale: 1, maskShape: []any{"batch", 1, 1, "seq"}}
	}
	cases := []struct {
		name   string
		change func(s *attentionShape)
		fused  bool
	}{
		{"usual", func(*attentionShape) {}, true},
		{"mask per head", func(s *attentionShape) { s.maskShape = []any{1, 2, "seq", "seq"} }, true},
		{"softmax over rows", func(s *attentionShape) { s.axis = 2 }, false},
		{"values are scaled", func(s *attentionShape) { s.valueScale = 3 }, false},
		{"the mask is scaled", func(s *attentionShape) { s.afterMask = true }, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			s := usual()
			c.change(&s)
			b.output(b.attention(b.floats("x", "batch", "seq", 8), s))
			checkEqual(t, b.g, map[string]int64{"batch": 2, "seq": 5})
			b.prepare(fusesAll)
			if c.fused {
				b.want("inferd.Attention:1 inferd.Linear:1")
				return
			}
			for _, n := range b.g.Nodes {
				if n.Is(graph.DomainFused, op.FusedAttention) {
					t.Errorf("fused what is no attention:\n%s", dump(b.g))
				}
			}
		})
	}
}

func TestElementwiseChain(t *testing.T) {
	b := newBuilder(t)
	x, y := b.floats("x", "batch", 8), b.floats("y", "batch", 8)
	centred := b.node("Sub", nil, x, y)
	square := b.node("Mul", nil, centred, centred)
	low := b.node("Max", nil, square, x, y)
	b.output(b.node("Clip", nil, b.node("Sqrt", nil, low), nil, b.number(2)))
	checkEqual(t, b.g, map[string]int64{"batch": 2})
	b.prepare(fusesAll)
	b.want("inferd.Elementwise:1")
	if chain := b.only("inferd.Elementwise").Attributes["chain"].(op.Chain); len(chain) != 6 {
		t.Errorf("chain %v", chain)
	}
}

func TestElementwiseChainKeepsSmallParts(t *testing.T) {
	b := newBuilder(t)
	x, y := b.floats("x", "batch", 64, 8), b.floats("y", "batch", 1, 8)
	b.output(b.node("Mul", nil, x, b.node("Exp", nil, y)))
	checkEqual(t, b.g, map[string]int64{"batch": 2})
	b.prepare(fusesAll)
	b.want("Exp:1 Mul:1")
}

func TestElementwiseChainOfOtherTypesStays(t *testing.T) {
	b := newBuilder(t)
	x := b.input("x", tensor.Float64, "batch", 8)
	b.output(b.node("Relu", nil, b.node("Neg", nil, x)))
	b.prepare(fusesAll)
	b.want("Neg:1 Relu:1")
}

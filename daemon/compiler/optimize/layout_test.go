package optimize

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// TestChannelsLast: what lies between convolutions is converted with them, so that one Transpose is left at each end.
func TestChannelsLast(t *testing.T) {
	pads := graph.Attributes{"pads": []int64{1, 1, 1, 1}}
	axis := func(axis int64) graph.Attributes { return graph.Attributes{"axis": axis} }
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value // x is [batch, 8, 6, 6], made by a convolution
		want  string
	}{
		{"residual and activation", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Relu", nil, b.node("Add", nil, x, b.node("Conv", pads, x, b.weights(8, 8, 3, 3), b.weights(8))))
		}, "Transpose:2 inferd.Conv:2"},
		{"activation before the residual", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Add", nil, x, b.node("Relu", nil, b.node("Conv", pads, x, b.weights(8, 8, 3, 3), b.weights(8))))
		}, "Add:1 Transpose:2 inferd.Conv:2"},
		{"pointwise convolution", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("HardSwish", nil, b.node("Conv", nil, x, b.weights(4, 8, 1, 1), b.weights(4)))
		}, "Transpose:2 inferd.Conv:1 inferd.Linear:1"},
		{"pointwise convolution with a stride", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Conv", graph.Attributes{"strides": []int64{2, 2}}, x, b.weights(4, 8, 1, 1))
		}, "Transpose:2 inferd.Conv:2"},
		{"squeeze and excitation", func(b *builder, x *graph.Value) *graph.Value {
			s := b.node("Conv", nil, b.node("GlobalAveragePool", nil, x), b.weights(8, 8, 1, 1))
			return b.node("Mul", nil, b.node("HardSigmoid", nil, s), x)
		}, "Mul:1 Transpose:2 inferd.Conv:1 inferd.GlobalAveragePool:1 inferd.Linear:1"},
		{"classifier", func(b *builder, x *graph.Value) *graph.Value {
			flat := b.node("Flatten", axis(1), b.node("GlobalAveragePool", nil, x))
			return b.node("Gemm", nil, flat, b.weights(8, 3))
		}, "Reshape:1 Transpose:1 inferd.Conv:1 inferd.GlobalAveragePool:1 inferd.Linear:1"},
		{"classifier on a mean", func(b *builder, x *graph.Value) *graph.Value {
			mean := b.node("ReduceMean", graph.Attributes{"keepdims": int64(0)}, x, b.list(2, 3))
			return b.node("Gemm", nil, mean, b.weights(8, 3))
		}, "Reshape:1 Transpose:1 inferd.Conv:1 inferd.GlobalAveragePool:1 inferd.Linear:1"},
		{"flattened images keep their order", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Gemm", nil, b.node("Flatten", axis(1), x), b.weights(288, 3))
		}, "Reshape:1 Transpose:2 inferd.Conv:1 inferd.Linear:1"},
		{"concat and split", func(b *builder, x *graph.Value) *graph.Value {
			parts := b.nodes("Split", 2, axis(1), x, b.list(3, 5))
			return b.node("Concat", axis(1), parts[1], b.node("Tanh", nil, parts[0]), x)
		}, "Concat:1 Split:1 Tanh:1 Transpose:2 inferd.Conv:1"},
		{"slice and pad", func(b *builder, x *graph.Value) *graph.Value {
			part := b.node("Slice", nil, x, b.list(1, 0), b.list(5, 4), b.list(1, -1))
			return b.node("Pad", nil, part, b.list(0, 1, 2, 3, 0, 0, 1, 2))
		}, "Pad:1 Slice:1 Transpose:2 inferd.Conv:1"},
		{"resize", func(b *builder, x *graph.Value) *graph.Value {
			large := b.node("Resize", graph.Attributes{"mode": "linear"}, x, nil, b.factors(1, 1, 2, 1.5))
			small := b.node("Resize", graph.Attributes{"axes": []int64{3, -2}}, large, nil, nil, b.list(5, 4))
			region := b.factors(0, 0, 0, 0.1, 1, 1, 0.7, 1.2)
			return b.node("Resize", graph.Attributes{"coordinate_transformation_mode": "tf_crop_and_resize"}, small, region, b.factors(1, 1, 2, 1))
		}, "Resize:3 Transpose:2 inferd.Conv:1"},
		{"resize between convolutions", func(b *builder, x *graph.Value) *graph.Value {
			wide := b.node("Resize", nil, b.node("Conv", nil, x, b.weights(4, 8, 1, 1)), nil, b.factors(1, 1, 2, 2))
			return b.node("Conv", nil, b.node("Concat", axis(1), wide, wide), b.weights(4, 8, 3, 3))
		}, "Concat:1 Resize:1 Transpose:2 inferd.Conv:2 inferd.Linear:1"},
		{"softmax over channels", func(b *builder, x *graph.Value) *graph.Value { return b.node("Softmax", axis(1), x) },
			"Softmax:1 Transpose:2 inferd.Conv:1"},
		{"average pooling", func(b *builder, x *graph.Value) *graph.Value {
			attributes := graph.Attributes{"kernel_shape": []int64{3, 3}, "strides": []int64{2, 2}, "auto_pad": "SAME_LOWER", "count_include_pad": int64(1)}
			return b.node("AveragePool", attributes, x)
		}, "Transpose:2 inferd.AveragePool:1 inferd.Conv:1"},
		{"sequence of patches", func(b *builder, x *graph.Value) *graph.Value {
			patches := b.node("Transpose", graph.Attributes{"perm": []int64{0, 2, 1}}, b.node("Reshape", nil, x, b.list(0, 8, 36)))
			return b.node("MatMul", nil, patches, b.weights(8, 4))
		}, "Reshape:1 Transpose:1 inferd.Conv:1 inferd.Linear:1"},
		{"constant per channel beside a larger one", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Max", nil, x, b.weights(8, 1, 1), b.weights(8, 6, 6))
		}, "Max:1 Transpose:2 inferd.Conv:1"},
		{"another tensor", func(b *builder, x *graph.Value) *graph.Value { return b.node("Sub", nil, b.floats("y", 8, 1, 1), x) },
			"Reshape:1 Sub:1 Transpose:2 inferd.Conv:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			x := b.node("Conv", pads, b.floats("x", "batch", 3, 6, 6), b.weights(8, 3, 3, 3), b.weights(8))
			b.output(c.build(b, x))
			checkEqual(t, b.g, map[string]int64{"batch": 2})
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

func TestConvolutionWithoutConstantWeightsStays(t *testing.T) {
	b := newBuilder(t)
	b.output(b.node("Conv", nil, b.floats("x", "batch", 3, 6, 6), b.floats("w", 4, 3, 3, 3)))
	b.prepare(fusesAll)
	b.want("Conv:1")
}

func TestMaxPoolWithIndicesStays(t *testing.T) {
	b := newBuilder(t)
	b.output(b.nodes("MaxPool", 2, graph.Attributes{"kernel_shape": []int64{2, 2}}, b.floats("x", "batch", 3, 6, 6))...)
	b.prepare(fusesAll)
	b.want("MaxPool:1")
}

// shuffleChannels exchanges groups and channels.
func (b *builder) shuffleChannels(x *graph.Value, groups, each int64) *graph.Value {
	split := b.node("Reshape", nil, x, b.list(0, groups, each, 6, 6))
	split = b.node("Transpose", graph.Attributes{"perm": []int64{0, 2, 1, 3, 4}}, split)
	return b.node("Reshape", nil, split, b.list(0, groups*each, 6, 6))
}

// shuffleUnit is a unit of ShuffleNet on [batch, 8, 6, 6]: half of the channels pass, the other half are convolved, then all are shuffled.
func (b *builder) shuffleUnit(x *graph.Value) *graph.Value {
	passed := b.node("Slice", nil, x, b.list(0), b.list(4), b.list(1))
	y := b.node("Slice", nil, x, b.list(4), b.list(8), b.list(1))
	y = b.node("Relu", nil, b.node("Conv", nil, y, b.weights(4, 4, 1, 1), b.weights(4)))
	y = b.node("Conv", graph.Attributes{"group": int64(4), "pads": []int64{1, 1, 1, 1}}, y, b.weights(4, 1, 3, 3), b.weights(4))
	y = b.node("Relu", nil, b.node("Conv", nil, y, b.weights(4, 4, 1, 1), b.weights(4)))
	return b.shuffleChannels(b.node("Concat", graph.Attributes{"axis": int64(1)}, passed, y), 2, 4)
}

func TestRouteChannels(t *testing.T) {
	cases := []struct {
		name     string
		build    func(b *builder, x *graph.Value) *graph.Value // x is [batch, 8, 6, 6], made by a convolution
		shuffles int
	}{
		{"between convolutions", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Conv", nil, b.shuffleChannels(x, 4, 2), b.weights(4, 8, 3, 3))
		}, 0},
		{"through a depthwise convolution", func(b *builder, x *graph.Value) *graph.Value {
			y := b.node("Conv", graph.Attributes{"group": int64(8)}, b.shuffleChannels(x, 2, 4), b.weights(8, 1, 3, 3), b.weights(8))
			return b.node("Conv", nil, y, b.weights(4, 8, 1, 1))
		}, 0},
		{"three units", func(b *builder, x *graph.Value) *graph.Value {
			x = b.shuffleUnit(b.shuffleUnit(b.shuffleUnit(x)))
			return b.node("Conv", nil, x, b.weights(4, 8, 1, 1), b.weights(4))
		}, 0},
		{"the source is read elsewhere", func(b *builder, x *graph.Value) *graph.Value {
			b.output(b.node("Tanh", nil, x))
			return b.node("Conv", nil, b.shuffleUnit(x), b.weights(4, 8, 1, 1))
		}, 0},
		{"before a grouped convolution", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Conv", graph.Attributes{"group": int64(2)}, b.shuffleChannels(x, 2, 4), b.weights(4, 4, 1, 1))
		}, 1},
		{"before the output", func(b *builder, x *graph.Value) *graph.Value { return b.shuffleChannels(x, 2, 4) }, 1},
		{"before a depthwise convolution whose channels are read", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Conv", graph.Attributes{"group": int64(8)}, b.shuffleChannels(x, 2, 4), b.weights(8, 1, 3, 3))
		}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			x := b.node("Conv", nil, b.floats("x", "batch", 3, 6, 6), b.weights(8, 3, 1, 1), b.weights(8))
			b.output(c.build(b, x))
			checkEqual(t, b.g, map[string]int64{"batch": 2})
			b.prepare(fusesAll)
			shuffles := 0
			for _, n := range b.g.Nodes {
				if n.Op == "Transpose" && rank(n.Output(0)) == 5 {
					shuffles++
				}
			}
			if shuffles != c.shuffles {
				t.Errorf("%d shuffles are left, want %d\n%s", shuffles, c.shuffles, dump(b.g))
			}
		})
	}
}

func TestSelectEarly(t *testing.T) {
	for _, c := range []struct {
		axis int64
		read bool
		want string // type of what the layer normalisation reads
	}{{1, false, "float32[batch,8]"}, {1, true, "float32[batch,5,8]"}, {2, false, "float32[batch,5,8]"}} {
		b := newBuilder(t)
		x := b.floats("x", "batch", 5, 8)
		y := b.node("Add", nil, b.node("MatMul", nil, b.node("Tanh", nil, x), b.weights(8, 8)), b.weights(8))
		y = b.node("Add", nil, x, b.node("LayerNormalization", graph.Attributes{"axis": int64(-1)}, y, b.weights(8)))
		if c.read {
			b.output(y)
		}
		b.output(b.node("Gather", graph.Attributes{"axis": c.axis}, y, b.integer(1)))
		checkEqual(t, b.g, map[string]int64{"batch": 2})
		b.prepare(fusesAll)
		if got := b.only("inferd.LayerNormalization").Input(0).Type(); got != c.want {
			t.Errorf("gather along %d: the normalisation reads %s, want %s\n%s", c.axis, got, c.want, dump(b.g))
		}
	}
}

func TestPackedAttentionForms(t *testing.T) {
	transposed := func(b *builder, v *graph.Value, perm ...int64) *graph.Value {
		return b.node("Transpose", graph.Attributes{"perm": perm}, v)
	}
	forms := map[string]func(b *builder, qkv *graph.Value) [3]*graph.Value{
		"split of a stack": func(b *builder, qkv *graph.Value) (parts [3]*graph.Value) {
			stack := transposed(b, b.node("Reshape", nil, qkv, b.list(0, 0, 3, 2, 4)), 2, 0, 3, 1, 4)
			for i, part := range b.nodes("Split", 3, graph.Attributes{"axis": int64(0)}, stack, b.list(1, 1, 1)) {
				parts[i] = b.node("Squeeze", nil, part, b.list(0))
			}
			return parts
		},
		"gathers of a stack": func(b *builder, qkv *graph.Value) (parts [3]*graph.Value) {
			stack := transposed(b, b.node("Reshape", nil, qkv, b.list(0, 0, 3, 2, 4)), 2, 0, 3, 1, 4)
			for i := range parts {
				parts[i] = b.node("Gather", graph.Attributes{"axis": int64(0)}, stack, b.integer(int64(i)))
			}
			return parts
		},
		"split of the last axis": func(b *builder, qkv *graph.Value) (parts [3]*graph.Value) {
			for i, part := range b.nodes("Split", 3, graph.Attributes{"axis": int64(-1)}, qkv, b.list(8, 8, 8)) {
				parts[i] = transposed(b, b.node("Reshape", nil, part, b.list(0, 0, 2, 4)), 0, 2, 1, 3)
			}
			return parts
		},
	}
	for name, form := range forms {
		for _, order := range [][3]int{{0, 1, 2}, {2, 0, 1}} {
			t.Run(name, func(t *testing.T) {
				b := newBuilder(t)
				x := b.floats("x", "batch", "seq", 8)
				parts := form(b, b.node("Add", nil, b.node("MatMul", nil, x, b.weights(8, 24)), b.weights(24)))
				q, k, v := parts[order[0]], parts[order[1]], parts[order[2]]
				scores := b.node("MatMul", nil, b.node("Mul", nil, q, b.number(0.7)), b.node("Mul", nil, transposed(b, k, 0, 1, 3, 2), b.number(0.7)))
				y := b.node("MatMul", nil, b.node("Softmax", graph.Attributes{"axis": int64(-1)}, scores), v)
				b.output(b.node("Reshape", nil, transposed(b, y, 0, 2, 1, 3), b.list(0, 0, 8)))
				checkEqual(t, b.g, map[string]int64{"batch": 2, "seq": 5})
				b.prepare(fusesAll)
				if order[0] == 0 {
					b.want("inferd.Attention:1 inferd.Linear:1")
				} else {
					b.want("Slice:3 inferd.Attention:1 inferd.Linear:1")
				}
			})
		}
	}
}

func TestTypesOfInputsAreRespected(t *testing.T) {
	b := newBuilder(t)
	x := b.input("x", tensor.Float64, "batch", 3, 6, 6)
	w := graph.NewConstant("w", tensor.New(tensor.Float64, 4, 3, 1, 1))
	b.output(b.node("Conv", nil, x, w))
	b.prepare(fusesAll)
	b.want("Conv:1")
}

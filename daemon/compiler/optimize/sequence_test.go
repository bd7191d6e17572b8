package optimize

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// TestSequences: convolutions of sequences run as those of images, and what lies between them is absorbed as ever.
func TestSequences(t *testing.T) {
	pads := graph.Attributes{"pads": []int64{1, 1}}
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value // x is [batch, 8, 12], made by a convolution
		want  string
	}{
		{"activation and residual", func(b *builder, x *graph.Value) *graph.Value {
			y := b.node("Conv", pads, b.node("Relu", nil, x), b.weights(8, 8, 3), b.weights(8))
			return b.node("Relu", nil, b.node("Add", nil, b.node("Conv", pads, y, b.weights(8, 8, 3)), y))
		}, "Reshape:2 Transpose:2 inferd.Conv:3"},
		{"stride, dilation and groups", func(b *builder, x *graph.Value) *graph.Value {
			attributes := graph.Attributes{"strides": []int64{2}, "dilations": []int64{2}, "group": int64(4), "auto_pad": "SAME_UPPER"}
			return b.node("Tanh", nil, b.node("Conv", attributes, x, b.weights(4, 2, 3)))
		}, "Reshape:2 Transpose:2 inferd.Conv:2"},
		{"pooling", func(b *builder, x *graph.Value) *graph.Value {
			p := b.node("MaxPool", graph.Attributes{"kernel_shape": []int64{3}, "strides": []int64{2}, "pads": []int64{1, 0}}, x)
			return b.node("GlobalAveragePool", nil, b.node("AveragePool", graph.Attributes{"kernel_shape": []int64{2}}, p))
		}, "Reshape:2 Transpose:1 inferd.AveragePool:1 inferd.Conv:1 inferd.GlobalAveragePool:1 inferd.MaxPool:1"},
		{"normalisation", func(b *builder, x *graph.Value) *graph.Value {
			y := b.node("BatchNormalization", nil, x, b.weights(8), b.weights(8), b.weights(8), constantFloats("variance", []float32{1, 2, 3, 4, 5, 6, 7, 8}, 8))
			return b.node("Conv", nil, b.node("HardSwish", nil, y), b.weights(4, 8, 1))
		}, "Reshape:2 Transpose:2 inferd.Conv:1 inferd.Linear:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			x := b.node("Conv", pads, b.floats("x", "batch", 3, 12), b.weights(8, 3, 3), b.weights(8))
			b.output(c.build(b, x))
			checkEqual(t, b.g, map[string]int64{"batch": 2})
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

// TestReshapeSinks: what a Reshape parts from a product is absorbed by the product, where its operands can be reshaped too.
func TestReshapeSinks(t *testing.T) {
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value // x is [batch, 2, 6], reshaped from a product's [batch, 12]
		want  string
	}{
		{"activation", func(b *builder, x *graph.Value) *graph.Value { return b.node("Sigmoid", nil, x) }, "Reshape:1 inferd.Linear:1"},
		{"residual", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Add", nil, b.floats("y", "batch", 2, 6), x)
		}, "Reshape:2 inferd.Linear:1"},
		{"vector along another axis", func(b *builder, x *graph.Value) *graph.Value { return b.node("Add", nil, x, b.weights(6)) }, "Add:1 Reshape:1 inferd.Linear:1"},
		{"other readers", func(b *builder, x *graph.Value) *graph.Value {
			b.output(x)
			return b.node("Relu", nil, x)
		}, "Relu:1 Reshape:1 inferd.Linear:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			product := b.node("MatMul", nil, b.floats("x", "batch", 5), b.weights(5, 12))
			b.output(c.build(b, b.node("Reshape", nil, product, b.list(0, 2, 6))))
			checkEqual(t, b.g, map[string]int64{"batch": 2})
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

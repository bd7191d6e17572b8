package optimize

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// integers makes a constant of eight-bit integers that differ.
func (b *builder) integers(dtype tensor.DType, shape ...int64) *graph.Value {
	t := tensor.New(dtype, shape...)
	for i := range t.Data {
		t.Data[i] = byte(i*7%23 - 5)
	}
	return graph.NewConstant("integers", t)
}

// zero makes a zero point.
func (b *builder) zero(dtype tensor.DType, x int8) *graph.Value {
	t := tensor.New(dtype)
	t.Data[0] = byte(x)
	return graph.NewConstant("zero", t)
}

// scale makes a scale that is a power of two, with which no rounding depends on the order of operations.
func (b *builder) scale(elements ...float32) *graph.Value {
	if len(elements) == 1 {
		return constantFloats("scale", elements)
	}
	return constantFloats("scale", elements, int64(len(elements)))
}

// wrapped quantises a tensor and dequantises it, as quantisers put it around everything.
func (b *builder) wrapped(x *graph.Value, scale float32, zero int8) *graph.Value {
	s, z := b.scale(scale), b.zero(tensor.Uint8, zero)
	return b.node("DequantizeLinear", nil, b.node("QuantizeLinear", nil, x, s, z), s, z)
}

// dequantized makes weights of eight bits, with a scale for each position of the axis.
func (b *builder) dequantized(axis int64, shape ...int64) *graph.Value {
	scales := make([]float32, shape[axis])
	for i := range scales {
		scales[i] = []float32{0.125, 0.25, 0.5}[i%3]
	}
	zeros := tensor.New(tensor.Int8, shape[axis])
	return b.node("DequantizeLinear", graph.Attributes{"axis": axis}, b.integers(tensor.Int8, shape...), b.scale(scales...), graph.NewConstant("zeros", zeros))
}

func TestQuantizedProducts(t *testing.T) {
	turned := graph.Attributes{"transB": int64(1)}
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value // x is [batch, 6]
		want  string
	}{
		{"dequantised operands", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("MatMul", nil, b.wrapped(x, 0.25, 3), b.dequantized(1, 6, 4))
		}, "QuantizeLinear:1 inferd.QuantizedLinear:1"},
		{"bias, activation and result", func(b *builder, x *graph.Value) *graph.Value {
			bias := b.node("DequantizeLinear", nil, graph.NewConstant("bias", tensor.FromSlice([]int32{8, -16, 24, 0}, 4)), b.scale(0.125))
			y := b.node("Gemm", turned, b.wrapped(x, 0.25, 3), b.dequantized(0, 4, 6), bias)
			return b.wrapped(b.node("Relu", nil, y), 0.5, 7)
		}, "QuantizeLinear:1 inferd.Elementwise:1 inferd.QuantizedLinear:1"},
		{"two layers pass integers", func(b *builder, x *graph.Value) *graph.Value {
			y := b.node("Gemm", nil, b.wrapped(x, 0.25, 3), b.dequantized(1, 6, 4), b.weights(4))
			z := b.node("MatMul", nil, b.wrapped(y, 0.5, -1), b.node("Transpose", nil, b.dequantized(0, 5, 4)))
			return b.node("Add", nil, z, b.weights(5))
		}, "QuantizeLinear:1 inferd.QuantizedLinear:2"},
		{"residual", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Add", nil, b.node("Relu", nil, b.node("MatMul", nil, b.wrapped(x, 0.25, 3), b.dequantized(1, 6, 6))), x)
		}, "QuantizeLinear:1 inferd.QuantizedLinear:1"},
		{"dynamic quantisation", func(b *builder, x *graph.Value) *graph.Value {
			q := b.nodes("DynamicQuantizeLinear", 3, nil, x)
			sums := b.node("MatMulInteger", nil, q[0], b.integers(tensor.Uint8, 6, 4), q[2], b.zero(tensor.Uint8, 5))
			scaled := b.node("Mul", nil, b.node("Cast", graph.Attributes{"to": int64(tensor.Float32)}, sums), b.node("Mul", nil, q[1], b.scale(0.25)))
			return b.node("Add", nil, b.weights(4), scaled)
		}, "DynamicQuantizeLinear:1 inferd.QuantizedLinear:1"},
		{"sums alone", func(b *builder, x *graph.Value) *graph.Value {
			q := b.node("QuantizeLinear", nil, x, b.scale(0.5), b.zero(tensor.Int8, -4))
			return b.node("MatMulInteger", nil, q, b.integers(tensor.Int8, 6, 4), b.zero(tensor.Int8, -4))
		}, "QuantizeLinear:1 inferd.QuantizedLinear:1"},
		{"ONNX's quantised product", func(b *builder, x *graph.Value) *graph.Value {
			q := b.node("QuantizeLinear", nil, x, b.scale(0.5), b.zero(tensor.Uint8, 4))
			return b.node("QLinearMatMul", nil, q, b.scale(0.5), b.zero(tensor.Uint8, 4), b.integers(tensor.Int8, 6, 4), b.scale(0.125), b.zero(tensor.Int8, 2), b.scale(0.5), b.zero(tensor.Uint8, 9))
		}, "QuantizeLinear:1 inferd.QuantizedLinear:1"},
		{"weights alone are folded", func(b *builder, x *graph.Value) *graph.Value { return b.node("MatMul", nil, x, b.dequantized(1, 6, 4)) }, "inferd.Linear:1"},
		{"scales along K", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("MatMul", nil, b.wrapped(x, 0.25, 3), b.dequantized(0, 6, 4))
		}, "inferd.Elementwise:1 inferd.Linear:1"},
		{"movement between integers", func(b *builder, x *graph.Value) *graph.Value {
			y := b.node("Reshape", nil, b.wrapped(x, 0.25, 3), b.list(0, 2, 3))
			return b.node("MatMul", nil, b.wrapped(b.node("Transpose", graph.Attributes{"perm": []int64{0, 2, 1}}, b.wrapped(y, 0.25, 3)), 0.25, 3), b.dequantized(1, 2, 4))
		}, "QuantizeLinear:1 Reshape:1 Transpose:1 inferd.QuantizedLinear:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			b.output(c.build(b, b.floats("x", "batch", 6)))
			checkEqual(t, b.g, map[string]int64{"batch": 3})
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

func TestQuantizedConvolutions(t *testing.T) {
	pads := graph.Attributes{"pads": []int64{1, 1, 1, 1}, "strides": []int64{2, 2}}
	cases := []struct {
		name  string
		build func(b *builder, x *graph.Value) *graph.Value // x is [batch, 4, 6, 6]
		want  string
	}{
		{"two layers pass integers", func(b *builder, x *graph.Value) *graph.Value {
			y := b.node("Relu", nil, b.node("Conv", pads, b.wrapped(x, 0.25, 3), b.dequantized(0, 6, 4, 3, 3), b.weights(6)))
			return b.node("Conv", graph.Attributes{"group": int64(3)}, b.wrapped(y, 0.5, 2), b.dequantized(0, 6, 2, 2, 2))
		}, "QuantizeLinear:1 Transpose:2 inferd.QuantizedConv:2"},
		{"single pixels", func(b *builder, x *graph.Value) *graph.Value {
			return b.wrapped(b.node("Conv", nil, b.wrapped(x, 0.25, 3), b.dequantized(0, 5, 4, 1, 1)), 0.5, 1)
		}, "QuantizeLinear:1 Transpose:2 inferd.Elementwise:1 inferd.QuantizedLinear:1"},
		{"pooling and residual", func(b *builder, x *graph.Value) *graph.Value {
			y := b.wrapped(b.node("Conv", graph.Attributes{"pads": []int64{1, 1, 1, 1}}, b.wrapped(x, 0.25, 3), b.dequantized(0, 4, 4, 3, 3)), 0.5, 9)
			z := b.node("Conv", graph.Attributes{"pads": []int64{1, 1, 1, 1}}, y, b.dequantized(0, 4, 4, 3, 3))
			return b.node("MaxPool", graph.Attributes{"kernel_shape": []int64{2, 2}}, b.node("Relu", nil, b.node("Add", nil, z, y)))
		}, "QuantizeLinear:1 Transpose:2 inferd.Elementwise:1 inferd.MaxPool:1 inferd.QuantizedConv:2"},
		{"dynamic quantisation", func(b *builder, x *graph.Value) *graph.Value {
			q := b.nodes("DynamicQuantizeLinear", 3, nil, x)
			sums := b.node("ConvInteger", pads, q[0], b.integers(tensor.Uint8, 6, 4, 3, 3), q[2], b.zero(tensor.Uint8, 5))
			scaled := b.node("Mul", nil, b.node("Cast", graph.Attributes{"to": int64(tensor.Float32)}, sums), b.node("Mul", nil, q[1], b.scale(0.25)))
			return b.node("Add", nil, scaled, b.weights(1, 6, 1, 1))
		}, "DynamicQuantizeLinear:1 Transpose:2 inferd.QuantizedConv:1"},
		{"ONNX's quantised convolution", func(b *builder, x *graph.Value) *graph.Value {
			q := b.node("QuantizeLinear", nil, x, b.scale(0.5), b.zero(tensor.Uint8, 4))
			bias := graph.NewConstant("bias", tensor.FromSlice([]int32{8, -16, 24, 0, 1, 2}, 6))
			return b.node("QLinearConv", pads, q, b.scale(0.5), b.zero(tensor.Uint8, 4), b.integers(tensor.Int8, 6, 4, 3, 3), b.scale(0.125), b.zero(tensor.Int8, 0), b.scale(0.5),
				b.zero(tensor.Uint8, 9), bias)
		}, "QuantizeLinear:1 Transpose:2 inferd.QuantizedConv:1"},
		{"filters alone are folded", func(b *builder, x *graph.Value) *graph.Value {
			return b.node("Conv", nil, x, b.dequantized(0, 6, 4, 3, 3))
		}, "Transpose:2 inferd.Conv:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBuilder(t)
			b.output(c.build(b, b.floats("x", "batch", 4, 6, 6)))
			checkEqual(t, b.g, map[string]int64{"batch": 2})
			b.prepare(fusesAll)
			b.want(c.want)
		})
	}
}

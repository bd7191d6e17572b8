package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// quantization makes products of integers of what quantisers write: products of dequantised tensors (Jacob et al., "Quantization and Training of Neural
// Networks for Efficient Integer-Arithmetic-Only Inference", 2018), and ONNX's operators of integers. It runs before dequantised weights are folded.
var quantization = []pass{
	{"move dequantisation", each(moveDequantize)},
	{"fuse quantised products", each(fuseQuantized)},
}

// multipliesIntegers reports whether the device has kernels for products of integers.
func (s *state) multipliesIntegers() bool {
	return s.target.Fuses(op.FusedQuantizedLinear) || s.target.Fuses(op.FusedQuantizedConv)
}

// keepsDequantize reports whether the node dequantises weights of eight bits that a product of integers may want to read as they are.
func (s *state) keepsDequantize(n *graph.Node) bool {
	return !s.dequantizes && isONNX(n, "DequantizeLinear") && isQuantized(n.Input(0)) && s.multipliesIntegers()
}

// isQuantized reports whether the value is a ranked tensor of eight-bit integers.
func isQuantized(v *graph.Value) bool {
	return v != nil && v.Ranked && (v.DType == tensor.Uint8 || v.DType == tensor.Int8)
}

// quantized is a float32 tensor as the integers that it stands for: scale * (integers - zero).
type quantized struct {
	integers, scale, zero *graph.Value // zero may be nil
	axis                  int          // along which there are several scales, or -1
}

// dequantizedOf reads the integers of a value that a DequantizeLinear makes.
func dequantizedOf(v *graph.Value) (q quantized, ok bool) {
	n := producer(v, "DequantizeLinear")
	if n == nil || !isFloat(v) || !isQuantized(n.Input(0)) || !isFloat(n.Input(1)) {
		return q, false
	}
	layout, err := op.ScaleLayoutOf(n)
	q = quantized{n.Input(0), n.Input(1), n.Input(2), layout.Axis}
	if err != nil || layout.Block > 0 {
		return q, false
	}
	return q, q.zero == nil || isOne(q.zero) || q.axis >= 0 && rank(q.zero) == 1
}

// isOne reports whether the value is one number.
func isOne(v *graph.Value) bool { return v != nil && v.Ranked && v.ElementCount().Is(1) }

// quantizedProduct is what quantised products read; see package op.
type quantizedProduct struct {
	a, b quantized
	bias *graph.Value
	y    quantized // integers is nil
}

// inputs lists them as the fused operators have them.
func (p quantizedProduct) inputs() []*graph.Value {
	list := make([]*graph.Value, op.QuantizedInputs)
	list[op.QuantizedA], list[op.QuantizedAScale], list[op.QuantizedAZero] = p.a.integers, p.a.scale, p.a.zero
	list[op.QuantizedB], list[op.QuantizedBScale], list[op.QuantizedBZero] = p.b.integers, p.b.scale, p.b.zero
	list[op.QuantizedBias], list[op.QuantizedYScale], list[op.QuantizedYZero] = p.bias, p.y.scale, p.y.zero
	if b := p.b.zero; b != nil && allZero(b) {
		list[op.QuantizedBZero] = nil // kernels have less to do
	}
	return list
}

// allZero reports whether the constant's bytes are all zero.
func allZero(v *graph.Value) bool {
	return v.Constant != nil && !slices.ContainsFunc(v.Constant.Data, func(x byte) bool { return x != 0 })
}

// valid reports whether the product's numbers are such as the fused operators take: those of A and Y one each, those of B constants, one or one for each
// position of the axis.
func (p quantizedProduct) valid(axis int) bool {
	b := p.b
	if !isQuantized(p.a.integers) || !isQuantized(b.integers) || b.integers.Constant == nil || p.a.axis >= 0 || b.axis >= 0 && b.axis != axis {
		return false
	}
	for _, v := range []*graph.Value{p.a.scale, p.a.zero, p.y.scale, p.y.zero} {
		if v != nil && !isOne(v) {
			return false
		}
	}
	for _, v := range []*graph.Value{p.a.scale, b.scale, p.y.scale} {
		if v != nil && v.DType != tensor.Float32 {
			return false
		}
	}
	for _, v := range []*graph.Value{b.scale, b.zero} {
		if v != nil && (v.Constant == nil || !isOne(v) && (len(v.Shape) != 1 || !v.Shape[0].Equal(b.integers.Shape[axis]))) {
			return false
		}
	}
	return true
}

// fuseQuantized makes our own operator of a product of integers, or of tensors that are dequantised for it.
func fuseQuantized(e *editor, n *graph.Node) error {
	if n.Domain != graph.DomainONNX || n.Output(0) == nil || !n.Output(0).Ranked {
		return nil
	}
	switch n.Op {
	case "MatMul", "Gemm":
		return e.dequantizedProduct(n)
	case "MatMulInteger":
		return e.quantizedLinear(n, quantizedProduct{a: quantized{n.Input(0), nil, n.Input(2), -1}, b: quantized{n.Input(1), nil, n.Input(3), -1}}, false)
	case "QLinearMatMul":
		return e.quantizedLinear(n, quantizedProduct{
			a: quantized{n.Input(0), n.Input(1), n.Input(2), -1}, b: quantized{n.Input(3), n.Input(4), n.Input(5), -1}, y: quantized{nil, n.Input(6), n.Input(7), -1},
		}, false)
	case "Conv":
		return e.dequantizedConvolution(n)
	case "ConvInteger":
		return e.quantizedConvolution(n, quantizedProduct{a: quantized{n.Input(0), nil, n.Input(2), -1}, b: quantized{n.Input(1), nil, n.Input(3), -1}})
	case "QLinearConv":
		return e.quantizedConvolution(n, quantizedProduct{
			a: quantized{n.Input(0), n.Input(1), n.Input(2), -1}, b: quantized{n.Input(3), n.Input(4), n.Input(5), -1}, bias: n.Input(8),
			y: quantized{nil, n.Input(6), n.Input(7), -1},
		})
	}
	return nil
}

// dequantizedProduct makes a product of integers of one of dequantised tensors.
func (e *editor) dequantizedProduct(n *graph.Node) error {
	if !isFloat(n.Output(0)) || n.Float("alpha", 1) != 1 || n.Int("transA", 0) != 0 {
		return nil
	}
	weights, turned := n.Input(1), n.Int("transB", 0) != 0
	if t := producer(weights, "Transpose"); t != nil {
		if perm, ok := permutation(t); !ok || !slices.Equal(perm, []int64{1, 0}) {
			return nil
		}
		weights, turned = t.Input(0), !turned
	}
	a, okA := dequantizedOf(n.Input(0))
	b, okB := dequantizedOf(weights)
	if !okA || !okB {
		return nil
	}
	p := quantizedProduct{a: a, b: b}
	if n.Op == "Gemm" {
		bias, residual, ok := e.gemmBias(n)
		if !ok || residual != nil {
			return nil
		}
		p.bias = bias
	}
	return e.quantizedLinear(n, p, turned)
}

// quantizedLinear substitutes a product with constant weights, [N, K] where they are turned, else [K, N].
func (e *editor) quantizedLinear(n *graph.Node, p quantizedProduct, turned bool) error {
	axis := 1
	if turned {
		axis = 0
	}
	if rank(p.b.integers) != 2 || rank(p.a.integers) < 1 || !p.valid(axis) || !e.target.Fuses(op.FusedQuantizedLinear) {
		return nil
	}
	attributes := graph.Attributes{"transpose_b": int64(1 - axis)}
	e.substitute(n, newNode(n, graph.DomainFused, op.FusedQuantizedLinear, versionFused, attributes, p.inputs()...), 1)
	return nil
}

// dequantizedConvolution makes a convolution of integers of one of dequantised tensors.
func (e *editor) dequantizedConvolution(n *graph.Node) error {
	a, okA := dequantizedOf(n.Input(0))
	b, okB := dequantizedOf(n.Input(1))
	bias := n.Input(2)
	if !okA || !okB || !isFloat(n.Output(0)) || bias != nil && (bias.Constant == nil || bias.DType != tensor.Float32) {
		return nil
	}
	return e.quantizedConvolution(n, quantizedProduct{a: a, b: b, bias: bias})
}

// quantizedConvolution substitutes a convolution of images [N, C, H, W] with constant filters by one with channels last between transpositions, which the
// pass of that name finds; one that covers single pixels by a Linear.
func (e *editor) quantizedConvolution(n *graph.Node, p quantizedProduct) error {
	if rank(p.a.integers) != 4 || rank(p.b.integers) != 4 || !p.valid(0) || p.bias != nil && p.bias.Constant == nil {
		return nil
	}
	filters := p.b.integers.Constant.Shape
	geometry, ok := windowOf(n, filters[2:])
	group := n.Int("group", 1)
	point := geometry.isPoint() && group == 1 && e.target.Fuses(op.FusedQuantizedLinear)
	if !ok || !point && !e.target.Fuses(op.FusedQuantizedConv) {
		return nil
	}
	var err error
	if p.a.integers, err = e.transpose(n, p.a.integers, toLast(4)...); err != nil {
		return err
	}
	name, attributes := op.FusedQuantizedConv, graph.Attributes{
		"group": group, "kernel_shape": geometry.kernel, "strides": geometry.strides, "pads": geometry.pads, "dilations": geometry.dilations,
	}
	if point {
		p.b.integers = graph.NewConstant(p.b.integers.Name+":matrix", p.b.integers.Constant.Reshaped(filters[0], filters[1]))
		name, attributes = op.FusedQuantizedLinear, graph.Attributes{"transpose_b": int64(1)}
	}
	result, err := e.insert(n, graph.DomainFused, name, versionFused, attributes, trimmed(p.inputs()...)...)
	if err != nil {
		return err
	}
	e.substitute(n, newNode(n, graph.DomainONNX, "Transpose", versionTranspose, graph.Attributes{"perm": fromLast(4)}, result), 1)
	return nil
}

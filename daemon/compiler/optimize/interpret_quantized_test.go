package optimize

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// evaluateQuantized defines the products of integers, by products of floats that are small enough to be exact.
func evaluateQuantized(n *graph.Node, in []*tensor.Tensor) *tensor.Tensor {
	in = append(in, make([]*tensor.Tensor, op.QuantizedInputs-len(in))...)
	y := quantizedSums(n, shifted(in[op.QuantizedA], in[op.QuantizedAZero]), in[op.QuantizedB], in[op.QuantizedBZero])
	if in[op.QuantizedAScale] == nil {
		return castTo(y, tensor.Int32)
	}
	bias := in[op.QuantizedBias]
	if bias != nil && bias.DType == tensor.Int32 {
		y, bias = apply("Add", nil, y, castTo(bias, tensor.Float32)), nil
	}
	y = apply("Mul", nil, y, apply("Mul", nil, in[op.QuantizedAScale].Reshaped(1), in[op.QuantizedBScale].Reshaped(in[op.QuantizedBScale].Elements())))
	if bias != nil {
		y = apply("Add", nil, y, bias)
	}
	y = epilogue(n, y, in[op.QuantizedResidual])
	if scale := in[op.QuantizedYScale]; scale != nil {
		return apply("QuantizeLinear", nil, y, scale.Reshaped(), in[op.QuantizedYZero].Reshaped())
	}
	return castTo(y, tensor.DType(n.Int("output", int64(tensor.Float32))))
}

// quantizedSums multiplies a by b - zero, in floats.
func quantizedSums(n *graph.Node, a, b, zero *tensor.Tensor) *tensor.Tensor {
	if n.Op == op.FusedQuantizedConv {
		if zero != nil {
			zero = zero.Reshaped(zero.Elements(), 1, 1, 1)
		}
		return moved(apply("Conv", n.Attributes, moved(a, 0, 3, 1, 2), shifted(b, zero)), 0, 2, 3, 1)
	}
	if n.Int("transpose_b", 0) == 1 {
		b = moved(b, 1, 0)
	}
	return apply("MatMul", nil, a, shifted(b, zero))
}

// shifted is t - zero in floats.
func shifted(t, zero *tensor.Tensor) *tensor.Tensor {
	t = castTo(t, tensor.Float32)
	if zero == nil {
		return t
	}
	return apply("Sub", nil, t, castTo(zero, tensor.Float32))
}

func castTo(t *tensor.Tensor, to tensor.DType) *tensor.Tensor {
	if t.DType == to {
		return t
	}
	return apply("Cast", graph.Attributes{"to": int64(to)}, t)
}

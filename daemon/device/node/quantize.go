package node

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/activation"
)

// Scaled is input 0 of QuantizeLinear or DequantizeLinear as [Before, Scales, After]: one scale for the tensor is Scales 1.
type Scaled struct{ Before, Scales, After int64 }

// Scaled reads how the scales of QuantizeLinear or DequantizeLinear lie.
func (n Node) Scaled() (Scaled, error) {
	layout, err := op.ScaleLayoutOf(n.Node)
	if err != nil {
		return Scaled{}, err
	}
	x, axis := n.Shape(0), layout.Axis
	switch {
	case layout.Block > 0:
		return Scaled{}, NoKernel("there are scales for blocks of %d", layout.Block)
	case axis < 0:
		return Scaled{1, 1, Product(x)}, nil
	}
	return Scaled{Product(x[:axis]), x[axis], Product(x[axis+1:])}, nil
}

// QuantizedProduct is what op.FusedQuantizedLinear and op.FusedQuantizedConv have in common, but for their operands' places.
type QuantizedProduct struct {
	UnsignedA, UnsignedB bool
	Zeros                []int32   // of B: none, one, or one for each column
	Scales               []float32 // of B: one, or one for each column; none where the result is the sums
	IntegerBias          bool
	Activation           activation.Activation
	ResidualLast         bool
}

// QuantizedProduct reads a product of integers.
func (n Node) QuantizedProduct() (p QuantizedProduct, err error) {
	b := n.Input(op.QuantizedB)
	if b.Constant == nil {
		return p, NoKernel("input %d is not constant", op.QuantizedB)
	}
	p.UnsignedA, p.UnsignedB = n.Input(op.QuantizedA).DType == tensor.Uint8, b.DType == tensor.Uint8
	if v := n.Input(op.QuantizedBZero); v != nil {
		if p.Zeros, err = zeroPoints(v); err != nil {
			return p, err
		}
	}
	if v := n.Input(op.QuantizedBScale); v != nil {
		if v.Constant == nil {
			return p, NoKernel("input %d is not constant", op.QuantizedBScale)
		}
		p.Scales = tensor.Slice[float32](v.Constant)
	}
	bias := n.Input(op.QuantizedBias)
	p.IntegerBias = bias != nil && bias.DType == tensor.Int32
	p.ResidualLast = n.Int("residual_after", 0) != 0
	p.Activation, err = n.Activation()
	return p, err
}

// zeroPoints reads constant zero points.
func zeroPoints(v *graph.Value) ([]int32, error) {
	if v.Constant == nil {
		return nil, NoKernel("the zero points depend on data")
	}
	zeros := make([]int32, len(v.Constant.Data))
	for i, x := range v.Constant.Data {
		zeros[i] = int32(x)
		if v.DType == tensor.Int8 {
			zeros[i] = int32(int8(x))
		}
	}
	return zeros, nil
}

package node

import (
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// Quantization is a QuantizeLinear or DequantizeLinear of a dense tensor [Before, Scales, After], with a scale for each position of the middle axis; Scales 1
// is one scale for the whole tensor.
type Quantization struct {
	Before, Scales, After int64
	HasZero               bool // input 2 holds as many zero points as there are scales
}

// Quantization reads ONNX's QuantizeLinear (X, scale, zero point? -> Y) and DequantizeLinear.
func (n Node) Quantization() (q Quantization, err error) {
	layout, err := op.ScaleLayoutOf(n.Node)
	if err != nil {
		return q, err
	}
	if layout.Block > 0 {
		return q, NoKernel("blocks of %d elements share a scale", layout.Block)
	}
	if t := op.DivisionType(n.Node); n.Op == "QuantizeLinear" && t != tensor.Float32 {
		return q, NoKernel("the quotient is rounded to %v", t)
	}
	shape := n.Shape(0)
	q = Quantization{Before: 1, Scales: 1, After: Product(shape), HasZero: n.Input(2) != nil}
	if layout.Axis >= 0 {
		q.Before, q.Scales, q.After = Product(shape[:layout.Axis]), shape[layout.Axis], Product(shape[layout.Axis+1:])
	}
	return q, nil
}

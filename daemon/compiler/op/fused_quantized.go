package op

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// Fused operators of integers. With sum[m, n] = sum over k of (A[m, k] - aZero) * (B[k, n] - bZero[n]), exact but for the wrap of int32:
//
//	no scales  sum                                                                     int32, as MatMulInteger and ConvInteger
//	scales     value = activation((sum + bias) * aScale * bScale[n] + residual), or activation(sum * aScale * bScale[n] + bias + residual)
//	           where the bias is float32                                               float32, or what the attribute output says
//	yScale     saturate(round(value / yScale) + yZero), ties to even                   the type of yZero, uint8 or int8
//
// A is uint8 or int8, and aZero, aScale, yScale and yZero are one number each, of which those of A may be known at run time only. B is a constant of uint8
// or int8; bZero and bScale are constants, one number or one for each n. Everything from aScale on may be absent, at first both scales.
const (
	// FusedQuantizedLinear: A[..., K], B[K, N] ([N, K] where transpose_b is 1), aScale, aZero, bScale, bZero, bias[N], residual[..., N], yScale, yZero ->
	// [..., N]. Attributes: transpose_b int64, output int64 (an element type), Activation.
	FusedQuantizedLinear = "QuantizedLinear"
	// FusedQuantizedConv: X[N, H, W, C], W[M, C/group, kH, kW], and the rest as above -> [N, oH, oW, M]. Padding counts as aZero. Attributes: kernel_shape,
	// strides, pads, dilations []int64, group int64, output int64, Activation.
	FusedQuantizedConv = "QuantizedConv"
)

// Inputs of quantised products.
const (
	QuantizedA = iota
	QuantizedB
	QuantizedAScale
	QuantizedAZero
	QuantizedBScale
	QuantizedBZero
	QuantizedBias
	QuantizedResidual
	QuantizedYScale
	QuantizedYZero
	QuantizedInputs // their number
)

// inferFusedQuantizedLinear: A[..., K] and B[K, N] -> [..., N].
func inferFusedQuantizedLinear(_ *graph.Graph, n *graph.Node) error {
	if err := wantRank(n, QuantizedB, 2, 2); err != nil {
		return err
	}
	a := n.Input(QuantizedA)
	if !ranked(n, QuantizedA, QuantizedB) || len(a.Shape) == 0 {
		return fmt.Errorf("input 0 (%v) is no matrix", a)
	}
	shape, err := linearShape(n)
	if err != nil {
		return err
	}
	return setQuantized(n, shape)
}

// inferFusedQuantizedConv: X[N, H, W, C] -> [N, oH, oW, M].
func inferFusedQuantizedConv(g *graph.Graph, n *graph.Node) error {
	x, weights := n.Input(QuantizedA), n.Input(QuantizedB)
	if !ranked(n, QuantizedA, QuantizedB) || len(x.Shape) != 4 || len(weights.Shape) != 4 {
		return fmt.Errorf("inputs 0 and 1 (%v, %v) are no images and filters", x, weights)
	}
	w, spatial, err := windowOf(n)
	if err != nil {
		return err
	}
	if err := checkChannels(n, x.Shape[3]); err != nil {
		return err
	}
	dims, err := w.outputDims(g, n, spatial)
	if err != nil {
		return err
	}
	return setQuantized(n, append(append([]graph.Dim{x.Shape[0]}, dims...), weights.Shape[0]))
}

// setQuantized checks what both products share and declares the output.
func setQuantized(n *graph.Node, shape []graph.Dim) error {
	output, err := quantizedOutput(n)
	if err != nil {
		return err
	}
	columns := shape[len(shape)-1]
	for _, i := range []int{QuantizedAScale, QuantizedAZero, QuantizedYScale, QuantizedYZero} {
		if v := n.Input(i); v != nil && !v.ElementCount().Is(1) {
			return fmt.Errorf("input %d (%v) is not one number", i, v)
		}
	}
	for _, i := range []int{QuantizedBScale, QuantizedBZero} {
		if v := n.Input(i); v != nil && !v.ElementCount().Is(1) {
			if err := wantShape(n, i, []graph.Dim{columns}); err != nil {
				return err
			}
		}
	}
	if err := wantShape(n, QuantizedBias, []graph.Dim{columns}); err != nil {
		return err
	}
	if err := wantShape(n, QuantizedResidual, shape); err != nil {
		return err
	}
	set(n, 0, output, shape)
	return nil
}

// quantizedOutput checks the types of what follows the sums and returns that of the result.
func quantizedOutput(n *graph.Node) (tensor.DType, error) {
	output := tensor.DType(n.Int("output", int64(tensor.Float32)))
	biases := func(d tensor.DType) bool { return onlyFloat32(d) || onlyInt32(d) }
	residuals := func(d tensor.DType) bool { return d == output }
	if err := acceptEach(n, bytewide, bytewide, onlyFloat32, bytewide, onlyFloat32, bytewide, biases, residuals, onlyFloat32, bytewide); err != nil {
		return tensor.Undefined, err
	}
	if err := errors.Join(sameType(n, QuantizedA, QuantizedAZero), sameType(n, QuantizedB, QuantizedBZero)); err != nil {
		return tensor.Undefined, err
	}
	scaled := n.Input(QuantizedAScale) != nil
	switch {
	case scaled != (n.Input(QuantizedBScale) != nil):
		return tensor.Undefined, fmt.Errorf("one of inputs 2 and 4, the scales, is missing")
	case !scaled:
		return tensor.Int32, nil
	case (n.Input(QuantizedYScale) != nil) != (n.Input(QuantizedYZero) != nil):
		return tensor.Undefined, fmt.Errorf("one of inputs 8 and 9, the result's scale and zero point, is missing")
	case n.Input(QuantizedYZero) != nil:
		return n.Input(QuantizedYZero).DType, nil
	case !upToFloat32(output):
		return tensor.Undefined, fmt.Errorf("attribute output is %v", output)
	}
	return output, nil
}

// batchQuantizedLinear: any axis of A but the last, which is summed; the residual has the shape of the result.
func batchQuantizedLinear(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if in[0] < 0 || int(in[0]) == len(n.Inputs[0].Shape)-1 {
		return nil, fmt.Errorf("the batch is not along the rows of A")
	}
	return batchQuantized(n, in)
}

// batchQuantizedConv: axis 0 of X; the residual has the shape of the result.
func batchQuantizedConv(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if in[0] != 0 {
		return nil, fmt.Errorf("the batch is along axis %d of input 0, not axis 0", in[0])
	}
	return batchQuantized(n, in)
}

func batchQuantized(n *graph.Node, in []BatchAxis) ([]BatchAxis, error) {
	for i, axis := range in {
		if i > 0 && axis >= 0 && (i != QuantizedResidual || axis != in[0]) {
			return nil, fmt.Errorf("input %d (%q) has its batch along axis %d", i, n.Inputs[i].Name, axis)
		}
	}
	return rows(n, in[0]), nil
}

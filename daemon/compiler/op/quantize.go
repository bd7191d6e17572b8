package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// ScaleLayout says which scale of a QuantizeLinear or DequantizeLinear an element of input 0 has.
type ScaleLayout struct {
	// Axis is the axis that the scales lie along; -1 where one number scales the whole tensor.
	Axis int
	// Block is how many neighbours along Axis share a scale, which then has the rank of input 0. 0 where a scale belongs to all of a position.
	Block int64
}

// ScaleLayoutOf reads the layout from the node's attributes and the ranks of its inputs 0 and 1, which must be known.
func ScaleLayoutOf(n *graph.Node) (ScaleLayout, error) {
	x, scale := n.Input(0), n.Input(1)
	block := n.Int("block_size", 0)
	switch {
	case block < 0:
		return ScaleLayout{}, fmt.Errorf("attribute block_size is %d", block)
	case block > 0 && len(scale.Shape) > 0 && len(scale.Shape) == len(x.Shape):
	case len(scale.Shape) > 1:
		return ScaleLayout{}, fmt.Errorf("input 1 (%v) has rank %d, want 0 or 1, or that of input 0 (%v) and a block_size", scale, len(scale.Shape), x)
	case oneNumber(scale):
		return ScaleLayout{Axis: -1}, nil
	default:
		block = 0
	}
	axis, err := normalAxis(n.Int("axis", 1), len(x.Shape))
	return ScaleLayout{axis, block}, err
}

// DivisionType is the type that a QuantizeLinear divides in: that of attribute precision, else the scale's, which counts from version 23 on. Before, devices
// divide in float32.
func DivisionType(n *graph.Node) tensor.DType {
	switch {
	case n.Int("precision", 0) != 0:
		return tensor.DType(n.Int("precision", 0))
	case n.Version >= 23:
		return n.Input(1).DType
	}
	return tensor.Float32
}

// oneNumber reports whether a value is known to have one element.
func oneNumber(v *graph.Value) bool { return v.Ranked && v.ElementCount().Is(1) }

func quantized(d tensor.DType) bool {
	return bytewide(d) || d == tensor.Uint16 || d == tensor.Int16
}
func dequantizable(d tensor.DType) bool { return quantized(d) || d == tensor.Int32 }
func quantizable(d tensor.DType) bool   { return upToFloat32(d) || d == tensor.Int32 }

// inferQuantizeLinear: X, scale, zero point? -> Y of the zero point's type, of output_dtype or uint8.
func inferQuantizeLinear(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, quantizable, upToFloat32, quantized); err != nil {
		return err
	}
	to := tensor.Uint8
	if n.Int("output_dtype", 0) != 0 {
		var err error
		if to, err = typeAttribute(n, "output_dtype"); err != nil {
			return err
		}
		if !quantized(to) {
			return fmt.Errorf("attribute output_dtype is %v, which the operator does not make", to)
		}
	}
	if zero := n.Input(2); zero != nil {
		if n.Int("output_dtype", 0) != 0 && to != zero.DType {
			return fmt.Errorf("attribute output_dtype is %v, input 2 (%q) is %v; they must agree", to, zero.Name, zero.DType)
		}
		to = zero.DType
	}
	if n.Int("precision", 0) != 0 {
		if precision, err := typeAttribute(n, "precision"); err != nil || !upToFloat32(precision) {
			return fmt.Errorf("attribute precision is %s, want a floating-point type of at most 32 bits", tensor.TypeName(n.Int("precision", 0)))
		}
	}
	likeInput(n, 0, 0, to)
	return checkScales(n)
}

// inferDequantizeLinear: X, scale, zero point? -> Y of output_dtype or the scale's type.
func inferDequantizeLinear(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, dequantizable, upToFloat32, dequantizable); err != nil {
		return err
	}
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	to := n.Input(1).DType
	if n.Int("output_dtype", 0) != 0 {
		var err error
		if to, err = typeAttribute(n, "output_dtype"); err != nil {
			return err
		}
		if !upToFloat32(to) {
			return fmt.Errorf("attribute output_dtype is %v, which the operator does not make", to)
		}
	}
	likeInput(n, 0, 0, to)
	return checkScales(n)
}

// acceptEach fails where the type of input i is not in set i; it accepts any type of inputs without a set.
func acceptEach(n *graph.Node, sets ...typeSet) error {
	for i, set := range sets {
		if err := accept(n, i, set); err != nil {
			return err
		}
	}
	return nil
}

// checkScales compares scale and zero point with each other and with X.
func checkScales(n *graph.Node) error {
	x, scale, zero := n.Input(0), n.Input(1), n.Input(2)
	if !x.Ranked || !scale.Ranked {
		return nil
	}
	layout, err := ScaleLayoutOf(n)
	if err != nil {
		return err
	}
	if zero != nil && !(layout.Axis < 0 && oneNumber(zero)) {
		if err := wantShape(n, 2, scale.Shape); err != nil {
			return err
		}
	}
	if layout.Axis < 0 {
		return nil
	}
	want := []graph.Dim{x.Shape[layout.Axis]}
	if layout.Block > 0 {
		want = append([]graph.Dim{}, x.Shape...)
		want[layout.Axis] = want[layout.Axis].Add(graph.Int(layout.Block - 1)).Div(graph.Int(layout.Block))
	}
	return wantShape(n, 1, want)
}

// inferDynamicQuantizeLinear: X -> Y uint8, its scale and its zero point.
func inferDynamicQuantizeLinear(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, onlyFloat32); err != nil {
		return err
	}
	likeInput(n, 0, 0, tensor.Uint8)
	set(n, 1, tensor.Float32, nil)
	set(n, 2, tensor.Uint8, nil)
	return nil
}

// inferMatMulInteger: A, B, zero point of A?, zero point of B? -> sums.
func inferMatMulInteger(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, bytewide, bytewide, bytewide, bytewide); err != nil {
		return err
	}
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	if err := sameType(n, 1, 3); err != nil {
		return err
	}
	if err := inferProduct(g, n, 0, 1, tensor.Int32); err != nil {
		return err
	}
	if err := alongMatrix(n, 2, n.Input(0), -2); err != nil {
		return err
	}
	return alongMatrix(n, 3, n.Input(1), -1)
}

// alongMatrix fails where input i, if present, is known to be neither one number nor one for each row (axis -2) or column (axis -1) of the matrices in v: a
// list, or a tensor shaped like v with 1 in place of the other axis.
func alongMatrix(n *graph.Node, i int, v *graph.Value, axis int) error {
	p := n.Input(i)
	if p == nil || !p.Ranked || v == nil || !v.Ranked || oneNumber(p) {
		return nil
	}
	at := len(v.Shape) + axis
	if len(v.Shape) < 2 { // a vector is one row on the left and one column on the right
		return fmt.Errorf("input %d (%v) has more than one element for the vector %v", i, p, v)
	}
	if len(p.Shape) == 1 {
		return wantShape(n, i, v.Shape[at:at+1])
	}
	want := append([]graph.Dim{}, v.Shape...)
	want[len(v.Shape)-3-axis] = graph.Int(1)
	return wantShape(n, i, want)
}

// inferQLinearMatMul: A, its scale and zero point, B, its scale and zero point, Y's scale and zero point -> Y.
func inferQLinearMatMul(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, bytewide, upToFloat32, bytewide, bytewide, upToFloat32, bytewide, upToFloat32, bytewide); err != nil {
		return err
	}
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	if err := sameType(n, 3, 5); err != nil {
		return err
	}
	if err := inferProduct(g, n, 0, 3, n.Input(7).DType); err != nil {
		return err
	}
	for _, p := range []struct {
		input int
		of    *graph.Value
		axis  int
	}{{1, n.Input(0), -2}, {2, n.Input(0), -2}, {4, n.Input(3), -1}, {5, n.Input(3), -1}, {6, n.Output(0), -2}, {7, n.Output(0), -2}} {
		if err := alongMatrix(n, p.input, p.of, p.axis); err != nil {
			return err
		}
	}
	return nil
}

// inferConvInteger: X, W, zero point of X?, zero points of W? -> sums.
func inferConvInteger(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, bytewide, bytewide, bytewide, bytewide); err != nil {
		return err
	}
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	if err := sameType(n, 1, 3); err != nil {
		return err
	}
	if err := inferConvolution(g, n, tensor.Int32); err != nil {
		return err
	}
	return checkFilterNumbers(n, []int{2}, []int{3})
}

// inferQLinearConv: X, its scale and zero point, W, its scales and zero points, Y's scale and zero point, bias? -> Y.
func inferQLinearConv(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, bytewide, onlyFloat32, bytewide, bytewide, onlyFloat32, bytewide, onlyFloat32, bytewide, onlyInt32); err != nil {
		return err
	}
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	if err := sameType(n, 3, 5); err != nil {
		return err
	}
	if err := inferConvolution(g, n, n.Input(7).DType); err != nil {
		return err
	}
	if err := checkFilterNumbers(n, []int{1, 2, 6, 7}, []int{4, 5}); err != nil {
		return err
	}
	return perFilter(n, 8)
}

// checkFilterNumbers wants one number in some inputs, and one number or one a filter in others. Absent inputs pass.
func checkFilterNumbers(n *graph.Node, single, perFilters []int) error {
	for _, i := range single {
		if v := n.Input(i); v != nil && v.Ranked {
			if _, known := v.ElementCount().Known(); known && !oneNumber(v) {
				return fmt.Errorf("input %d (%v) must have one element", i, v)
			}
		}
	}
	for _, i := range perFilters {
		if v := n.Input(i); v != nil && !oneNumber(v) {
			if err := perFilter(n, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// batchQuantize: the batch is along any axis of X where one number scales the tensor, else along another one than the scales.
func batchQuantize(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	if !n.Inputs[1].Ranked {
		return nil, fmt.Errorf("input 1 (%v) has an unknown shape", n.Inputs[1])
	}
	layout, err := ScaleLayoutOf(n)
	switch {
	case err != nil:
		return nil, err
	case layout.Block > 0:
		return nil, fmt.Errorf("input 1 (%q) has scales for each row of the batch", n.Inputs[1].Name)
	case layout.Axis == int(in[0]):
		return nil, fmt.Errorf("its scales lie along the batch axis %d", in[0])
	}
	return rows(n, in[0]), nil
}

// batchMatMulInteger: like MatMul with numbers that no row has for itself.
func batchMatMulInteger(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	return batchQuantizedProduct(n, in, 1, []int{2}, []int{3})
}

func batchQLinearMatMul(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	return batchQuantizedProduct(n, in, 3, []int{1, 2, 6, 7}, []int{4, 5})
}

// batchQuantizedProduct: inputs 0 and b are multiplied; the inputs ofRows must be one number, and ofColumns too where the batch is in B.
func batchQuantizedProduct(n *graph.Node, in []BatchAxis, b int, ofRows, ofColumns []int) ([]BatchAxis, error) {
	for i, axis := range in {
		if axis >= 0 && i != 0 && i != b {
			return nil, fmt.Errorf("input %d (%q) depends on the requests", i, n.Inputs[i].Name)
		}
	}
	for _, i := range ofRows {
		if v := n.Input(i); v != nil && !oneNumber(v) {
			return nil, fmt.Errorf("input %d (%q) is not one number for all rows", i, v.Name)
		}
	}
	for _, i := range ofColumns {
		if v := n.Input(i); v != nil && in[b] >= 0 && !oneNumber(v) {
			return nil, fmt.Errorf("input %d (%q) is not one number for all of B, which depends on the requests", i, v.Name)
		}
	}
	return batchProduct(n, len(n.Inputs[0].Shape), len(n.Inputs[b].Shape), in[0], in[b])
}

// costDynamicQuantize: the extremes, then the elements.
func costDynamicQuantize(n *graph.Node) Cost { return Cost{FLOP: times(4, elements(n.Inputs[0]))} }

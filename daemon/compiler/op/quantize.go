package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

func quantizedUpTo16(d tensor.DType) bool {
	return quantized8(d) || d == tensor.Uint16 || d == tensor.Int16
}
func quantizedOrInt32(d tensor.DType) bool { return quantizedUpTo16(d) || d == tensor.Int32 }
func floatOrInt32(d tensor.DType) bool     { return upToFloat32(d) || d == tensor.Int32 }
func onlyFloat32(d tensor.DType) bool      { return d == tensor.Float32 }
func onlyInt32(d tensor.DType) bool        { return d == tensor.Int32 }

// acceptEach is accept for all inputs in turn.
func acceptEach(n *graph.Node, sets ...typeSet) error {
	for i, set := range sets {
		if err := accept(n, i, set); err != nil {
			return err
		}
	}
	return nil
}

// inferQuantize: the shape of x; the type is the zero point's, or what the attribute says, or uint8.
func inferQuantize(_ *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, floatOrInt32, upToFloat32, quantizedUpTo16); err != nil {
		return err
	}
	to := tensor.DType(n.Int("output_dtype", 0))
	zero := n.Input(2)
	switch {
	case zero != nil && to != tensor.Undefined && to != zero.DType:
		return fmt.Errorf("attribute output_dtype is %v, the zero point (%v) is %v", to, zero, zero.DType)
	case zero != nil:
		to = zero.DType
	case to == tensor.Undefined:
		to = tensor.Uint8
	case !quantizedUpTo16(to):
		return fmt.Errorf("attribute output_dtype is %v, which is not supported", to)
	}
	return inferScaled(n, to)
}

// inferDequantize: the shape of x; the type is the scale's, or what the attribute says.
func inferDequantize(_ *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, quantizedOrInt32, upToFloat32); err != nil {
		return err
	}
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	to := tensor.DType(n.Int("output_dtype", 0))
	if to == tensor.Undefined {
		to = n.Input(1).DType
	}
	if !upToFloat32(to) {
		return fmt.Errorf("attribute output_dtype is %v, which is not supported", to)
	}
	return inferScaled(n, to)
}

// inferScaled checks the shapes of scale and zero point, and declares the output.
func inferScaled(n *graph.Node, to tensor.DType) error {
	x, scale, zero := n.Input(0), n.Input(1), n.Input(2)
	setType(n, 0, to)
	if !ranked(n, 0, 1) {
		return nil
	}
	if zero != nil && !(zero.ElementCount().Is(1) && scale.ElementCount().Is(1)) {
		if err := wantShape(n, 2, scale.Shape); err != nil {
			return err
		}
	}
	if err := checkScale(n, x, scale); err != nil {
		return err
	}
	set(n, 0, to, x.Shape)
	return nil
}

// checkScale wants one scale, one for each position of the axis, or one for each block along it.
func checkScale(n *graph.Node, x, scale *graph.Value) error {
	block := n.Int("block_size", 0)
	if block < 0 {
		return fmt.Errorf("attribute block_size is %d", block)
	}
	if block == 0 && scale.ElementCount().Is(1) && len(scale.Shape) <= 1 {
		return nil
	}
	axis, err := normalAxis(n.Int("axis", 1), len(x.Shape))
	if err != nil {
		return err
	}
	if block == 0 {
		return wantShape(n, 1, []graph.Dim{x.Shape[axis]})
	}
	blocked := append([]graph.Dim{}, x.Shape...)
	blocked[axis] = x.Shape[axis].Add(graph.Int(block - 1)).Div(graph.Int(block))
	return wantShape(n, 1, blocked)
}

// inferDynamicQuantize: y[...] in uint8, its scale and its zero point.
func inferDynamicQuantize(_ *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, onlyFloat32); err != nil {
		return err
	}
	setType(n, 0, tensor.Uint8)
	set(n, 1, tensor.Float32, nil)
	set(n, 2, tensor.Uint8, nil)
	if x := n.Input(0); x.Ranked {
		set(n, 0, tensor.Uint8, x.Shape)
	}
	return nil
}

// inferMatMulInteger: the product's shape, in int32.
func inferMatMulInteger(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, quantized8, quantized8); err != nil {
		return err
	}
	return inferIntegers(g, n, [2]int{0, 1}, [2]int{2, 3}, tensor.Int32, matMulShape)
}

// inferQLinearMatMul: the product's shape, in the type of the result's zero point.
func inferQLinearMatMul(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, quantized8, upToFloat32, quantized8, quantized8, upToFloat32, quantized8, upToFloat32, quantized8); err != nil {
		return err
	}
	return inferIntegers(g, n, [2]int{0, 3}, [2]int{2, 5}, n.Input(7).DType, matMulShape)
}

// inferConvInteger: the convolution's shape, in int32.
func inferConvInteger(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, quantized8, quantized8); err != nil {
		return err
	}
	return inferIntegers(g, n, [2]int{0, 1}, [2]int{2, 3}, tensor.Int32, convolutionShape(n, nil))
}

// inferQLinearConv: the convolution's shape, in the type of the result's zero point.
func inferQLinearConv(g *graph.Graph, n *graph.Node) error {
	if err := acceptEach(n, quantized8, onlyFloat32, quantized8, quantized8, onlyFloat32, quantized8, onlyFloat32, quantized8, onlyInt32); err != nil {
		return err
	}
	return inferIntegers(g, n, [2]int{0, 3}, [2]int{2, 5}, n.Input(7).DType, convolutionShape(n, n.Input(8)))
}

// inferIntegers compares the types of zero points with those of the factors, and declares the product.
func inferIntegers(g *graph.Graph, n *graph.Node, factors, zeros [2]int, to tensor.DType, shape func(g *graph.Graph, a, b *graph.Value) ([]graph.Dim, error)) error {
	for i := range factors {
		if err := sameType(n, factors[i], zeros[i]); err != nil {
			return err
		}
	}
	setType(n, 0, to)
	if !ranked(n, factors[0], factors[1]) {
		return nil
	}
	dims, err := shape(g, n.Input(factors[0]), n.Input(factors[1]))
	if err != nil {
		return err
	}
	set(n, 0, to, dims)
	return nil
}

// convolutionShape is convShape for a node whose filters are not input 1.
func convolutionShape(n *graph.Node, bias *graph.Value) func(g *graph.Graph, x, weights *graph.Value) ([]graph.Dim, error) {
	return func(g *graph.Graph, x, weights *graph.Value) ([]graph.Dim, error) {
		return convShape(g, &graph.Node{Name: n.Name, Op: "Conv", Version: n.Version, Attributes: n.Attributes, Inputs: []*graph.Value{x, weights, bias}})
	}
}

// batchScaled: the batch axis stays, where it is not the one that has several scales.
func batchScaled(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	if !n.Inputs[1].ElementCount().Is(1) && AxisOf(n, 1, len(n.Inputs[0].Shape)) == int(in[0]) {
		return nil, fmt.Errorf("it has scales along the batch axis %d", in[0])
	}
	if n.Int("block_size", 0) != 0 {
		return nil, fmt.Errorf("its scales are those of blocks")
	}
	return rows(n, in[0]), nil
}

// batchIntegers: as batchMatMul; scales and zero points belong to all requests, and there is one zero point of A.
func batchIntegers(a, b, aZero int) batchFunc {
	return func(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
		for i, axis := range in {
			if i != a && i != b && axis >= 0 {
				return nil, fmt.Errorf("input %d (%q) depends on the requests", i, n.Inputs[i].Name)
			}
		}
		if zero := n.Input(aZero); zero != nil && !zero.ElementCount().Is(1) {
			return nil, fmt.Errorf("input %d (%v) has a zero point for each row", aZero, zero)
		}
		product := &graph.Node{Name: n.Name, Op: "MatMul", Inputs: []*graph.Value{n.Inputs[a], n.Inputs[b]}, Outputs: n.Outputs}
		return batchMatMul(product, []BatchAxis{in[a], in[b]}, batch)
	}
}

package optimize

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// foldBatchNormalization turns an inference-time BatchNormalization with constant statistics into new weights for the convolution
// ahead of it, or else into a multiplication and an addition.
func foldBatchNormalization(e *editor, n *graph.Node) error {
	if !isONNX(n, "BatchNormalization") || len(n.Inputs) != 5 || n.Int("training_mode", 0) != 0 || rank(n.Inputs[0]) < 2 {
		return nil
	}
	for i, v := range n.Outputs {
		if i > 0 && e.users[v] > 0 {
			return nil
		}
	}
	var parameters [4][]float32
	for i := range parameters {
		elements, ok := e.floats(n.Inputs[i+1])
		if !ok || len(elements) != len(parameters[0]) && i > 0 {
			return nil
		}
		parameters[i] = elements
	}
	scale, shift := make([]float32, len(parameters[0])), make([]float32, len(parameters[0]))
	epsilon := float64(n.Float("epsilon", 1e-5))
	for c := range scale {
		factor := float64(parameters[0][c]) / math.Sqrt(float64(parameters[3][c])+epsilon)
		scale[c] = float32(factor)
		shift[c] = float32(float64(parameters[1][c]) - float64(parameters[2][c])*factor)
	}
	if conv, ok := e.scaledConv(n.Inputs[0], scale, shift); ok {
		e.substitute(n, conv, 1)
		return nil
	}
	shape := []int64{int64(len(scale))}
	for range rank(n.Inputs[0]) - 2 {
		shape = append(shape, 1)
	}
	scaled, err := e.insert(n, graph.DomainONNX, "Mul", versionElementwise, nil, n.Inputs[0], constantFloats(n.Name+":scale", scale, shape...))
	if err != nil {
		return err
	}
	e.substitute(n, newNode(n, graph.DomainONNX, "Add", versionElementwise, nil, scaled, constantFloats(n.Name+":shift", shift, shape...)), 1)
	return nil
}

// foldConvScale folds arithmetic with a constant per channel into the convolution ahead of it, and turns a division by a power of two
// into the multiplication that gives the same bits.
func foldConvScale(e *editor, n *graph.Node) error {
	if !isONNX(n, "Add", "Sub", "Mul", "Div") || len(n.Inputs) != 2 {
		return nil
	}
	for i, v := range n.Inputs {
		x := n.Inputs[1-i]
		conv := producer(x, "Conv")
		if v.Constant == nil || conv == nil || i == 0 && (n.Op == "Sub" || n.Op == "Div") || !sameType(x, n.Output(0)) {
			continue
		}
		channels, ok := e.perChannel(v, rank(x), 1, x.Shape[1])
		if !ok {
			continue
		}
		scale, shift := make([]float32, len(channels)), make([]float32, len(channels))
		for c, factor := range channels {
			scale[c] = 1
			switch n.Op {
			case "Add":
				shift[c] = factor
			case "Sub":
				shift[c] = -factor
			case "Mul":
				scale[c] = factor
			case "Div":
				scale[c] = 1 / factor
			}
		}
		if scaled, ok := e.scaledConv(x, scale, shift); ok {
			e.substitute(n, scaled, 1)
			return nil
		}
	}
	return exactReciprocal(e, n)
}

// exactReciprocal replaces x / 2^k by x * 2^-k.
func exactReciprocal(e *editor, n *graph.Node) error {
	divisor, ok := e.scalar(n.Inputs[1])
	if n.Op != "Div" || !ok {
		return nil
	}
	fraction, exponent := math.Frexp(float64(divisor))
	if math.Abs(fraction) != 0.5 || exponent < -125 || exponent > 125 {
		return nil
	}
	shape := n.Inputs[1].Constant.Shape
	e.substitute(n, newNode(n, graph.DomainONNX, "Mul", versionElementwise, nil, n.Inputs[0],
		constantFloats(n.Name+":reciprocal", []float32{1 / divisor}, shape...)), 1)
	return nil
}

// perChannel returns a constant that broadcasts along all axes but one as a list over that axis, whose size must be known.
func (s *state) perChannel(v *graph.Value, rank, axis int, size graph.Dim) ([]float32, bool) {
	elements, ok := s.floats(v)
	count, known := size.Known()
	if !ok || !known || len(v.Constant.Shape) > rank {
		return nil, false
	}
	if len(elements) == 1 {
		return slices.Repeat(elements, int(count)), true
	}
	for i, dim := range v.Constant.Shape {
		if at := i + rank - len(v.Constant.Shape); at == axis && dim != count || at != axis && dim != 1 {
			return nil, false
		}
	}
	return elements, int64(len(elements)) == count
}

// scaledConv returns the convolution that makes x, with each output channel scaled and shifted. It reports false where x has other
// readers or the weights are not constant.
func (e *editor) scaledConv(x *graph.Value, scale, shift []float32) (*graph.Node, bool) {
	conv := producer(x, "Conv")
	if conv == nil || !e.single(x) {
		return nil, false
	}
	weights, ok := e.floats(conv.Input(1))
	channels := len(scale)
	if !ok || channels == 0 || conv.Inputs[1].Constant.Shape[0] != int64(channels) {
		return nil, false
	}
	bias := make([]float32, channels)
	if conv.Input(2) != nil {
		constant, ok := e.floats(conv.Input(2))
		if !ok || len(constant) != channels {
			return nil, false
		}
		copy(bias, constant)
	}
	folded := make([]float32, len(weights))
	size := len(weights) / channels
	for i, w := range weights {
		folded[i] = w * scale[i/size]
	}
	for c := range bias {
		bias[c] = bias[c]*scale[c] + shift[c]
	}
	w, b := conv.Inputs[1], conv.Name+":bias"
	fused := newNode(conv, conv.Domain, conv.Op, conv.Version, conv.Attributes, conv.Inputs[0],
		constantFloats(w.Name+":scaled", folded, w.Constant.Shape...),
		constantFloats(b, bias, int64(channels)))
	return fused, true
}

// splitSum turns the sum of several tensors into additions, which other passes know.
func splitSum(e *editor, n *graph.Node) error {
	if !isONNX(n, "Sum") || len(n.Inputs) < 2 {
		return nil
	}
	sum := n.Inputs[0]
	for _, v := range n.Inputs[1 : len(n.Inputs)-1] {
		var err error
		if sum, err = e.insert(n, graph.DomainONNX, "Add", versionElementwise, nil, sum, v); err != nil {
			return err
		}
	}
	e.substitute(n, newNode(n, graph.DomainONNX, "Add", versionElementwise, nil, sum, n.Inputs[len(n.Inputs)-1]), 1)
	return nil
}

// scaleAddend multiplies what a Gemm adds by beta ahead of it, because kernels add it as it is. With beta 0 there is nothing to add.
func scaleAddend(e *editor, n *graph.Node) error {
	if !isONNX(n, "Gemm") || !isFloat(n.Input(2)) || n.Float("beta", 1) == 1 {
		return nil
	}
	attributes := n.Attributes.Without("beta")
	if n.Float("beta", 1) == 0 {
		e.substitute(n, newNode(n, n.Domain, n.Op, n.Version, attributes, n.Inputs[:2]...), 1)
		return nil
	}
	beta := constantFloats(n.Name+":beta", []float32{n.Float("beta", 1)})
	addend, err := e.insert(n, graph.DomainONNX, "Mul", versionElementwise, nil, n.Input(2), beta)
	if err != nil {
		return err
	}
	e.substitute(n, newNode(n, n.Domain, n.Op, n.Version, attributes, n.Inputs[0], n.Inputs[1], addend), 1)
	return nil
}

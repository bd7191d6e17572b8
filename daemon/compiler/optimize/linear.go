package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// fuseLinear makes our own operator of MatMul and Gemm with constant weights.
func fuseLinear(e *editor, n *graph.Node) error {
	if !isONNX(n, "MatMul", "Gemm") || !e.target.Fuses(op.FusedLinear) || len(n.Inputs) < 2 {
		return nil
	}
	a, b := n.Inputs[0], n.Inputs[1]
	if !isFloat(a) || !isFloat(n.Output(0)) || rank(a) < 1 || b.Constant == nil || b.DType != tensor.Float32 || len(b.Shape) != 2 {
		return nil
	}
	if n.Op == "MatMul" {
		e.substitute(n, newNode(n, graph.DomainFused, op.FusedLinear, versionFused, graph.Attributes{"transpose_b": int64(0)}, a, b), 1)
		return nil
	}
	if n.Int("transA", 0) != 0 || rank(a) != 2 {
		return nil
	}
	attributes := graph.Attributes{"transpose_b": n.Int("transB", 0)}
	if alpha := n.Float("alpha", 1); alpha != 1 {
		attributes["alpha"] = alpha
	}
	bias, residual, ok := e.gemmBias(n)
	if ok {
		e.substitute(n, newNode(n, graph.DomainFused, op.FusedLinear, versionFused, attributes, a, b, bias, residual), 1)
	}
	return nil
}

// gemmBias splits Gemm's third input: a constant per column is a bias, a tensor of the output's shape a residual.
func (e *editor) gemmBias(n *graph.Node) (bias, residual *graph.Value, ok bool) {
	c, out, beta := n.Input(2), n.Output(0), n.Float("beta", 1)
	if c == nil || beta == 0 {
		return nil, nil, true
	}
	if beta == 1 && c.Constant == nil && sameType(c, out) {
		return nil, c, true
	}
	if bias, ok = e.columns(c, out); !ok {
		return nil, nil, false
	}
	return e.scaledVector(bias, beta), nil, true
}

// columns returns a constant that differs along the last axis of out at most, as a vector over that axis.
func (e *editor) columns(v, out *graph.Value) (*graph.Value, bool) {
	last := len(out.Shape) - 1
	elements, ok := e.perChannel(v, len(out.Shape), last, out.Shape[last])
	if !ok {
		return nil, false
	}
	if len(v.Constant.Shape) == 1 && len(elements) == int(v.Constant.Shape[0]) {
		return v, true
	}
	return constantFloats(v.Name+":columns", elements, int64(len(elements))), true
}

// scaledVector returns the constant times the factor.
func (e *editor) scaledVector(v *graph.Value, factor float32) *graph.Value {
	elements, ok := e.floats(v)
	if !ok || factor == 1 {
		return v
	}
	scaled := make([]float32, len(elements))
	for i, x := range elements {
		scaled[i] = x * factor
	}
	return constantFloats(v.Name+":scaled", scaled, v.Constant.Shape...)
}

// Positions of the inputs that Linear and Conv share.
const (
	inputBias     = 2
	inputResidual = 3
)

// fuseEpilogue absorbs a bias, a residual, an activation or a scale into the Linear or Conv whose output nobody else reads.
func fuseEpilogue(e *editor, n *graph.Node) error {
	if n.Output(0) == nil || !isFloat(n.Output(0)) {
		return nil
	}
	if x, a, readers, ok := e.activationOf(n); ok {
		p := fusedProducer(x, op.FusedLinear, op.FusedConv)
		if p != nil && e.users[x] == readers && p.Text("activation", "") == "" {
			attributes := p.Attributes.With("activation", a.Kind.String()).With("activation_alpha", a.P0).With("activation_beta", a.P1)
			e.absorb(n, p, attributes, p.Inputs)
			return nil
		}
	}
	if len(n.Inputs) != 2 {
		return nil
	}
	switch {
	case isONNX(n, "Add"):
		return fuseAddition(e, n)
	case isONNX(n, "Mul"):
		return fuseScale(e, n)
	}
	return nil
}

// absorb replaces n and the kernel p by one kernel in n's place.
func (e *editor) absorb(n, p *graph.Node, attributes graph.Attributes, inputs []*graph.Value) {
	fused := newNode(p, p.Domain, p.Op, p.Version, attributes, slices.Clone(inputs)...)
	e.substitute(n, fused, 1)
}

// fuseAddition absorbs an addition as bias or residual. Of two kernels the later one takes it, so that the other's result is ready.
func fuseAddition(e *editor, n *graph.Node) error {
	for _, i := range e.laterFirst(n) {
		x, r := n.Inputs[i], n.Inputs[1-i]
		p := fusedProducer(x, op.FusedLinear, op.FusedConv)
		if p == nil || !e.single(x) || !sameType(x, n.Output(0)) {
			continue
		}
		active := p.Text("activation", "") != ""
		inputs := append(slices.Clone(p.Inputs), nil, nil)[:inputResidual+1]
		if r.Constant != nil && !active {
			if bias, ok := e.columns(r, x); ok {
				if inputs[inputBias] != nil {
					if bias, ok = e.sumOf(inputs[inputBias], bias); !ok {
						continue
					}
				}
				inputs[inputBias] = bias
				e.absorb(n, p, p.Attributes, inputs)
				return nil
			}
		}
		// A convolution's kernel adds a residual before the activation only.
		if inputs[inputResidual] != nil || !sameType(r, x) || active && p.Op == op.FusedConv {
			continue
		}
		inputs[inputResidual] = r
		attributes := p.Attributes
		if active {
			attributes = attributes.With("residual_after", int64(1))
		}
		e.absorb(n, p, attributes, inputs)
		return nil
	}
	return nil
}

// laterFirst orders the inputs of a binary node so that the one produced last comes first.
func (e *editor) laterFirst(n *graph.Node) []int {
	for i := len(e.nodes) - 1; i >= 0; i-- {
		switch e.nodes[i] {
		case n.Inputs[0].Producer:
			return []int{0, 1}
		case n.Inputs[1].Producer:
			return []int{1, 0}
		}
	}
	return []int{0, 1}
}

// sumOf adds two constant vectors of one length.
func (e *editor) sumOf(a, b *graph.Value) (*graph.Value, bool) {
	x, okX := e.floats(a)
	y, okY := e.floats(b)
	if !okX || !okY || len(x) != len(y) {
		return nil, false
	}
	sum := make([]float32, len(x))
	for i := range x {
		sum[i] = x[i] + y[i]
	}
	return constantFloats(a.Name+":sum", sum, int64(len(sum))), true
}

// fuseScale absorbs a multiplication by a constant number into alpha and the bias of a Linear, and one by a constant per column into the
// weights.
func fuseScale(e *editor, n *graph.Node) error {
	for i, v := range n.Inputs {
		x := n.Inputs[1-i]
		p := fusedProducer(x, op.FusedLinear)
		if v.Constant == nil || p == nil || !e.single(x) || !sameType(x, n.Output(0)) || p.Text("activation", "") != "" || p.Input(inputResidual) != nil {
			continue
		}
		inputs := slices.Clone(p.Inputs)
		if factor, ok := e.scalar(v); ok && (p.Input(inputBias) == nil || p.Inputs[inputBias].Constant != nil) {
			if bias := p.Input(inputBias); bias != nil {
				inputs[inputBias] = e.scaledVector(bias, factor)
			}
			e.absorb(n, p, p.Attributes.With("alpha", p.Float("alpha", 1)*factor), inputs)
			return nil
		}
		if e.scaleColumns(inputs, v, x, p.Int("transpose_b", 0) == 1) {
			e.absorb(n, p, p.Attributes, inputs)
			return nil
		}
	}
	return nil
}

// scaleColumns multiplies the weights and the bias of a Linear by a constant per column of its output x.
func (e *editor) scaleColumns(inputs []*graph.Value, v, x *graph.Value, transposed bool) bool {
	factors, ok := e.columns(v, x)
	weights, okWeights := e.floats(inputs[1])
	if !ok || !okWeights {
		return false
	}
	scale, _ := e.floats(factors)
	shape := inputs[1].Constant.Shape
	width := int(shape[1]) // of a row of the weights
	column := func(i int) int { return i % width }
	if transposed {
		column = func(i int) int { return i / width }
	}
	scaled := make([]float32, len(weights))
	for i, w := range weights {
		scaled[i] = w * scale[column(i)]
	}
	if len(inputs) > inputBias && inputs[inputBias] != nil {
		bias, ok := e.floats(inputs[inputBias])
		if !ok || len(bias) != len(scale) {
			return false
		}
		product := make([]float32, len(bias))
		for i, b := range bias {
			product[i] = b * scale[i]
		}
		inputs[inputBias] = constantFloats(inputs[inputBias].Name+":scaled", product, int64(len(product)))
	}
	inputs[1] = constantFloats(inputs[1].Name+":scaled", scaled, shape...)
	return true
}

package optimize

import (
	"bytes"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// moveDequantize makes QuantizeLinear(moving(DequantizeLinear(x))) with the same numbers moving(x): quantisers put the pair around everything.
func moveDequantize(e *editor, n *graph.Node) error {
	if !isONNX(n, "QuantizeLinear") || n.Output(0) == nil || n.Int("block_size", 0) != 0 {
		return nil
	}
	moved := producer(n.Input(0), moving...)
	source := n.Input(0)
	if moved != nil {
		if !e.single(source) || moved.Input(0) == nil {
			return nil
		}
		source = moved.Input(0)
	}
	x, ok := dequantizedOf(source)
	if !ok || x.axis >= 0 || x.integers.DType != n.Output(0).DType || !sameNumber(x.scale, n.Input(1)) || !sameNumber(x.zero, n.Input(2)) {
		return nil
	}
	if moved == nil {
		e.replace(n.Output(0), x.integers)
		return nil
	}
	inputs := slices.Clone(moved.Inputs)
	inputs[0] = x.integers
	e.substitute(n, newNode(moved, moved.Domain, moved.Op, moved.Version, moved.Attributes, inputs...), 1)
	return nil
}

// sameNumber reports whether both are the same constant of one element, or absent, which is zero.
func sameNumber(a, b *graph.Value) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		present := a
		if present == nil {
			present = b
		}
		return isOne(present) && allZero(present)
	}
	return a.Constant != nil && b.Constant != nil && isOne(a) && isOne(b) && a.DType == b.DType && bytes.Equal(a.Constant.Data, b.Constant.Data)
}

// quantizedProducer returns the product of integers that makes the value, for its one reader.
func (e *editor) quantizedProducer(v *graph.Value) *graph.Node {
	p := fusedProducer(v, op.FusedQuantizedLinear, op.FusedQuantizedConv)
	if p == nil || p.Input(op.QuantizedYScale) != nil {
		return nil
	}
	return p
}

// fuseQuantizedEpilogue absorbs what follows a product of integers: its scales, a bias, a residual, an activation, and quantisation.
func fuseQuantizedEpilogue(e *editor, n *graph.Node) error {
	if n.Output(0) == nil || n.Domain != graph.DomainONNX {
		return nil
	}
	switch n.Op {
	case "Mul":
		if done := e.scaleSums(n); done {
			return nil
		}
	case "Add":
		return e.addToQuantized(n)
	case "QuantizeLinear":
		return e.quantizeResult(n)
	}
	x, a, readers, ok := e.activationOf(n)
	p := e.quantizedProducer(x)
	if !ok || p == nil || !isFloat(x) || e.users[x] != readers || p.Text("activation", "") != "" {
		return nil
	}
	e.absorb(n, p, p.Attributes.With("activation", a.Kind.String()).With("activation_alpha", a.P0).With("activation_beta", a.P1), p.Inputs)
	return nil
}

// quantizedInputs copies the inputs of a product of integers, all of them.
func quantizedInputs(p *graph.Node) []*graph.Value {
	return append(slices.Clone(p.Inputs), make([]*graph.Value, op.QuantizedInputs-len(p.Inputs))...)
}

// scaleSums absorbs scale * float(sums), the scale a number times a constant per column at most.
func (e *editor) scaleSums(n *graph.Node) bool {
	for i, x := range n.Inputs {
		scale := n.Inputs[1-i]
		cast := producer(x, "Cast")
		if cast == nil || !e.single(x) || !isFloat(x) || !e.single(cast.Input(0)) || !sameType(x, n.Output(0)) || scale == nil || scale.DType != tensor.Float32 {
			continue
		}
		p := e.quantizedProducer(cast.Input(0))
		if p == nil || p.Input(op.QuantizedAScale) != nil {
			continue
		}
		a, b, ok := e.scales(scale, x)
		if !ok {
			continue
		}
		inputs := quantizedInputs(p)
		inputs[op.QuantizedAScale], inputs[op.QuantizedBScale] = a, b
		e.absorb(n, p, p.Attributes, trimmed(inputs...))
		return true
	}
	return false
}

// scales splits what the sums x are multiplied by into one number, which a run decides, and constants of the columns.
func (e *editor) scales(v, x *graph.Value) (a, b *graph.Value, ok bool) {
	one := constantFloats(v.Name+":one", []float32{1})
	if v.Constant != nil {
		b, ok = e.perColumn(v, x)
		return one, b, ok
	}
	if product := producer(v, "Mul"); product != nil {
		for i, factor := range product.Inputs {
			if b, ok = e.perColumn(factor, x); ok && isOne(product.Inputs[1-i]) {
				return product.Inputs[1-i], b, true
			}
		}
	}
	return v, one, isOne(v)
}

// perColumn returns a constant as one number, or as a vector over the last axis of x.
func (e *editor) perColumn(v, x *graph.Value) (*graph.Value, bool) {
	if _, ok := e.scalar(v); ok {
		return v, true
	}
	return e.columns(v, x)
}

// addToQuantized absorbs an addition as bias or residual; see fuseAddition.
func (e *editor) addToQuantized(n *graph.Node) error {
	if len(n.Inputs) != 2 || !isFloat(n.Output(0)) {
		return nil
	}
	for _, i := range e.laterFirst(n) {
		x, r := n.Inputs[i], n.Inputs[1-i]
		p := e.quantizedProducer(x)
		if p == nil || !e.single(x) || !isFloat(x) || !sameType(x, n.Output(0)) {
			continue
		}
		active, inputs, attributes := p.Text("activation", "") != "", quantizedInputs(p), p.Attributes
		bias, ok := e.columns(r, x)
		if old := inputs[op.QuantizedBias]; ok && old != nil {
			bias, ok = e.sumOf(old, bias)
		}
		switch {
		case ok && !active && inputs[op.QuantizedResidual] == nil:
			inputs[op.QuantizedBias] = bias
		case inputs[op.QuantizedResidual] == nil && sameType(r, x):
			inputs[op.QuantizedResidual] = r
			if active {
				attributes = attributes.With("residual_after", int64(1))
			}
		default:
			continue
		}
		e.absorb(n, p, attributes, trimmed(inputs...))
		return nil
	}
	return nil
}

// quantizeResult absorbs the quantisation of the result.
func (e *editor) quantizeResult(n *graph.Node) error {
	x, scale, zero := n.Input(0), n.Input(1), n.Input(2)
	p := e.quantizedProducer(x)
	if p == nil || !e.single(x) || !isFloat(x) || !isQuantized(n.Output(0)) || !isOne(scale) || op.DivisionType(n) != tensor.Float32 || scale.DType != tensor.Float32 {
		return nil
	}
	inputs := quantizedInputs(p)
	if inputs[op.QuantizedResidual] != nil {
		return nil
	}
	if zero == nil {
		zero = graph.NewConstant(n.Name+":zero", tensor.New(n.Output(0).DType))
	}
	if !isOne(zero) {
		return nil
	}
	inputs[op.QuantizedYScale], inputs[op.QuantizedYZero] = scale, zero
	e.absorb(n, p, p.Attributes, inputs)
	return nil
}

// narrowQuantized lets a product of integers write the narrow type that its result is cast to.
func narrowQuantized(e *editor, n *graph.Node) error {
	if !isONNX(n, "Cast") || n.Output(0) == nil || n.Output(0).DType != tensor.Float16 && n.Output(0).DType != tensor.BFloat16 {
		return nil
	}
	x := n.Input(0)
	p := e.quantizedProducer(x)
	if p == nil || !e.target.Narrow || !e.single(x) || !isFloat(x) || p.Input(op.QuantizedResidual) != nil {
		return nil
	}
	e.absorb(n, p, p.Attributes.With("output", int64(n.Output(0).DType)), p.Inputs)
	return nil
}

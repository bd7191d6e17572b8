package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// recogniseLayerNormalization finds layer normalisations that exporters write out:
// (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + bias, over the last axis.
func recogniseLayerNormalization(e *editor, n *graph.Node) error {
	if !isONNX(n, "Add") || !isFloat(n.Output(0)) || !e.target.Fuses(op.FusedLayerNormalization) {
		return nil
	}
	bias, rest := other(n, func(v *graph.Value) bool { return isVector(v) })
	mul := producer(rest, "Mul")
	if bias == nil || mul == nil || !e.single(rest) {
		return nil
	}
	scale, normal := other(mul, func(v *graph.Value) bool { return isVector(v) })
	div := producer(normal, "Div")
	if scale == nil || div == nil || !e.single(normal) || !sameDims(scale.Shape, bias.Shape) {
		return nil
	}
	x, epsilon, ok := e.normalised(div)
	if !ok || !sameType(x, n.Output(0)) || !scale.Shape[0].Equal(x.Shape[len(x.Shape)-1]) {
		return nil
	}
	attributes := graph.Attributes{"axis": int64(-1), "epsilon": epsilon}
	e.substitute(n, newNode(n, graph.DomainONNX, "LayerNormalization", versionLayerNorm, attributes, x, scale, bias), 1)
	return nil
}

// isVector reports whether the value is a float32 constant of one dimension.
func isVector(v *graph.Value) bool {
	return v != nil && v.Constant != nil && v.DType == tensor.Float32 && len(v.Shape) == 1
}

// normalised matches (x - mean) / sqrt(variance + epsilon).
func (e *editor) normalised(div *graph.Node) (x *graph.Value, epsilon float32, ok bool) {
	centred := div.Input(0)
	sub, root := producer(centred, "Sub"), producer(div.Input(1), "Sqrt")
	if sub == nil || root == nil || !e.single(div.Input(1)) || !e.single(root.Input(0)) {
		return nil, 0, false
	}
	x = sub.Input(0)
	mean, sum := producer(sub.Input(1), "ReduceMean"), producer(root.Input(0), "Add")
	if mean == nil || mean.Input(0) != x || !e.overLastAxis(mean) || sum == nil {
		return nil, 0, false
	}
	small, variance := other(sum, func(v *graph.Value) bool { _, ok := e.scalar(v); return ok })
	squares := producer(variance, "ReduceMean")
	if small == nil || squares == nil || !e.single(variance) || !e.overLastAxis(squares) || !e.single(squares.Input(0)) {
		return nil, 0, false
	}
	epsilon, _ = e.scalar(small)
	square := squares.Input(0)
	if pow := producer(square, "Pow"); pow != nil {
		return x, epsilon, pow.Input(0) == centred && e.isScalar(pow.Input(1), 2)
	}
	mul := producer(square, "Mul")
	return x, epsilon, mul != nil && mul.Input(0) == centred && mul.Input(1) == centred
}

// overLastAxis reports whether a reduction keeps all dimensions and reduces the last axis alone.
func (s *state) overLastAxis(n *graph.Node) bool {
	axes, ok := s.reducedAxes(n)
	return ok && len(axes) == 1 && axes[0] == rank(n.Input(0))-1 && n.Int("keepdims", 1) == 1
}

// reducedAxes returns the axes of a reduction, which older versions give as an attribute.
func (s *state) reducedAxes(n *graph.Node) ([]int, bool) {
	list := n.Ints("axes")
	if n.Input(1) != nil {
		var ok bool
		if list, ok = s.integers(n.Input(1)); !ok {
			return nil, false
		}
	}
	size := rank(n.Input(0))
	if len(list) == 0 || size < 0 {
		return nil, false
	}
	axes := make([]int, len(list))
	for i, axis := range list {
		if axes[i] = axisOf(axis, size); axes[i] < 0 {
			return nil, false
		}
	}
	return axes, true
}

// fuseLayerNormalization makes our own operator of a LayerNormalization over the last axis, with the addition ahead of it.
func fuseLayerNormalization(e *editor, n *graph.Node) error {
	if !isONNX(n, "LayerNormalization") || !e.target.Fuses(op.FusedLayerNormalization) || !isFloat(n.Input(0)) {
		return nil
	}
	x, scale, bias := n.Input(0), n.Input(1), n.Input(2)
	last := rank(x) - 1
	if last < 0 || axisOf(n.Int("axis", -1), rank(x)) != last || n.Int("stash_type", 1) != 1 || rank(scale) != 1 || bias != nil && rank(bias) != 1 {
		return nil
	}
	if !scale.Shape[0].Equal(x.Shape[last]) || bias != nil && !bias.Shape[0].Equal(x.Shape[last]) {
		return nil
	}
	for i, v := range n.Outputs {
		if i > 0 && e.users[v] > 0 {
			return nil
		}
	}
	attributes := graph.Attributes{"epsilon": n.Float("epsilon", 1e-5)}
	fused := newNode(n, graph.DomainFused, op.FusedLayerNormalization, versionFused, attributes)
	sum := producer(x, "Add")
	if sum == nil || len(sum.Inputs) != 2 || !sameType(sum.Inputs[0], x) || !sameType(sum.Inputs[1], x) {
		fused.Inputs = trimmed(x, nil, scale, bias)
		e.substitute(n, fused, 1)
		return nil
	}
	fused.Inputs = trimmed(sum.Inputs[0], sum.Inputs[1], scale, bias)
	if e.single(x) {
		e.substitute(n, fused, 1)
		return nil
	}
	return e.fuseSum(n, sum, fused)
}

// fuseSum lets the fused normalisation produce the sum too, for readers beside it. Those readers must come after it.
func (e *editor) fuseSum(n, sum, fused *graph.Node) error {
	x := sum.Output(0)
	for i := len(e.nodes) - 1; i >= 0 && e.nodes[i] != sum; i-- {
		if !e.dead[e.nodes[i]] && slices.Contains(e.nodes[i].Inputs, x) {
			fused.Inputs[0], fused.Inputs[1] = x, nil
			e.substitute(n, fused, 1)
			return nil
		}
	}
	e.substitute(n, fused, 1)
	result := &graph.Value{Name: x.Name + ":sum", DType: x.DType, Ranked: true, Shape: x.Shape, Producer: fused}
	fused.Outputs = []*graph.Value{fused.Outputs[0], result}
	e.replace(x, result)
	return nil
}

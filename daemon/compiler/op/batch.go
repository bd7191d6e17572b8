package op

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// onlySize marks a value that tells the size of the batch: it may shape tensors, and nothing else.
const onlySize BatchAxis = -2

// BatchProof returns nil where requests may run as one batch along the symbol: every input has it as dimension 0, every output too, and
// each node keeps rows apart. Otherwise the error says where that fails.
func BatchProof(g *graph.Graph, symbol string) error {
	p := prover{batch: graph.Symbol(symbol), symbol: symbol, axes: make(map[*graph.Value]BatchAxis, len(g.Nodes)*2)}
	for _, v := range g.Inputs {
		if !v.Ranked || len(v.Shape) == 0 || !v.Shape[0].Equal(p.batch) {
			return fmt.Errorf("dimension 0 of input %v is not %s", v, symbol)
		}
		if err := p.assign(v, 0); err != nil {
			return fmt.Errorf("input %w", err)
		}
	}
	needed := neededNodes(g)
	for _, n := range g.Nodes {
		if !needed[n] {
			continue
		}
		if err := p.node(n); err != nil {
			return fmt.Errorf("%v: %w", n, err)
		}
	}
	for i, v := range g.Outputs {
		axis := p.axisOf(v)
		if axis != 0 || !v.Shape[0].Equal(p.batch) {
			return fmt.Errorf("output %q (%s): its rows are not the requests' rows in order", g.OutputNames[i], v.Type())
		}
	}
	return nil
}

// neededNodes are those whose results reach an output as data. What only computes shapes has vanished into contents.
func neededNodes(g *graph.Graph) map[*graph.Node]bool {
	needed := make(map[*graph.Node]bool, len(g.Nodes))
	need := func(v *graph.Value) {
		if v != nil && v.Producer != nil && v.Content == nil && v.Constant == nil {
			needed[v.Producer] = true
		}
	}
	for _, v := range g.Outputs {
		need(v)
	}
	for _, n := range slices.Backward(g.Nodes) {
		if needed[n] {
			for _, v := range n.Inputs {
				need(v)
			}
		}
	}
	return needed
}

// prover carries the batch axis from value to value.
type prover struct {
	batch  graph.Dim
	symbol string
	axes   map[*graph.Value]BatchAxis
}

// axisOf returns what is known of a value. Constants and contents have no producer that could have said.
func (p *prover) axisOf(v *graph.Value) BatchAxis {
	if axis, ok := p.axes[v]; ok {
		return axis
	}
	if p.uses(v.Content) || p.uses(v.Shape) {
		return onlySize
	}
	return NoBatch
}

func (p *prover) uses(dims []graph.Dim) bool {
	return slices.ContainsFunc(dims, func(d graph.Dim) bool { return d.Uses(p.symbol) })
}

// node finds the axes of a node's outputs.
func (p *prover) node(n *graph.Node) error {
	e, ok := lookup(n.Domain, n.Op)
	if !ok {
		return fmt.Errorf("unknown operator")
	}
	in := make([]BatchAxis, len(n.Inputs))
	carries := false
	for i, v := range n.Inputs {
		in[i] = NoBatch
		if v == nil {
			continue
		}
		axis := p.axisOf(v)
		if slices.Contains(e.ShapeInputs, i) {
			if axis >= 0 {
				return fmt.Errorf("input %d (%q) is computed from the requests and decides the shape", i, v.Name)
			}
			continue
		}
		if axis == onlySize {
			return fmt.Errorf("input %d (%q) depends on the size of the batch", i, v.Name)
		}
		in[i] = axis
		carries = carries || axis >= 0
	}
	if !carries {
		return p.generated(n)
	}
	out, err := e.Batch(n, in, p.batch)
	if err != nil {
		return err
	}
	for i, v := range n.Outputs {
		if v == nil || v.Content != nil || v.Constant != nil {
			continue // axisOf tells from the contents
		}
		if i >= len(out) {
			return fmt.Errorf("output %d has no batch rule", i)
		}
		if err := p.assign(v, out[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// generated handles a node that reads nothing of the requests. Where its shape depends on the batch it must repeat one row: operators that
// fill or broadcast do.
func (p *prover) generated(n *graph.Node) error {
	for i, v := range n.Outputs {
		if v == nil || v.Content != nil || v.Constant != nil || !p.uses(v.Shape) && !p.sizedContent(n) {
			continue
		}
		if n.Domain != graph.DomainONNX || n.Op != "ConstantOfShape" && n.Op != "Expand" {
			return fmt.Errorf("output %d (%v) depends on the size of the batch", i, v)
		}
		axis := slices.IndexFunc(v.Shape, func(d graph.Dim) bool { return d.Uses(p.symbol) })
		if err := p.assign(v, BatchAxis(axis)); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// sizedContent reports whether a content that the node reads tells the size of the batch. ConstantOfShape and Expand use it for their
// shape alone, which is looked at.
func (p *prover) sizedContent(n *graph.Node) bool {
	if n.Op == "ConstantOfShape" || n.Op == "Expand" {
		return false
	}
	return slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool { return v != nil && p.axisOf(v) == onlySize })
}

// assign records the axis after checking it against the shape: the batch's size occurs there, as outermost factor, and nowhere else.
func (p *prover) assign(v *graph.Value, axis BatchAxis) error {
	if !v.Ranked {
		return fmt.Errorf("%v has an unknown shape", v)
	}
	if int(axis) >= len(v.Shape) || axis < NoBatch {
		return fmt.Errorf("%v has no axis %d", v, axis)
	}
	for i, dim := range v.Shape {
		if i != int(axis) {
			if dim.Uses(p.symbol) {
				return fmt.Errorf("axis %d of %v depends on the size of the batch", i, v)
			}
			continue
		}
		part := dim.Div(p.batch)
		if part.Uses(p.symbol) || !part.Mul(p.batch).Equal(dim) {
			return fmt.Errorf("axis %d of %v is not a multiple of the batch", i, v)
		}
	}
	p.axes[v] = axis
	return nil
}

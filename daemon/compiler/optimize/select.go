package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// selectEarly moves a Gather of one row ahead of operators that treat rows alone, so that the rest of them is never computed: classifiers
// read one token of a sequence.
func selectEarly(e *editor, n *graph.Node) error {
	if !isONNX(n, "Gather") || len(n.Inputs) != 2 || rank(n.Inputs[1]) != 0 || n.Inputs[1].Constant == nil || !e.single(n.Inputs[0]) {
		return nil
	}
	data := n.Inputs[0]
	axis := axisOf(n.Int("axis", 0), rank(data))
	p := data.Producer
	if axis < 0 || axis == rank(data)-1 || p.Domain != graph.DomainONNX || !isFloat(data) {
		return nil
	}
	for _, v := range p.Outputs[1:] {
		if v != nil && e.users[v] > 0 {
			return nil
		}
	}
	selected := e.selectedInputs(p, data)
	if selected == nil {
		return nil
	}
	inputs := slices.Clone(p.Inputs)
	for _, i := range selected {
		row, err := e.insert(n, n.Domain, n.Op, n.Version, n.Attributes.With("axis", int64(axis)), p.Inputs[i], n.Inputs[1])
		if err != nil {
			return err
		}
		inputs[i] = row
	}
	attributes := p.Attributes
	if p.Op == "LayerNormalization" {
		attributes = attributes.With("axis", int64(-1))
	}
	moved := newNode(p, p.Domain, p.Op, p.Version, attributes, inputs...)
	probe := &graph.Value{Name: n.Output(0).Name, Producer: moved}
	moved.Outputs = []*graph.Value{probe}
	if err := op.InferNode(e.g, moved); err != nil || !sameType(probe, n.Output(0)) {
		return err
	}
	e.substitute(n, moved, 1)
	return nil
}

// selectedInputs returns the inputs of which only the selected row is needed, or nil where the node mixes rows.
func (e *editor) selectedInputs(p *graph.Node, out *graph.Value) []int {
	switch {
	case isONNX(p, "LayerNormalization"):
		if axisOf(p.Int("axis", -1), rank(out)) == rank(out)-1 && sameType(p.Inputs[0], out) {
			return []int{0}
		}
	case isONNX(p, "MatMul"):
		if rank(p.Inputs[0]) == rank(out) && p.Inputs[1].Constant != nil && rank(p.Inputs[1]) == 2 {
			return []int{0}
		}
	case isONNX(p, pointwise...):
		if sameDims(p.Inputs[0].Shape, out.Shape) && (len(p.Inputs) == 1 || p.Op == "Clip") && p.Inputs[0].DType == tensor.Float32 {
			return []int{0}
		}
	case isONNX(p, "Add", "Sub", "Mul", "Div"):
		var selected []int
		for i, v := range p.Inputs {
			switch {
			case sameType(v, out):
				selected = append(selected, i)
			case rank(v) > 1 || v.Constant == nil:
				return nil
			}
		}
		return selected
	}
	return nil
}

package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// broadcasting operators compute element by element and broadcast their inputs.
var broadcasting = []string{
	"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Where",
	"Min", "Max", "Mod", "PRelu",
}

// pointwise operators compute element by element from their first input.
var pointwise = []string{
	"Abs", "Neg", "Exp", "Log", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Not", "Cast", "Relu", "LeakyRelu", "Elu", "Selu",
	"Celu", "ThresholdedRelu", "Softplus", "Softsign", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Erf", "Gelu", "Clip", "Mish", "Swish",
	"IsNaN", "IsInf", "Sin", "Cos",
}

// sinkExpand lets element-wise operators read what an Expand reads: they broadcast anyway. Where the result would be smaller than before,
// the Expand moves behind the operator, which then computes less.
func sinkExpand(e *editor, n *graph.Node) error {
	if !isONNX(n, broadcasting...) && !isONNX(n, pointwise...) || n.Output(0) == nil || len(n.Outputs) != 1 || !n.Output(0).Ranked {
		return nil
	}
	unary := isONNX(n, pointwise...)
	for i, v := range n.Inputs {
		expand := producer(v, "Expand")
		if expand == nil || unary && i > 0 || rank(expand.Input(0)) < 0 {
			continue
		}
		source := expand.Input(0)
		shape, ok := joined(n, i, source, unary)
		if !ok {
			continue
		}
		if sameDims(shape, n.Output(0).Shape) {
			e.setInput(n, i, source)
			return nil
		}
		if !e.single(v) || !e.grounded(n.Output(0).Shape) {
			continue
		}
		return moveExpand(e, n, i, source)
	}
	return nil
}

// joined returns the shape of the node's output if input i were another value.
func joined(n *graph.Node, i int, source *graph.Value, unary bool) ([]graph.Dim, bool) {
	shape := source.Shape
	if unary {
		return shape, true
	}
	for k, v := range n.Inputs {
		if k == i {
			continue
		}
		if rank(v) < 0 {
			return nil, false
		}
		var ok bool
		if shape, ok = broadcast(shape, v.Shape); !ok {
			return nil, false
		}
	}
	return shape, true
}

// moveExpand puts the Expand at input i behind the node.
func moveExpand(e *editor, n *graph.Node, i int, source *graph.Value) error {
	small := newNode(n, n.Domain, n.Op, n.Version, n.Attributes)
	small.Inputs = slices.Clone(n.Inputs)
	small.Inputs[i] = source
	result := &graph.Value{Name: n.Output(0).Name + ":small", Producer: small}
	small.Outputs = []*graph.Value{result}
	if err := op.InferNode(e.g, small); err != nil {
		return err
	}
	e.add(small)
	shape := shapeValue(n, n.Output(0).Shape)
	e.substitute(n, newNode(n, graph.DomainONNX, "Expand", versionExpand, nil, result, shape), 1)
	return nil
}

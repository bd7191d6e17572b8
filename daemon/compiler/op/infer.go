package op

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// Infer sets the types, shapes and contents of all values from those of the graph's inputs and constants. It may run again after inputs
// became more specific. Nodes must be in topological order. Operators that inferd does not have are all reported in one error.
func Infer(g *graph.Graph) error {
	if err := checkSupported(g); err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if err := InferNode(g, n); err != nil {
			return err
		}
	}
	return nil
}

// Specialize replaces symbols by their values throughout the graph and infers again.
func Specialize(g *graph.Graph, values map[string]int64) error {
	seen := make(map[*graph.Value]bool)
	bind := func(v *graph.Value) {
		if v == nil || v.Producer != nil || v.Constant != nil || seen[v] {
			return
		}
		seen[v] = true
		v.Shape, v.Content = evaluated(v.Shape, values), evaluated(v.Content, values)
		if v.Affine != nil {
			v.Affine = &graph.Affine{Base: v.Affine.Base.Eval(values), Strides: evaluated(v.Affine.Strides, values)}
		}
	}
	for _, v := range slices.Concat(g.Inputs, g.Outputs) {
		bind(v)
	}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			bind(v)
		}
	}
	return Infer(g)
}

func evaluated(dims []graph.Dim, values map[string]int64) []graph.Dim {
	if dims == nil {
		return nil
	}
	out := make([]graph.Dim, len(dims))
	for i, dim := range dims {
		out[i] = dim.Eval(values)
	}
	return out
}

// checkSupported lists each operator that the table lacks once, with the first node that applies it.
func checkSupported(g *graph.Graph) error {
	var missing []string
	seen := make(map[string]bool)
	for _, n := range g.Nodes {
		if _, ok := Lookup(n.Domain, n.Op); ok || seen[n.QualifiedOp()] {
			continue
		}
		seen[n.QualifiedOp()] = true
		missing = append(missing, fmt.Sprintf("%s (node %q)", n.QualifiedOp(), n.Name))
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("operators not supported yet: %s", strings.Join(missing, ", "))
}

// InferNode checks one node and sets the types of its outputs; see Infer. Passes call it for nodes that they make.
func InferNode(g *graph.Graph, n *graph.Node) error {
	e, ok := lookup(n.Domain, n.Op)
	if !ok {
		return fmt.Errorf("%v: operator not supported yet", n)
	}
	if err := e.check(n); err != nil {
		return fmt.Errorf("%v: %w", n, err)
	}
	for _, v := range n.Outputs {
		if v != nil && v.Constant == nil {
			v.DType, v.Shape, v.Ranked, v.Content, v.Affine = tensor.Undefined, nil, false, nil, nil
		}
	}
	if err := e.Infer(g, n); err != nil {
		return fmt.Errorf("%v: %w", n, err)
	}
	for i, v := range n.Outputs {
		simplify(g, v)
		if err := checkOutput(v); err != nil {
			return fmt.Errorf("%v: output %d: %w", n, i, err)
		}
	}
	return nil
}

// dimLimit bounds the size of dimensions, so that no model makes them grow with its depth.
const dimLimit = 256

// simplify forgets how dimensions came about where that is too long to carry along.
func simplify(g *graph.Graph, v *graph.Value) {
	if v == nil || v.Constant != nil {
		return
	}
	large := func(d graph.Dim) bool { return d.Size() > dimLimit }
	for i, dim := range v.Shape {
		if large(dim) {
			v.Shape = slices.Clone(v.Shape)
			v.Shape[i] = g.FreshSymbol()
			v.Affine = nil
		}
	}
	if slices.ContainsFunc(v.Content, large) {
		v.Content = nil
	}
	if v.Affine != nil && (large(v.Affine.Base) || slices.ContainsFunc(v.Affine.Strides, large)) {
		v.Affine = nil
	}
}

// checkOutput refuses what no device could hold.
func checkOutput(v *graph.Value) error {
	if v == nil {
		return nil
	}
	if !v.DType.Valid() {
		return fmt.Errorf("the operator has no such output")
	}
	for axis, dim := range v.Shape {
		if size, known := dim.Known(); known && size < 0 {
			return fmt.Errorf("dimension %d is %d", axis, size)
		}
	}
	if shape, known := v.KnownShape(); known {
		if _, err := tensor.ByteSize(v.DType, shape); err != nil {
			return err
		}
	}
	return nil
}

// check compares a node with the operator's table entry.
func (e *entry) check(n *graph.Node) error {
	if n.Version < e.MinVersion || n.Version > e.MaxVersion {
		return fmt.Errorf("operator set version %d is not supported, only %d to %d", n.Version, e.MinVersion, e.MaxVersion)
	}
	if err := checkCount("inputs", len(n.Inputs), e.MinInputs, e.MaxInputs); err != nil {
		return err
	}
	if err := checkCount("outputs", len(n.Outputs), e.MinOutputs, e.MaxOutputs); err != nil {
		return err
	}
	for i, v := range n.Inputs {
		switch {
		case v == nil && i < e.MinInputs:
			return fmt.Errorf("input %d is missing", i)
		case v != nil && !v.DType.Valid():
			return fmt.Errorf("input %d (%q) has no element type", i, v.Name)
		}
	}
	for name, value := range n.Attributes {
		kind, ok := e.kinds[name]
		if !ok {
			return fmt.Errorf("attribute %q is unknown", name)
		}
		if actual := kindOf(value); actual != kind {
			return fmt.Errorf("attribute %q is %s, want %s", name, actual, kind)
		}
	}
	return nil
}

func checkCount(what string, count, low, high int) error {
	if count >= low && (high == Variadic || count <= high) {
		return nil
	}
	switch high {
	case low:
		return fmt.Errorf("%d %s, want %d", count, what, low)
	case Variadic:
		return fmt.Errorf("%d %s, want at least %d", count, what, low)
	}
	return fmt.Errorf("%d %s, want %d to %d", count, what, low, high)
}

// kindOf names the kind of an attribute's value as Operator.Attributes does.
func kindOf(value any) string {
	switch value.(type) {
	case int64:
		return "int"
	case float32:
		return "float"
	case string:
		return "text"
	case []int64:
		return "ints"
	case []float32:
		return "floats"
	case []string:
		return "texts"
	case *tensor.Tensor:
		return "tensor"
	case Chain:
		return "chain"
	}
	return fmt.Sprintf("%T", value)
}

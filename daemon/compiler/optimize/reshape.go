package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// reshaping operators change the shape and nothing else.
var reshaping = []string{"Reshape", "Flatten", "Squeeze", "Unsqueeze"}

// mergeReshape makes every chain of reshaping operators one Reshape, whose target is what the request's shapes determine, or nothing
// where the shape does not change.
func mergeReshape(e *editor, n *graph.Node) error {
	if !isONNX(n, reshaping...) || n.Input(0) == nil {
		return nil
	}
	source, out := n.Input(0), n.Output(0)
	for p := producer(source, reshaping...); p != nil; p = producer(source, reshaping...) {
		source = p.Input(0)
	}
	if sameType(source, out) {
		e.replace(out, source)
		return nil
	}
	if !out.Ranked || !e.grounded(out.Shape) || len(out.Shape) > graph.ContentLimit {
		return nil
	}
	if n.Op == "Reshape" && source == n.Input(0) && n.Int("allowzero", 0) == 1 && sameDims(n.Input(1).Content, out.Shape) {
		return nil
	}
	attributes := graph.Attributes{"allowzero": int64(1)} // a dimension of the target may be 0 for some request
	e.substitute(n, newNode(n, graph.DomainONNX, "Reshape", versionReshape, attributes, source, shapeValue(n, out.Shape)), 1)
	return nil
}

// permutation returns the axes of a Transpose.
func permutation(n *graph.Node) ([]int64, bool) {
	if rank(n.Input(0)) < 0 {
		return nil, false
	}
	perm := n.Ints("perm")
	if perm == nil {
		for axis := range n.Input(0).Shape {
			perm = append(perm, int64(axis))
		}
		slices.Reverse(perm)
	}
	return perm, len(perm) == rank(n.Input(0))
}

// mergeTranspose makes chains of Transpose one, and a Transpose that moves only dimensions of 1 a Reshape.
func mergeTranspose(e *editor, n *graph.Node) error {
	if !isONNX(n, "Transpose") {
		return nil
	}
	perm, ok := permutation(n)
	if !ok {
		return nil
	}
	in, out := n.Input(0), n.Output(0)
	if slices.IsSorted(perm) {
		e.replace(out, in)
		return nil
	}
	if inner := producer(in, "Transpose"); inner != nil {
		first, ok := permutation(inner)
		if !ok {
			return nil
		}
		composed := make([]int64, len(perm))
		for i, axis := range perm {
			composed[i] = first[axis]
		}
		e.substitute(n, newNode(n, graph.DomainONNX, "Transpose", versionTranspose, graph.Attributes{"perm": composed}, inner.Input(0)), 1)
		return nil
	}
	var moved []int64
	for _, axis := range perm {
		if !in.Shape[axis].Is(1) {
			moved = append(moved, axis)
		}
	}
	if slices.IsSorted(moved) && e.grounded(out.Shape) && len(out.Shape) <= graph.ContentLimit {
		attributes := graph.Attributes{"allowzero": int64(1)}
		e.substitute(n, newNode(n, graph.DomainONNX, "Reshape", versionReshape, attributes, in, shapeValue(n, out.Shape)), 1)
	}
	return nil
}

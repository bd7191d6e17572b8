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

// moveTranspose lets two Transposes meet that a Reshape parts, and transposes the indices of an embedding rather than its rows.
func moveTranspose(e *editor, n *graph.Node) error {
	if !isONNX(n, "Transpose") || !e.single(n.Input(0)) {
		return nil
	}
	perm, ok := permutation(n)
	if !ok {
		return nil
	}
	if gather := producer(n.Input(0), "Gather"); gather != nil {
		return transposeIndices(e, n, gather, perm)
	}
	reshape := producer(n.Input(0), "Reshape")
	if reshape == nil || !e.single(reshape.Input(0)) || producer(reshape.Input(0), "Transpose") == nil || !e.grounded(n.Output(0).Shape) {
		return nil
	}
	groups, ok := joinedAxes(reshape.Input(0).Shape, reshape.Output(0).Shape)
	if !ok {
		return nil
	}
	var moved []int64
	for _, axis := range perm {
		moved = append(moved, groups[axis]...)
	}
	result, err := e.transpose(n, reshape.Input(0), moved...)
	if err != nil {
		return err
	}
	attributes := graph.Attributes{"allowzero": int64(1)}
	e.substitute(n, newNode(n, graph.DomainONNX, "Reshape", versionReshape, attributes, result, shapeValue(n, n.Output(0).Shape)), 1)
	return nil
}

// joinedAxes returns which consecutive axes of a shape each axis of another one joins. It reports false where a Reshape does more.
func joinedAxes(from, to []graph.Dim) ([][]int64, bool) {
	groups := make([][]int64, len(to))
	next := 0
	for i, dim := range to {
		product := graph.Int(1)
		for next < len(from) && (len(groups[i]) == 0 || !product.Equal(dim)) {
			product = product.Mul(from[next])
			groups[i] = append(groups[i], int64(next))
			next++
		}
		if !product.Equal(dim) {
			return nil, false
		}
	}
	return groups, next == len(from)
}

// transposeIndices replaces the Transpose of gathered rows by a Gather with transposed indices, where the rows themselves stay whole.
func transposeIndices(e *editor, n, gather *graph.Node, perm []int64) error {
	last := len(perm) - 1
	data, indices := gather.Input(0), gather.Input(1)
	if gather.Int("axis", 0) != 0 || rank(data) != 2 || rank(indices) != last || perm[last] != int64(last) {
		return nil
	}
	moved, err := e.transpose(n, indices, perm[:last]...)
	if err != nil {
		return err
	}
	e.substitute(n, newNode(gather, gather.Domain, gather.Op, gather.Version, gather.Attributes, data, moved), 1)
	return nil
}

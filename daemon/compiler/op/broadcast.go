package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// broadcast returns the shape that several shapes broadcast to.
func broadcast(g *graph.Graph, shapes ...[]graph.Dim) ([]graph.Dim, error) {
	rank := 0
	for _, shape := range shapes {
		rank = max(rank, len(shape))
	}
	out := make([]graph.Dim, rank)
	for axis := range out {
		out[axis] = graph.Int(1)
		for _, shape := range shapes {
			at := axis - (rank - len(shape))
			if at < 0 {
				continue
			}
			dim, err := broadcastDim(g, out[axis], shape[at])
			if err != nil {
				return nil, fmt.Errorf("shapes %v do not broadcast: axis %d is %v and %v", shapes, axis, out[axis], shape[at])
			}
			out[axis] = dim
		}
	}
	return out, nil
}

// broadcastDim unites two dimensions of which one may be 1.
func broadcastDim(g *graph.Graph, a, b graph.Dim) (graph.Dim, error) {
	if a.Equal(b) || b.Is(1) {
		return a, nil
	}
	if a.Is(1) {
		return b, nil
	}
	_, knownA := a.Known()
	_, knownB := b.Known()
	switch {
	case knownA && knownB:
		return a, fmt.Errorf("dimensions %v and %v differ", a, b)
	case knownA: // b is a or 1
		return a, nil
	case knownB:
		return b, nil
	}
	// min(512, seq) against seq: they agree, or seq is 1, or the model fails at run time.
	if other, ok := b.MinOf(a); ok && aboveOne(other) {
		return a, nil
	}
	if other, ok := a.MinOf(b); ok && aboveOne(other) {
		return b, nil
	}
	return g.FreshSymbol(), nil
}

func aboveOne(d graph.Dim) bool {
	size, known := d.Known()
	return known && size > 1
}

// mergeDim unites two dimensions that must be equal, and prefers the one that tells more.
func mergeDim(a, b graph.Dim) (graph.Dim, error) {
	_, knownA := a.Known()
	_, knownB := b.Known()
	switch {
	case a.Equal(b):
		return a, nil
	case knownA && knownB:
		return a, fmt.Errorf("dimensions %v and %v differ", a, b)
	case knownB:
		return b, nil
	}
	return a, nil
}

// broadcastStrides maps an element of a known shape to an element of a known shape that broadcasts to it: the stride of each axis of out, in
// elements of in, 0 where in repeats.
func broadcastStrides(in, out []int64) []int64 {
	strides := make([]int64, len(out))
	step := int64(1)
	for i := len(in) - 1; i >= 0; i-- {
		if in[i] != 1 {
			strides[i+len(out)-len(in)] = step
		}
		step *= in[i]
	}
	return strides
}

// forEach calls visit with the position within each strided operand, in row-major order of the shape.
func forEach(shape []int64, strides [][]int64, visit func(at []int64)) {
	at := make([]int64, len(strides))
	index := make([]int64, len(shape))
	count := int64(1)
	for _, dim := range shape {
		count *= dim
	}
	for ; count > 0; count-- {
		visit(at)
		for axis := len(shape) - 1; axis >= 0; axis-- {
			index[axis]++
			for k := range at {
				at[k] += strides[k][axis]
			}
			if index[axis] < shape[axis] {
				break
			}
			for k := range at {
				at[k] -= strides[k][axis] * shape[axis]
			}
			index[axis] = 0
		}
	}
}

// mapContent computes a small integer output element by element from the contents of the inputs. f returns false where the result is
// unknown, and then all of it is.
func mapContent(n *graph.Node, f func(elements []graph.Dim) (graph.Dim, bool)) {
	out := n.Output(0)
	if out == nil || !indexing(out.DType) {
		return
	}
	shape, ok := out.KnownShape()
	if count, _ := out.ElementCount().Known(); !ok || count > graph.ContentLimit {
		return
	}
	strides := make([][]int64, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil || v.Content == nil {
			return
		}
		in, ok := v.KnownShape()
		if !ok {
			return
		}
		strides[i] = broadcastStrides(in, shape)
	}
	content := make([]graph.Dim, 0, graph.ContentLimit)
	complete := true
	elements := make([]graph.Dim, len(n.Inputs))
	forEach(shape, strides, func(at []int64) {
		for i, v := range n.Inputs {
			elements[i] = v.Content[at[i]]
		}
		element, ok := f(elements)
		complete = complete && ok
		content = append(content, element)
	})
	if complete {
		setContent(n, 0, content)
	}
}

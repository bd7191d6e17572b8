package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// inferShape: the shape as content, from attribute start to end.
func inferShape(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	if !x.Ranked {
		set(n, 0, tensor.Int64, freshShape(g, 1))
		return nil
	}
	rank := int64(len(x.Shape))
	clamp := func(position int64) int64 {
		if position < 0 {
			position += rank
		}
		return min(max(position, 0), rank)
	}
	start, end := clamp(n.Int("start", 0)), clamp(n.Int("end", rank))
	dims := append([]graph.Dim{}, x.Shape[start:max(start, end)]...)
	set(n, 0, tensor.Int64, []graph.Dim{graph.Int(int64(len(dims)))})
	setContent(n, 0, dims)
	return nil
}

// inferSize: the number of elements as content.
func inferSize(g *graph.Graph, n *graph.Node) error {
	set(n, 0, tensor.Int64, []graph.Dim{})
	if x := n.Input(0); x.Ranked {
		setContent(n, 0, []graph.Dim{x.ElementCount()})
	}
	return nil
}

// inferReshape resolves 0 and -1 in the wanted shape.
func inferReshape(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 1, onlyInt64); err != nil {
		return err
	}
	x, want := n.Input(0), n.Input(1)
	setType(n, 0, x.DType)
	if want.Content == nil {
		if rank, ok := listLength(want); ok {
			set(n, 0, x.DType, freshShape(g, rank))
		}
		return nil
	}
	shape, err := reshaped(g, x, want.Content, n.Int("allowzero", 0) != 0)
	if err != nil {
		return err
	}
	reshapeOutput(n, shape)
	return nil
}

// reshapeOutput sets a shape that holds the same elements, and carries content over.
func reshapeOutput(n *graph.Node, shape []graph.Dim) {
	x := n.Input(0)
	set(n, 0, x.DType, shape)
	setContent(n, 0, x.Content)
	if indexing(x.DType) {
		setAffine(n, 0, reshapeAffine(x, shape))
	}
}

func reshaped(g *graph.Graph, x *graph.Value, want []graph.Dim, allowZero bool) ([]graph.Dim, error) {
	shape := make([]graph.Dim, len(want))
	rest, product := -1, graph.Int(1)
	for i, dim := range want {
		size, known := dim.Known()
		switch {
		case known && size == -1:
			if rest >= 0 {
				return nil, fmt.Errorf("shape %v has more than one -1", want)
			}
			rest = i
			continue
		case known && size < 0:
			return nil, fmt.Errorf("shape %v has dimension %d", want, size)
		case known && size == 0 && !allowZero:
			if !x.Ranked {
				dim = g.FreshSymbol()
				break
			}
			if i >= len(x.Shape) {
				return nil, fmt.Errorf("shape %v copies dimension %d of %v, which has none", want, i, x)
			}
			dim = x.Shape[i]
		}
		shape[i] = dim
		product = product.Mul(dim)
	}
	switch {
	case !x.Ranked:
		if rest >= 0 {
			shape[rest] = g.FreshSymbol()
		}
	case rest >= 0 && product.Is(0):
		return nil, fmt.Errorf("shape %v leaves the -1 undetermined for %v", want, x)
	case rest >= 0:
		count := x.ElementCount()
		shape[rest] = count.Div(product)
		if !divides(count, product) {
			return nil, fmt.Errorf("%v does not fit shape %v", x, want)
		}
	default:
		have, knownHave := x.ElementCount().Known()
		wanted, knownWanted := product.Known()
		if knownHave && knownWanted && have != wanted {
			return nil, fmt.Errorf("%v has %d elements, shape %v wants %d", x, have, want, wanted)
		}
	}
	return shape, nil
}

// divides is false where a division is known to leave a remainder.
func divides(count, product graph.Dim) bool {
	a, knownA := count.Known()
	b, knownB := product.Known()
	return !knownA || !knownB || b != 0 && a%b == 0
}

// inferFlatten: two dimensions, those before the axis and the rest.
func inferFlatten(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	if !x.Ranked {
		set(n, 0, x.DType, freshShape(g, 2))
		return nil
	}
	axis, err := normalAxis(n.Int("axis", 1), len(x.Shape)+1)
	if n.Int("axis", 1) < 0 { // -1 is the last axis here, not the position after it
		axis, err = normalAxis(n.Int("axis", 1), len(x.Shape))
	}
	if err != nil {
		return err
	}
	reshapeOutput(n, []graph.Dim{productOf(x.Shape[:axis]), productOf(x.Shape[axis:])})
	return nil
}

func productOf(shape []graph.Dim) graph.Dim {
	product := graph.Int(1)
	for _, dim := range shape {
		product = product.Mul(dim)
	}
	return product
}

// inferSqueeze removes dimensions of 1: those that input 1 lists, or all that are known to be 1.
func inferSqueeze(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	setType(n, 0, x.DType)
	axes, known := knownList(n, 1)
	if !known {
		return fmt.Errorf("input 1: the axes must be constant")
	}
	if !x.Ranked {
		return nil
	}
	chosen, err := normalAxes(axes, len(x.Shape))
	if err != nil {
		return err
	}
	shape := []graph.Dim{}
	for i, dim := range x.Shape {
		size, known := dim.Known()
		switch {
		case n.Input(1) == nil && !known:
			setType(n, 0, x.DType) // whether the dimension goes depends on its size: the rank is unknown
			return nil
		case n.Input(1) == nil && size != 1 || n.Input(1) != nil && !chosen[i]:
			shape = append(shape, dim)
		case known && size != 1:
			return fmt.Errorf("axis %d of %v is not 1", i, x)
		}
	}
	reshapeOutput(n, shape)
	return nil
}

// inferUnsqueeze inserts dimensions of 1 where input 1 lists them.
func inferUnsqueeze(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	setType(n, 0, x.DType)
	axes, known := knownList(n, 1)
	if !known {
		return fmt.Errorf("input 1: the axes must be constant")
	}
	if !x.Ranked {
		return nil
	}
	if len(axes) > graph.ContentLimit {
		return fmt.Errorf("input 1: %d axes", len(axes))
	}
	chosen, err := normalAxes(axes, len(x.Shape)+len(axes))
	if err != nil {
		return err
	}
	shape := make([]graph.Dim, len(chosen))
	from := 0
	for i := range shape {
		shape[i] = graph.Int(1)
		if !chosen[i] {
			shape[i] = x.Shape[from]
			from++
		}
	}
	reshapeOutput(n, shape)
	return nil
}

// Permutation returns the perm of a Transpose node for a rank; the default reverses the axes. Infer has checked it.
func Permutation(n *graph.Node, rank int) []int {
	perm := make([]int, rank)
	given := n.Ints("perm")
	for i := range perm {
		perm[i] = rank - 1 - i
		if len(given) == rank {
			perm[i] = int(given[i])
		}
	}
	return perm
}

// inferTranspose permutes axes.
func inferTranspose(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	rank := len(x.Shape)
	if given := n.Ints("perm"); given != nil {
		if _, err := normalAxes(given, rank); err != nil || len(given) != rank || hasNegative(given) {
			return fmt.Errorf("attribute perm %v permutes no %d axes", given, rank)
		}
	}
	perm := Permutation(n, rank)
	shape := make([]graph.Dim, rank)
	for i, axis := range perm {
		shape[i] = x.Shape[axis]
	}
	set(n, 0, x.DType, shape)
	if rank < 2 {
		setContent(n, 0, x.Content)
	}
	if x.Affine != nil && len(x.Affine.Strides) == rank {
		strides := make([]graph.Dim, rank)
		for i, axis := range perm {
			strides[i] = x.Affine.Strides[axis]
		}
		setAffine(n, 0, &graph.Affine{Base: x.Affine.Base, Strides: strides})
	}
	return nil
}

func hasNegative(list []int64) bool {
	for _, x := range list {
		if x < 0 {
			return true
		}
	}
	return false
}

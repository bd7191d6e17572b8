package op

import "github.com/inferd/inferd/daemon/compiler/graph"

// affineFunc combines two affine forms of the same rank, or returns nil.
type affineFunc func(a, b *graph.Affine) *graph.Affine

// affineOf returns the affine form of a value; a single element of known content is one.
func affineOf(v *graph.Value) *graph.Affine {
	if v.Affine != nil {
		return v.Affine
	}
	if len(v.Content) == 1 {
		return &graph.Affine{Base: v.Content[0], Strides: make([]graph.Dim, len(v.Shape))}
	}
	return nil
}

// broadcastAffine widens an affine form to the shape that its value broadcasts to, or returns nil where it cannot tell.
func broadcastAffine(v *graph.Value, shape []graph.Dim) *graph.Affine {
	affine := affineOf(v)
	if affine == nil || len(v.Shape) > len(shape) || len(affine.Strides) != len(v.Shape) {
		return nil
	}
	strides := make([]graph.Dim, len(shape))
	for i, dim := range v.Shape {
		at := i + len(shape) - len(v.Shape)
		switch {
		case dim.Is(1) || affine.Strides[i].Is(0): // repeats
		case dim.Equal(shape[at]):
			strides[at] = affine.Strides[i]
		default:
			return nil
		}
	}
	return &graph.Affine{Base: affine.Base, Strides: strides}
}

// combineAffine sets the affine form of a binary node's output.
func combineAffine(n *graph.Node, combine affineFunc) {
	shape := n.Output(0).Shape
	a, b := broadcastAffine(n.Input(0), shape), broadcastAffine(n.Input(1), shape)
	if a != nil && b != nil {
		setAffine(n, 0, combine(a, b))
	}
}

func addAffine(a, b *graph.Affine) *graph.Affine {
	sum := &graph.Affine{Base: a.Base.Add(b.Base), Strides: make([]graph.Dim, len(a.Strides))}
	for i := range sum.Strides {
		sum.Strides[i] = a.Strides[i].Add(b.Strides[i])
	}
	return sum
}

func subAffine(a, b *graph.Affine) *graph.Affine {
	return addAffine(a, scaledAffine(b, graph.Int(-1)))
}

// mulAffine needs one side to be the same everywhere.
func mulAffine(a, b *graph.Affine) *graph.Affine {
	switch {
	case uniform(b):
		return scaledAffine(a, b.Base)
	case uniform(a):
		return scaledAffine(b, a.Base)
	}
	return nil
}

func uniform(a *graph.Affine) bool {
	for _, stride := range a.Strides {
		if !stride.Is(0) {
			return false
		}
	}
	return true
}

func scaledAffine(a *graph.Affine, factor graph.Dim) *graph.Affine {
	scaled := &graph.Affine{Base: a.Base.Mul(factor), Strides: make([]graph.Dim, len(a.Strides))}
	for i, stride := range a.Strides {
		scaled.Strides[i] = stride.Mul(factor)
	}
	return scaled
}

// reshapeAffine carries an affine form over to a shape that differs only in dimensions of 1, or of a uniform tensor to any shape.
func reshapeAffine(v *graph.Value, shape []graph.Dim) *graph.Affine {
	affine := affineOf(v)
	if affine == nil || len(affine.Strides) != len(v.Shape) {
		return nil
	}
	strides := make([]graph.Dim, len(shape))
	if uniform(affine) {
		return &graph.Affine{Base: affine.Base, Strides: strides}
	}
	from := 0
	for to, dim := range shape {
		if dim.Is(1) {
			continue
		}
		for from < len(v.Shape) && v.Shape[from].Is(1) {
			from++
		}
		if from == len(v.Shape) || !v.Shape[from].Equal(dim) {
			return nil
		}
		strides[to] = affine.Strides[from]
		from++
	}
	for ; from < len(v.Shape); from++ {
		if !v.Shape[from].Is(1) {
			return nil
		}
	}
	return &graph.Affine{Base: affine.Base, Strides: strides}
}

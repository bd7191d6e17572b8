package op

import (
	"fmt"
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// sliceAxis is what a Slice node takes from one axis, after ONNX's clamping.
type sliceAxis struct {
	start, length graph.Dim
	step          int64
	known         bool // false where start is unknown and length a fresh symbol
}

// inferSlice: from start to end by step, along the axes of input 3.
func inferSlice(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	for i := 1; i < len(n.Inputs); i++ {
		if err := accept(n, i, indexing); err != nil {
			return err
		}
	}
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	axes, err := sliceAxes(g, n)
	if err != nil {
		return err
	}
	shape := make([]graph.Dim, len(x.Shape))
	for i, a := range axes {
		shape[i] = a.length
	}
	set(n, 0, x.DType, shape)
	if x.Content != nil && len(axes) == 1 {
		setContent(n, 0, slicedContent(x.Content, axes[0]))
	}
	if x.Affine != nil && len(x.Affine.Strides) == len(axes) {
		setAffine(n, 0, slicedAffine(x.Affine, axes))
	}
	return nil
}

// sliceAxes resolves the inputs of a Slice node for every axis of input 0.
func sliceAxes(g *graph.Graph, n *graph.Node) ([]sliceAxis, error) {
	x := n.Input(0)
	out := make([]sliceAxis, len(x.Shape))
	for i, dim := range x.Shape {
		out[i] = sliceAxis{length: dim, step: 1, known: true}
	}
	axes, knownAxes := knownList(n, 3)
	steps, knownSteps := knownList(n, 4)
	if !knownAxes || !knownSteps {
		return nil, fmt.Errorf("inputs 3 and 4: axes and steps must be constant")
	}
	starts, ends := n.Input(1).Content, n.Input(2).Content
	count, ok := listLength(n.Input(1))
	if !ok {
		return nil, fmt.Errorf("input 1 (%v): the number of starts is unknown or too large", n.Input(1))
	}
	if n.Input(3) == nil {
		for axis := range count {
			axes = append(axes, int64(axis))
		}
	}
	if ends != nil && len(ends) != count || len(axes) != count || n.Input(4) != nil && len(steps) != count {
		return nil, fmt.Errorf("%d starts, %d ends, %d axes and %d steps", count, len(ends), len(axes), len(steps))
	}
	if _, err := normalAxes(axes, len(out)); err != nil {
		return nil, fmt.Errorf("input 3: %w", err)
	}
	for i, a := range axes {
		axis, _ := normalAxis(a, len(out))
		step := int64(1)
		if n.Input(4) != nil {
			step = steps[i]
		}
		if step == 0 || step == math.MinInt64 {
			return nil, fmt.Errorf("input 4: step %d", step)
		}
		out[axis] = sliceAxis{length: g.FreshSymbol(), step: step}
		if starts != nil && ends != nil {
			out[axis] = resolveSlice(g, x.Shape[axis], starts[i], ends[i], step)
		}
	}
	return out, nil
}

// resolveSlice clamps start and end to the dimension and computes the length.
func resolveSlice(g *graph.Graph, dim, start, end graph.Dim, step int64) sliceAxis {
	low, high := graph.Int(0), dim
	if step < 0 {
		low, high = graph.Int(-1), dim.Sub(graph.Int(1))
	}
	from, okFrom := clampPosition(start, dim, graph.Int(0), high)
	if _, sized := dim.Known(); !sized && step > 0 && start.NonNegative() {
		from = start // beyond the end the length is 0 anyway, and the expression stays simple
	}
	to, okTo := clampPosition(end, dim, low, high)
	if !okFrom || !okTo {
		return sliceAxis{length: g.FreshSymbol(), step: step}
	}
	span, stride := to.Sub(from), step
	if step < 0 {
		span, stride = from.Sub(to), -step
	}
	length := span.Add(graph.Int(stride - 1)).Div(graph.Int(stride)).Max(graph.Int(0))
	return sliceAxis{start: from, length: length, step: step, known: true}
}

// clampPosition maps a position as the node gives it to [low, high]. Exporters write the largest integers for "to the end".
func clampPosition(position, dim, low, high graph.Dim) (graph.Dim, bool) {
	value, known := position.Known()
	_, sized := dim.Known()
	switch {
	case known && !sized && value >= math.MaxInt32:
		return high, true
	case known && !sized && value <= math.MinInt32:
		return low, true
	case known && value < 0:
		return position.Add(dim).Max(low), true
	case !position.NonNegative():
		return position, false
	}
	return position.Max(low).Min(high), true
}

// slicedContent returns nil where the positions are not known.
func slicedContent(content []graph.Dim, a sliceAxis) []graph.Dim {
	start, knownStart := a.start.Known()
	length, knownLength := a.length.Known()
	if !a.known || !knownStart || !knownLength {
		return nil
	}
	out := make([]graph.Dim, 0, len(content))
	for i := range length {
		at := start + i*a.step
		if at < 0 || at >= int64(len(content)) {
			return nil
		}
		out = append(out, content[at])
	}
	return out
}

func slicedAffine(affine *graph.Affine, axes []sliceAxis) *graph.Affine {
	out := &graph.Affine{Base: affine.Base, Strides: make([]graph.Dim, len(axes))}
	for i, a := range axes {
		if !a.known {
			return nil
		}
		out.Base = out.Base.Add(affine.Strides[i].Mul(a.start))
		out.Strides[i] = affine.Strides[i].Mul(graph.Int(a.step))
	}
	return out
}

// SliceRange is what a Slice node takes from one axis: Length elements from Start on, Step apart.
type SliceRange struct{ Start, Length, Step int64 }

// SliceRanges returns the ranges of every axis of a Slice node whose shapes and positions are known.
func SliceRanges(n *graph.Node) ([]SliceRange, error) {
	axes, err := sliceAxes(&graph.Graph{}, n)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", n, err)
	}
	out := make([]SliceRange, len(axes))
	for i, a := range axes {
		start, knownStart := a.start.Known()
		length, knownLength := a.length.Known()
		if !a.known || !knownStart || !knownLength {
			return nil, fmt.Errorf("%v: what axis %d keeps is not known", n, i)
		}
		out[i] = SliceRange{start, length, a.step}
	}
	return out, nil
}

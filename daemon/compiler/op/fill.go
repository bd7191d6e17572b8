package op

import (
	"fmt"
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// inferConstantOfShape: every element is attribute value, by default a float32 zero.
func inferConstantOfShape(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, onlyInt64); err != nil {
		return err
	}
	value := n.Tensor("value")
	dtype := tensor.Float32
	if value != nil {
		if value.Elements() != 1 {
			return fmt.Errorf("attribute value %v must have one element", value)
		}
		dtype = value.DType
	}
	want := n.Input(0)
	setType(n, 0, dtype)
	if want.Content == nil {
		if rank, ok := listLength(want); ok {
			set(n, 0, dtype, freshShape(g, rank))
		}
		return nil
	}
	set(n, 0, dtype, append([]graph.Dim{}, want.Content...))
	if !indexing(dtype) {
		return nil
	}
	element := graph.NewConstant("", value).Content[0]
	setAffine(n, 0, &graph.Affine{Base: element, Strides: make([]graph.Dim, len(want.Content))})
	if count, known := productOf(want.Content).Known(); known && count >= 0 && count <= graph.ContentLimit {
		content := make([]graph.Dim, count)
		for i := range content {
			content[i] = element
		}
		setContent(n, 0, content)
	}
	return nil
}

// inferExpand broadcasts the input with the shape in input 1.
func inferExpand(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 1, onlyInt64); err != nil {
		return err
	}
	x, want := n.Input(0), n.Input(1)
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	target := want.Content
	if target == nil {
		length, ok := listLength(want)
		if !ok {
			return nil
		}
		target = freshShape(g, length)
	}
	shape, err := broadcast(g, x.Shape, target)
	if err != nil {
		return err
	}
	set(n, 0, x.DType, shape)
	if indexing(x.DType) {
		setAffine(n, 0, broadcastAffine(x, shape))
	}
	if len(x.Content) == 1 {
		spreadContent(n, x.Content[0])
	}
	return nil
}

// spreadContent fills a small output with one element.
func spreadContent(n *graph.Node, element graph.Dim) {
	count, known := n.Output(0).ElementCount().Known()
	if !known || count < 0 || count > graph.ContentLimit {
		return
	}
	content := make([]graph.Dim, count)
	for i := range content {
		content[i] = element
	}
	setContent(n, 0, content)
}

// inferRange: start, start+delta, ... below limit.
func inferRange(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, numeric); err != nil {
			return err
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
		if v := n.Input(i); v.Ranked && !v.ElementCount().Is(1) {
			if _, known := v.ElementCount().Known(); known {
				return fmt.Errorf("input %d (%v) must have one element", i, v)
			}
		}
	}
	dtype := n.Input(0).DType
	if length, ok := floatRange(n); ok {
		set(n, 0, dtype, []graph.Dim{graph.Int(length)})
		return nil
	}
	start, limit, delta := n.Input(0).Content, n.Input(1).Content, n.Input(2).Content
	if len(start) != 1 || len(limit) != 1 || len(delta) != 1 {
		set(n, 0, dtype, freshShape(g, 1))
		return nil
	}
	if delta[0].Is(0) {
		return fmt.Errorf("input 2: delta is 0")
	}
	length := rangeLength(g, start[0], limit[0], delta[0])
	set(n, 0, dtype, []graph.Dim{length})
	setAffine(n, 0, &graph.Affine{Base: start[0], Strides: []graph.Dim{delta[0]}})
	if count, known := length.Known(); known && count <= graph.ContentLimit {
		content := make([]graph.Dim, count)
		for i := range content {
			content[i] = start[0].Add(delta[0].Mul(graph.Int(int64(i))))
		}
		setContent(n, 0, content)
	}
	return nil
}

// rangeLength is ceil((limit-start)/delta), not below 0.
func rangeLength(g *graph.Graph, start, limit, delta graph.Dim) graph.Dim {
	step, known := delta.Known()
	if !known {
		return g.FreshSymbol()
	}
	span := limit.Sub(start)
	if step < 0 {
		span, step = start.Sub(limit), -step
	}
	return span.Add(graph.Int(step - 1)).Div(graph.Int(step)).Max(graph.Int(0))
}

// floatRange computes the length of a float32 or float64 range with constant bounds.
func floatRange(n *graph.Node) (int64, bool) {
	var bounds [3]float64
	for i := range bounds {
		t := n.Input(i).Constant
		switch {
		case t == nil || t.Elements() != 1:
			return 0, false
		case t.DType == tensor.Float32:
			bounds[i] = float64(tensor.Slice[float32](t)[0])
		case t.DType == tensor.Float64:
			bounds[i] = tensor.Slice[float64](t)[0]
		default:
			return 0, false
		}
	}
	length := math.Ceil((bounds[1] - bounds[0]) / bounds[2])
	if !(length < 1<<40) { // also NaN
		return 0, false
	}
	return int64(max(length, 0)), true
}

// inferTile repeats each axis as input 1 says.
func inferTile(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 1, onlyInt64); err != nil {
		return err
	}
	x, repeats := n.Input(0), n.Input(1)
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	if repeats.Content == nil {
		set(n, 0, x.DType, freshShape(g, len(x.Shape)))
		return nil
	}
	if len(repeats.Content) != len(x.Shape) {
		return fmt.Errorf("%d repeats for %v", len(repeats.Content), x)
	}
	shape := make([]graph.Dim, len(x.Shape))
	for i, dim := range x.Shape {
		shape[i] = dim.Mul(repeats.Content[i])
	}
	set(n, 0, x.DType, shape)
	return nil
}

// inferPad: pads lists the begins of all axes (or of those in input 3), then the ends.
func inferPad(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	if err := sameType(n, 0, 2); err != nil {
		return err
	}
	switch mode := n.Text("mode", "constant"); mode {
	case "constant", "reflect", "edge", "wrap":
	default:
		return fmt.Errorf("attribute mode %q is unknown", mode)
	}
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	begins, ends, known, err := padWidths(n, len(x.Shape))
	if err != nil {
		return err
	}
	if !known {
		set(n, 0, x.DType, freshShape(g, len(x.Shape)))
		return nil
	}
	shape := make([]graph.Dim, len(x.Shape))
	for i, dim := range x.Shape {
		shape[i] = dim.Add(begins[i]).Add(ends[i])
	}
	set(n, 0, x.DType, shape)
	return nil
}

// padWidths returns what a Pad node adds before and after each axis.
func padWidths(n *graph.Node, rank int) (begins, ends []graph.Dim, known bool, err error) {
	pads := n.Input(1).Content
	if pads == nil {
		return nil, nil, false, nil
	}
	axes, known := knownList(n, 3)
	if !known {
		return nil, nil, false, fmt.Errorf("input 3: the axes must be constant")
	}
	if n.Input(3) == nil {
		for axis := range rank {
			axes = append(axes, int64(axis))
		}
	}
	if _, err := normalAxes(axes, rank); err != nil {
		return nil, nil, false, err
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, false, fmt.Errorf("%d pads for %d axes", len(pads), len(axes))
	}
	begins, ends = make([]graph.Dim, rank), make([]graph.Dim, rank)
	for i, a := range axes {
		axis, _ := normalAxis(a, rank)
		begins[axis], ends[axis] = pads[i], pads[len(axes)+i]
	}
	return begins, ends, true, nil
}

package op

import (
	"fmt"
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// inferGather: along the axis of input 0, the entries that input 1 names.
func inferGather(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 1, indexing); err != nil {
		return err
	}
	x, indices := n.Input(0), n.Input(1)
	setType(n, 0, x.DType)
	if !x.Ranked || !indices.Ranked {
		return nil
	}
	axis, err := normalAxis(n.Int("axis", 0), len(x.Shape))
	if err != nil {
		return err
	}
	if err := checkIndices(indices, x.Shape[axis]); err != nil {
		return err
	}
	shape := append([]graph.Dim{}, x.Shape[:axis]...)
	shape = append(append(shape, indices.Shape...), x.Shape[axis+1:]...)
	set(n, 0, x.DType, shape)
	list, known := indices.KnownContent()
	if x.Content == nil || len(x.Shape) != 1 || !known {
		return nil
	}
	content := make([]graph.Dim, len(list))
	for i, index := range list {
		if index < 0 {
			index += int64(len(x.Content))
		}
		content[i] = x.Content[index]
	}
	setContent(n, 0, content)
	return nil
}

// checkIndices fails where a known index lies outside a known dimension.
func checkIndices(indices *graph.Value, dim graph.Dim) error {
	size, sized := dim.Known()
	if !sized {
		return nil
	}
	list, _ := indices.KnownContent()
	if t := indices.Constant; t != nil && t.DType == tensor.Int64 && len(t.Data) > 0 {
		list = tensor.Slice[int64](t)
	}
	for _, index := range list {
		if index < -size || index >= size {
			return fmt.Errorf("index %d is out of range for dimension %d", index, size)
		}
	}
	return nil
}

// inferConcat joins along the axis.
func inferConcat(g *graph.Graph, n *graph.Node) error {
	for i, v := range n.Inputs {
		if v == nil {
			return fmt.Errorf("input %d is missing", i)
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
	}
	first := n.Input(0)
	setType(n, 0, first.DType)
	for _, v := range n.Inputs {
		if !v.Ranked {
			return nil
		}
	}
	if _, ok := n.Attributes["axis"]; !ok {
		return fmt.Errorf("attribute axis is missing")
	}
	axis, err := normalAxis(n.Int("axis", 0), len(first.Shape))
	if err != nil {
		return err
	}
	shape := append([]graph.Dim{}, first.Shape...)
	for i, v := range n.Inputs[1:] {
		if len(v.Shape) != len(shape) {
			return fmt.Errorf("input %d (%v) has another rank than %v", i+1, v, first)
		}
		for j, dim := range v.Shape {
			if j == axis {
				if shape[j] = shape[j].Add(dim); shape[j].Size() > dimLimit {
					shape[j] = g.FreshSymbol()
				}
			} else if shape[j], err = mergeDim(shape[j], dim); err != nil {
				return fmt.Errorf("input %d (%v) does not fit %v: axis %d: %w", i+1, v, first, j, err)
			}
		}
	}
	set(n, 0, first.DType, shape)
	if len(shape) != 1 {
		return nil
	}
	content := []graph.Dim{}
	for _, v := range n.Inputs {
		if v.Content == nil || len(content)+len(v.Content) > graph.ContentLimit {
			return nil
		}
		content = append(content, v.Content...)
	}
	setContent(n, 0, content)
	return nil
}

// inferSplit: parts along the axis, as input 1 lists them or equal ones.
func inferSplit(g *graph.Graph, n *graph.Node) error {
	x := n.Input(0)
	for i := range n.Outputs {
		setType(n, i, x.DType)
	}
	if !x.Ranked {
		return nil
	}
	axis, err := normalAxis(n.Int("axis", 0), len(x.Shape))
	if err != nil {
		return err
	}
	sizes, err := splitSizes(g, n, x.Shape[axis])
	if err != nil {
		return err
	}
	at := 0
	for i, size := range sizes {
		shape := append([]graph.Dim{}, x.Shape...)
		shape[axis] = size
		set(n, i, x.DType, shape)
		length, known := size.Known()
		if !known || length < 0 {
			at = math.MaxInt32
		} else if len(x.Shape) == 1 && x.Content != nil && length <= int64(len(x.Content)-at) {
			setContent(n, i, x.Content[at:at+int(length)])
			at += int(length)
		}
	}
	return nil
}

func splitSizes(g *graph.Graph, n *graph.Node, dim graph.Dim) ([]graph.Dim, error) {
	parts := int64(len(n.Outputs))
	if given := n.Input(1); given != nil {
		if given.Content == nil {
			return freshShape(g, len(n.Outputs)), nil
		}
		if len(given.Content) != len(n.Outputs) {
			return nil, fmt.Errorf("%d sizes for %d outputs", len(given.Content), len(n.Outputs))
		}
		sum := graph.Int(0)
		for _, size := range given.Content {
			sum = sum.Add(size)
		}
		if _, err := mergeDim(sum, dim); err != nil {
			return nil, fmt.Errorf("the sizes %v do not add up to dimension %v", given.Content, dim)
		}
		return given.Content, nil
	}
	if count := n.Int("num_outputs", parts); count != parts {
		return nil, fmt.Errorf("attribute num_outputs is %d for %d outputs", count, parts)
	}
	_, uneven := n.Attributes["num_outputs"]
	size, known := dim.Known()
	if known && size%parts != 0 && !uneven {
		return nil, fmt.Errorf("dimension %d does not split into %d equal parts", size, parts)
	}
	sizes := make([]graph.Dim, parts)
	part := dim.Div(graph.Int(parts))
	if uneven && known {
		part = graph.Int((size + parts - 1) / parts)
	} else if uneven && !part.Mul(graph.Int(parts)).Equal(dim) {
		return freshShape(g, len(n.Outputs)), nil
	}
	for i := range sizes {
		sizes[i] = part
	}
	if uneven && known {
		chunk, _ := part.Known()
		if sizes[parts-1] = graph.Int(size - chunk*(parts-1)); size < chunk*(parts-1) {
			return nil, fmt.Errorf("dimension %d does not split into %d parts", size, parts)
		}
	}
	return sizes, nil
}

package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// ReduceAxes tells for each axis of input 0 whether a Reduce node reduces it. The rank must be known and the axes constant.
func ReduceAxes(n *graph.Node) ([]bool, error) {
	rank := len(n.Input(0).Shape)
	axes, known := knownList(n, 1)
	if !known {
		return nil, fmt.Errorf("input 1: the axes must be constant")
	}
	chosen, err := normalAxes(axes, rank)
	if err != nil || len(axes) > 0 || n.Int("noop_with_empty_axes", 0) != 0 {
		return chosen, err
	}
	for i := range chosen {
		chosen[i] = true
	}
	return chosen, nil
}

// inferReduce: the axes of input 1 vanish, or become 1 with keepdims.
func inferReduce(types typeSet) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		if err := accept(n, 0, types); err != nil {
			return err
		}
		x := n.Input(0)
		setType(n, 0, x.DType)
		if !x.Ranked {
			return nil
		}
		axes, err := ReduceAxes(n)
		if err != nil {
			return err
		}
		set(n, 0, x.DType, reducedShape(x.Shape, axes, n.Int("keepdims", 1) != 0))
		return nil
	}
}

func reducedShape(shape []graph.Dim, reduced []bool, keep bool) []graph.Dim {
	out := []graph.Dim{}
	for i, dim := range shape {
		switch {
		case !reduced[i]:
			out = append(out, dim)
		case keep:
			out = append(out, graph.Int(1))
		}
	}
	return out
}

// inferReduceProd also multiplies up the content of a shape: exporters count elements so.
func inferReduceProd(g *graph.Graph, n *graph.Node) error {
	if err := inferReduce(numeric)(g, n); err != nil {
		return err
	}
	x, out := n.Input(0), n.Output(0)
	if x.Content != nil && len(x.Shape) == 1 && out.Ranked && out.ElementCount().Is(1) {
		setContent(n, 0, []graph.Dim{productOf(x.Content)})
	}
	return nil
}

// inferArgReduce: the position of an extreme along one axis.
func inferArgReduce(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, numeric); err != nil {
		return err
	}
	x := n.Input(0)
	setType(n, 0, tensor.Int64)
	if !x.Ranked {
		return nil
	}
	axis, err := normalAxis(n.Int("axis", 0), len(x.Shape))
	if err != nil {
		return err
	}
	reduced := make([]bool, len(x.Shape))
	reduced[axis] = true
	set(n, 0, tensor.Int64, reducedShape(x.Shape, reduced, n.Int("keepdims", 1) != 0))
	return nil
}

// inferAlongAxis: like inferUnary for operators with an attribute axis.
func inferAlongAxis(types typeSet) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		if err := accept(n, 0, types); err != nil {
			return err
		}
		x := n.Input(0)
		if x.Ranked {
			if _, err := normalAxis(n.Int("axis", -1), len(x.Shape)); err != nil {
				return err
			}
		}
		likeInput(n, 0, 0, x.DType)
		return nil
	}
}

// inferCumSum: the axis is input 1.
func inferCumSum(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, numeric); err != nil {
		return err
	}
	if err := accept(n, 1, indexing); err != nil {
		return err
	}
	x := n.Input(0)
	if axes, known := n.Input(1).KnownContent(); known && x.Ranked {
		if len(axes) != 1 {
			return fmt.Errorf("input 1: %d axes, want 1", len(axes))
		}
		if _, err := normalAxis(axes[0], len(x.Shape)); err != nil {
			return err
		}
	}
	likeInput(n, 0, 0, x.DType)
	return nil
}

// inferTopK: the k largest or smallest along an axis, and their positions.
func inferTopK(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, numeric); err != nil {
		return err
	}
	if err := accept(n, 1, onlyInt64); err != nil {
		return err
	}
	x, k := n.Input(0), n.Input(1)
	setType(n, 0, x.DType)
	setType(n, 1, tensor.Int64)
	if !x.Ranked {
		return nil
	}
	axis, err := normalAxis(n.Int("axis", -1), len(x.Shape))
	if err != nil {
		return err
	}
	shape := append([]graph.Dim{}, x.Shape...)
	switch {
	case k.Content == nil:
		shape[axis] = g.FreshSymbol()
	case len(k.Content) != 1:
		return fmt.Errorf("input 1 (%v) must have one element", k)
	default:
		count, knownCount := k.Content[0].Known()
		size, knownSize := shape[axis].Known()
		if knownCount && knownSize && count > size {
			return fmt.Errorf("the %d best of %d are wanted", count, size)
		}
		shape[axis] = k.Content[0]
	}
	set(n, 0, x.DType, shape)
	set(n, 1, tensor.Int64, shape)
	return nil
}

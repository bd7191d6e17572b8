package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// rewriteGather turns a Gather whose indices are an affine function of their position, and in fact walk once through the axis, into a
// Reshape, with an Expand where the indices repeat along a dimension. Exporters index a mask as flat[batch * sequence + position]; only as
// a Reshape can it be proved that no row reads another's.
func rewriteGather(e *editor, n *graph.Node) error {
	if !isONNX(n, "Gather") || len(n.Inputs) != 2 {
		return nil
	}
	data, indices, out := n.Inputs[0], n.Inputs[1], n.Output(0)
	if rank(data) < 1 || !indices.Ranked || !out.Ranked || indices.Affine == nil || len(indices.Affine.Strides) != len(indices.Shape) {
		return nil
	}
	axis := axisOf(n.Int("axis", 0), rank(data))
	if axis < 0 || !e.grounded(out.Shape) || !e.grounded(data.Shape) || len(indices.Shape) == 0 {
		return nil
	}
	once, ok := walk(indices, data.Shape[axis])
	if !ok {
		return nil
	}
	target := slices.Concat(data.Shape[:axis], once, data.Shape[axis+1:])
	reshaped, err := e.reshape(n, data, target)
	if err != nil {
		return err
	}
	_, err = e.expandTo(n, reshaped, out)
	return err
}

// walk returns the shape of the indices with 1 for dimensions along which they repeat, if the rest counts 0, 1, 2 ... size-1 in
// row-major order.
func walk(indices *graph.Value, size graph.Dim) ([]graph.Dim, bool) {
	if !indices.Affine.Base.Is(0) {
		return nil, false
	}
	shape := slices.Clone(indices.Shape)
	next := graph.Int(1)
	for i := len(shape) - 1; i >= 0; i-- {
		stride := indices.Affine.Strides[i]
		switch {
		case shape[i].Is(1): // its stride is never used
		case stride.Is(0):
			shape[i] = graph.Int(1)
		case stride.Equal(next):
			next = next.Mul(shape[i])
		default:
			return nil, false
		}
	}
	return shape, next.Equal(size)
}

package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// inferMatMul: numpy's matmul: batch axes broadcast, vectors count as matrices of one row or column.
func inferMatMul(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, numeric); err != nil {
			return err
		}
	}
	if err := sameType(n, 0, 1); err != nil {
		return err
	}
	return inferProduct(g, n, 0, 1, n.Input(0).DType)
}

// inferProduct gives output 0 the shape of the product of inputs ia and ib.
func inferProduct(g *graph.Graph, n *graph.Node, ia, ib int, dtype tensor.DType) error {
	a, b := n.Input(ia), n.Input(ib)
	setType(n, 0, dtype)
	if !ranked(n, ia, ib) {
		return nil
	}
	if len(a.Shape) == 0 || len(b.Shape) == 0 {
		return fmt.Errorf("scalars cannot be multiplied as matrices: %v, %v", a, b)
	}
	left, right := a.Shape, b.Shape
	if len(left) == 1 {
		left = []graph.Dim{graph.Int(1), left[0]}
	}
	if len(right) == 1 {
		right = []graph.Dim{right[0], graph.Int(1)}
	}
	if _, err := mergeDim(left[len(left)-1], right[len(right)-2]); err != nil {
		return fmt.Errorf("%v and %v do not multiply: %w", a, b, err)
	}
	shape, err := broadcast(g, left[:len(left)-2], right[:len(right)-2])
	if err != nil {
		return err
	}
	if len(a.Shape) > 1 {
		shape = append(shape, left[len(left)-2])
	}
	if len(b.Shape) > 1 {
		shape = append(shape, right[len(right)-1])
	}
	set(n, 0, dtype, shape)
	return nil
}

// inferGemm: matrices, optionally transposed, plus C broadcast to the result.
func inferGemm(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, numeric); err != nil {
			return err
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
	}
	if err := wantRank(n, 0, 2, 2); err != nil {
		return err
	}
	if err := wantRank(n, 1, 2, 2); err != nil {
		return err
	}
	a, b, c := n.Input(0), n.Input(1), n.Input(2)
	setType(n, 0, a.DType)
	if !ranked(n, 0, 1) {
		return nil
	}
	rows, innerA := a.Shape[0], a.Shape[1]
	if n.Int("transA", 0) != 0 {
		rows, innerA = innerA, rows
	}
	innerB, columns := b.Shape[0], b.Shape[1]
	if n.Int("transB", 0) != 0 {
		innerB, columns = columns, innerB
	}
	if _, err := mergeDim(innerA, innerB); err != nil {
		return fmt.Errorf("%v and %v do not multiply: %w", a, b, err)
	}
	shape := []graph.Dim{rows, columns}
	if c != nil && c.Ranked {
		if err := fitsInto(g, c, shape); err != nil {
			return err
		}
	}
	set(n, 0, a.DType, shape)
	return nil
}

// fitsInto fails where the value is known not to broadcast to the shape without widening it.
func fitsInto(g *graph.Graph, v *graph.Value, shape []graph.Dim) error {
	wide, err := broadcast(g, shape, v.Shape)
	if err == nil && len(wide) > len(shape) {
		err = fmt.Errorf("its rank is larger")
	}
	for i := range shape {
		if err == nil && shape[i].Is(1) && !wide[i].Is(1) {
			err = fmt.Errorf("axis %d is larger", i)
		}
	}
	if err != nil {
		return fmt.Errorf("%v does not broadcast to %v: %w", v, shape, err)
	}
	return nil
}

package op

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

type batchFunc func(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error)

// rows repeats an axis for every output.
func rows(n *graph.Node, axis BatchAxis) []BatchAxis {
	out := make([]BatchAxis, len(n.Outputs))
	for i := range out {
		out[i] = axis
	}
	return out
}

// batchElementwise: after broadcasting, every input that has a batch axis has it in the same place.
func batchElementwise(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	rank := len(n.Outputs[0].Shape)
	found := NoBatch
	for i, axis := range in {
		if axis < 0 {
			continue
		}
		aligned := axis + BatchAxis(rank-len(n.Inputs[i].Shape))
		if found >= 0 && aligned != found {
			return nil, fmt.Errorf("input %d (%q) has its batch along axis %d, others along axis %d", i, n.Inputs[i].Name, aligned, found)
		}
		found = aligned
	}
	return rows(n, found), nil
}

// batchKeep: only input 0 has a batch axis, and the outputs have it in the same place.
func batchKeep(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	return rows(n, in[0]), nil
}

// onlyFirst fails where an input other than the first depends on the requests.
func onlyFirst(n *graph.Node, in []BatchAxis) error {
	for i, axis := range in {
		if i > 0 && axis >= 0 {
			return fmt.Errorf("input %d (%q) depends on the requests", i, n.Inputs[i].Name)
		}
	}
	return nil
}

// batchFirst: only input 0 has a batch axis, and it is axis 0, as in the outputs.
func batchFirst(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	if in[0] != 0 {
		return nil, fmt.Errorf("the batch is along axis %d of input 0, not axis 0", in[0])
	}
	return rows(n, 0), nil
}

// batchRows: like batchFirst for a matrix; a vector would be one row.
func batchRows(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
	if len(n.Inputs[0].Shape) != 2 {
		return nil, fmt.Errorf("input 0 (%v) is no matrix of rows", n.Inputs[0])
	}
	return batchFirst(n, in, batch)
}

// batchNever gives a reason why rows cannot be kept apart.
func batchNever(reason string) batchFunc {
	return func(*graph.Node, []BatchAxis, graph.Dim) ([]BatchAxis, error) { return nil, errors.New(reason) }
}

// batchFirstOrResidual: like batchFirst; inputs of the outputs' shape may carry the batch too.
func batchFirstOrResidual(residuals ...int) batchFunc {
	return func(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
		rest := append([]BatchAxis{}, in...)
		for _, i := range residuals {
			if i < len(in) && n.Inputs[i] != nil {
				if in[i] != in[0] {
					return nil, fmt.Errorf("input %d (%q) and input 0 have their batch along different axes", i, n.Inputs[i].Name)
				}
				rest[i] = NoBatch
			}
		}
		return batchFirst(n, rest, batch)
	}
}

// batchAcross: the operator works along the attribute axis, which must not be the batch's.
func batchAcross(fallback int64) batchFunc {
	return func(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
		if err := onlyFirst(n, in); err != nil {
			return nil, err
		}
		if AxisOf(n, fallback, len(n.Inputs[0].Shape)) == int(in[0]) {
			return nil, fmt.Errorf("it works along the batch axis %d", in[0])
		}
		return rows(n, in[0]), nil
	}
}

// batchReshape: the batch goes to the axis with as many elements before it.
func batchReshape(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
	before := productOf(n.Inputs[0].Shape[:in[0]])
	product := graph.Int(1)
	for axis, dim := range n.Outputs[0].Shape {
		if product.Equal(before) && dim.Div(batch).Mul(batch).Equal(dim) && !dim.Is(0) {
			return rows(n, BatchAxis(axis)), nil
		}
		product = product.Mul(dim)
	}
	return nil, fmt.Errorf("no axis of the result holds the batch of %v as its outermost part", n.Inputs[0])
}

func batchTranspose(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	for to, from := range Permutation(n, len(n.Inputs[0].Shape)) {
		if from == int(in[0]) {
			return rows(n, BatchAxis(to)), nil
		}
	}
	return nil, fmt.Errorf("perm does not keep the batch axis")
}

func batchConcat(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
	for i, axis := range in {
		if axis != in[0] {
			return nil, fmt.Errorf("inputs 0 and %d have their batch along different axes", i)
		}
	}
	if AxisOf(n, 0, len(n.Inputs[0].Shape)) == int(in[0]) {
		return nil, fmt.Errorf("it joins along the batch axis %d", in[0])
	}
	return rows(n, in[0]), nil
}

// batchSlice: the batch axis must be kept whole, and what is kept of others must not depend on the batch's size.
func batchSlice(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
	axes, err := sliceAxes(&graph.Graph{}, n)
	if err != nil {
		return nil, err
	}
	kept := axes[in[0]]
	if !kept.known || kept.step != 1 || !kept.start.Is(0) || !kept.length.Equal(n.Inputs[0].Shape[in[0]]) {
		return nil, fmt.Errorf("it cuts the batch axis %d", in[0])
	}
	for i, a := range axes {
		if a.start.Uses(batch.String()) {
			return nil, fmt.Errorf("where it cuts axis %d depends on the size of the batch", i)
		}
	}
	return rows(n, in[0]), nil
}

// batchGather: either the data has a batch axis other than the gathered one, or the indices have one.
func batchGather(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	data, indices := n.Inputs[0], n.Inputs[1]
	axis := BatchAxis(AxisOf(n, 0, len(data.Shape)))
	switch {
	case in[0] >= 0 && in[1] >= 0:
		return nil, fmt.Errorf("both data and indices depend on the requests")
	case in[1] >= 0:
		return rows(n, axis+in[1]), nil
	case in[0] == axis:
		return nil, fmt.Errorf("it gathers along the batch axis %d", axis)
	case in[0] < axis:
		return rows(n, in[0]), nil
	}
	return rows(n, in[0]+BatchAxis(len(indices.Shape))-1), nil
}

// batchMatMul: the batch is along rows of A or a stacking axis, along columns of a B that A does not share, or along the same stacking
// axis of both.
func batchMatMul(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	return batchProduct(n, len(n.Inputs[0].Shape), len(n.Inputs[1].Shape), in[0], in[1])
}

// batchProduct is batchMatMul for matrices of ranks a and b.
func batchProduct(n *graph.Node, a, b int, inA, inB BatchAxis) ([]BatchAxis, error) {
	rank := max(a, b)
	if a < 2 || b < 2 {
		if inB < 0 && b == 1 && int(inA) < a-1 {
			return rows(n, inA), nil
		}
		return nil, fmt.Errorf("no batch rule for vectors")
	}
	if int(inA) == a-1 || int(inB) == b-2 && inB >= 0 {
		return nil, fmt.Errorf("it sums along the batch axis")
	}
	left, right := inA+BatchAxis(rank-a), inB+BatchAxis(rank-b)
	switch {
	case inB < 0:
		return rows(n, left), nil
	case inA < 0:
		return rows(n, right), nil
	case left == right && int(left) < rank-2:
		return rows(n, left), nil
	}
	return nil, fmt.Errorf("the batch is along axis %d of A and axis %d of B", inA, inB)
}

func batchGemm(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	wanted := BatchAxis(0)
	if n.Int("transA", 0) != 0 {
		wanted = 1
	}
	if in[0] != wanted || in[1] >= 0 {
		return nil, fmt.Errorf("the batch is not along the rows of A alone")
	}
	if c := n.Input(2); c != nil && in[2] >= 0 && (len(c.Shape) != 2 || in[2] != 0) {
		return nil, fmt.Errorf("the batch is not along the rows of C")
	}
	return rows(n, 0), nil
}

// batchReduce: the batch axis is not reduced; axes before it may vanish.
func batchReduce(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	reduced, err := ReduceAxes(n)
	if err != nil {
		return nil, err
	}
	return afterReducing(n, in[0], reduced)
}

func afterReducing(n *graph.Node, axis BatchAxis, reduced []bool) ([]BatchAxis, error) {
	if reduced[axis] {
		return nil, fmt.Errorf("it reduces the batch axis %d", axis)
	}
	if n.Int("keepdims", 1) != 0 {
		return rows(n, axis), nil
	}
	moved := axis
	for i := range axis {
		if reduced[i] {
			moved--
		}
	}
	return rows(n, moved), nil
}

func batchArgReduce(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	reduced := make([]bool, len(n.Inputs[0].Shape))
	reduced[AxisOf(n, 0, len(reduced))] = true
	return afterReducing(n, in[0], reduced)
}

// batchLayerNormalization: the batch axis lies before the normalised ones.
func batchLayerNormalization(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	if int(in[0]) >= AxisOf(n, -1, len(n.Inputs[0].Shape)) {
		return nil, fmt.Errorf("it normalises along the batch axis %d", in[0])
	}
	return rows(n, in[0]), nil
}

// batchCumSum: the axis is the content of input 1.
func batchCumSum(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	axes, known := n.Inputs[1].KnownContent()
	if !known || len(axes) != 1 {
		return nil, fmt.Errorf("its axis is not constant")
	}
	if axis, err := normalAxis(axes[0], len(n.Inputs[0].Shape)); err != nil || axis == int(in[0]) {
		return nil, fmt.Errorf("it sums along the batch axis %d", in[0])
	}
	return rows(n, in[0]), nil
}

func batchTile(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	repeats := n.Inputs[1].Content
	if repeats == nil || !repeats[in[0]].Is(1) {
		return nil, fmt.Errorf("it repeats the batch axis %d", in[0])
	}
	return rows(n, in[0]), nil
}

func batchPad(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	begins, ends, known, err := padWidths(n, len(n.Inputs[0].Shape))
	if err != nil || !known || !begins[in[0]].Is(0) || !ends[in[0]].Is(0) {
		return nil, fmt.Errorf("it pads the batch axis %d", in[0])
	}
	for i, width := range begins {
		if width.Uses(batch.String()) {
			return nil, fmt.Errorf("how far it pads axis %d depends on the size of the batch", i)
		}
	}
	return rows(n, in[0]), nil
}

// batchRecurrent: sequences of different requests are independent.
func batchRecurrent(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	sequence, state, output := BatchAxis(1), BatchAxis(1), BatchAxis(2)
	if n.Int("layout", 0) != 0 {
		sequence, state, output = 0, 0, 0
	}
	wanted := []BatchAxis{sequence, NoBatch, NoBatch, NoBatch, 0, state, state, NoBatch}
	for i, axis := range in {
		if n.Inputs[i] != nil && axis != wanted[i] {
			return nil, fmt.Errorf("input %d (%q) has its batch along axis %d, want %d", i, n.Inputs[i].Name, axis, wanted[i])
		}
	}
	return []BatchAxis{output, state, state}[:len(n.Outputs)], nil
}

// batchLinear: any axis of A but the last, which is summed; the residual has the shape of the result.
func batchLinear(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if int(in[0]) == len(n.Inputs[0].Shape)-1 || in[0] < 0 {
		return nil, fmt.Errorf("the batch is not along the rows of A")
	}
	for i, axis := range in {
		if i > 0 && axis >= 0 && (i != 3 || axis != in[0]) {
			return nil, fmt.Errorf("input %d (%q) has its batch along axis %d", i, n.Inputs[i].Name, axis)
		}
	}
	return rows(n, in[0]), nil
}

// batchAttention: axis 0 of queries, keys and values; a mask may have the batch in its place of [B, H, Sq, Sk].
func batchAttention(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	for i, axis := range in {
		v := n.Inputs[i]
		switch {
		case v == nil:
		case i < 3 && axis != 0:
			return nil, fmt.Errorf("input %d (%q) has its batch along axis %d, want 0", i, v.Name, axis)
		case i == 3 && axis >= 0 && int(axis)+4-len(v.Shape) != 0:
			return nil, fmt.Errorf("the mask %q has its batch along axis %d", v.Name, axis)
		}
	}
	return rows(n, 0), nil
}

// batchFusedNormalization: like LayerNormalization over the last axis; the residual is laid out as X.
func batchFusedNormalization(n *graph.Node, in []BatchAxis, _ graph.Dim) ([]BatchAxis, error) {
	if int(in[0]) == len(n.Inputs[0].Shape)-1 || in[0] < 0 {
		return nil, fmt.Errorf("the batch is not along the rows of X")
	}
	for i, axis := range in {
		if n.Inputs[i] != nil && (i == 1 && axis != in[0] || i > 1 && axis >= 0) {
			return nil, fmt.Errorf("input %d (%q) has its batch along axis %d", i, n.Inputs[i].Name, axis)
		}
	}
	return rows(n, in[0]), nil
}

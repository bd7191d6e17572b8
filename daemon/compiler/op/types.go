package op

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// Sets of element types that operators accept.
type typeSet func(tensor.DType) bool

func anyType(tensor.DType) bool         { return true }
func numeric(d tensor.DType) bool       { return d.IsFloat() || d.IsInteger() }
func floating(d tensor.DType) bool      { return d.IsFloat() }
func boolean(d tensor.DType) bool       { return d == tensor.Bool }
func numericOrBool(d tensor.DType) bool { return numeric(d) || d == tensor.Bool }
func integral(d tensor.DType) bool      { return d.IsInteger() }
func indexing(d tensor.DType) bool      { return d == tensor.Int32 || d == tensor.Int64 }
func upToFloat32(d tensor.DType) bool   { return d.IsFloat() && d != tensor.Float64 }
func onlyInt64(d tensor.DType) bool     { return d == tensor.Int64 }
func onlyInt32(d tensor.DType) bool     { return d == tensor.Int32 }
func onlyFloat32(d tensor.DType) bool   { return d == tensor.Float32 }
func bytewide(d tensor.DType) bool      { return d == tensor.Uint8 || d == tensor.Int8 }

// accept fails where the type of input i is not in the set. Absent inputs pass.
func accept(n *graph.Node, i int, set typeSet) error {
	if v := n.Input(i); v != nil && !set(v.DType) {
		return fmt.Errorf("input %d (%q) has element type %v, which the operator does not take", i, v.Name, v.DType)
	}
	return nil
}

// typeAttribute returns the element type that an attribute names; one that is absent is no type.
func typeAttribute(n *graph.Node, name string) (tensor.DType, error) {
	number := n.Int(name, 0)
	dtype := tensor.DType(number)
	if int64(dtype) != number || !dtype.Valid() {
		return dtype, fmt.Errorf("attribute %s: element type %s is not supported", name, tensor.TypeName(number))
	}
	return dtype, nil
}

// sameType fails where inputs first and i differ in element type. Absent inputs pass.
func sameType(n *graph.Node, first, i int) error {
	a, b := n.Input(first), n.Input(i)
	if a == nil || b == nil || a.DType == b.DType {
		return nil
	}
	return fmt.Errorf("input %d (%q) is %v, input %d (%q) is %v; they must agree", first, a.Name, a.DType, i, b.Name, b.DType)
}

// setType declares output i, if present, with unknown rank.
func setType(n *graph.Node, i int, dtype tensor.DType) {
	if v := n.Output(i); v != nil && v.Constant == nil {
		v.DType = dtype
	}
}

// set declares output i, if present.
func set(n *graph.Node, i int, dtype tensor.DType, shape []graph.Dim) {
	if v := n.Output(i); v != nil && v.Constant == nil {
		v.DType, v.Shape, v.Ranked = dtype, slices.Clone(shape), true // passes may change one value's shape in place
	}
}

// setContent declares the elements of an integer output.
func setContent(n *graph.Node, i int, content []graph.Dim) {
	v := n.Output(i)
	if v == nil || v.Constant != nil || content == nil || len(content) > graph.ContentLimit || !indexing(v.DType) {
		return
	}
	if v.DType == tensor.Int32 {
		for _, element := range content {
			if x, known := element.Known(); known && int64(int32(x)) != x {
				return
			}
		}
	}
	v.Content = content
}

// setAffine declares an integer output as an affine function of its index.
func setAffine(n *graph.Node, i int, affine *graph.Affine) {
	if v := n.Output(i); v != nil && v.Constant == nil && v.Ranked && indexing(v.DType) {
		v.Affine = affine
	}
}

// wantRank fails where the rank of input i is known and outside the range.
func wantRank(n *graph.Node, i, low, high int) error {
	v := n.Input(i)
	if v == nil || !v.Ranked || len(v.Shape) >= low && len(v.Shape) <= high {
		return nil
	}
	if low == high {
		return fmt.Errorf("input %d (%v) has rank %d, want %d", i, v, len(v.Shape), low)
	}
	return fmt.Errorf("input %d (%v) has rank %d, want %d to %d", i, v, len(v.Shape), low, high)
}

// ranked reports whether the ranks of the given inputs are known; absent inputs count as known.
func ranked(n *graph.Node, inputs ...int) bool {
	for _, i := range inputs {
		if v := n.Input(i); v != nil && !v.Ranked {
			return false
		}
	}
	return true
}

// normalAxis maps a possibly negative axis to [0, rank).
func normalAxis(axis int64, rank int) (int, error) {
	if axis < -int64(rank) || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d is out of range for rank %d", axis, rank)
	}
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis), nil
}

// normalAxes maps axes to [0, rank) and fails on repeated ones.
func normalAxes(axes []int64, rank int) ([]bool, error) {
	chosen := make([]bool, rank)
	for _, a := range axes {
		axis, err := normalAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if chosen[axis] {
			return nil, fmt.Errorf("axis %d is given twice", axis)
		}
		chosen[axis] = true
	}
	return chosen, nil
}

// AxisOf returns the node's attribute axis as an index into a shape of the given rank. Infer has checked it.
func AxisOf(n *graph.Node, fallback int64, rank int) int {
	axis, err := normalAxis(n.Int("axis", fallback), rank)
	if err != nil {
		return 0
	}
	return axis
}

// knownList returns the elements of input i where all are known. Absent inputs give nil, true.
func knownList(n *graph.Node, i int) ([]int64, bool) {
	v := n.Input(i)
	if v == nil {
		return nil, true
	}
	if list, ok := v.KnownContent(); ok {
		return list, true
	}
	if v.Constant != nil && v.Constant.DType == tensor.Int64 {
		return tensor.Slice[int64](v.Constant), true
	}
	return nil, false
}

// listLength returns the number of elements of the list in input i.
func listLength(v *graph.Value) (int, bool) {
	if v.Content != nil {
		return len(v.Content), true
	}
	if !v.Ranked || len(v.Shape) != 1 {
		return 0, false
	}
	length, ok := v.Shape[0].Known()
	return int(length), ok && length >= 0 && length <= graph.ContentLimit
}

// freshShape returns a shape of unknown dimensions.
func freshShape(g *graph.Graph, rank int) []graph.Dim {
	shape := make([]graph.Dim, rank)
	for i := range shape {
		shape[i] = g.FreshSymbol()
	}
	return shape
}

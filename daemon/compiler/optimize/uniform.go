package optimize

import (
	"bytes"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
)

// moving operators only move or repeat the elements of their first input.
var moving = []string{"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Transpose", "Slice"}

// uniformDepth bounds the search for the source of a tensor of equal elements.
const uniformDepth = 16

// uniform returns the one element that all elements of the value equal, as a tensor of one element, where that is provable.
func (s *state) uniform(v *graph.Value) (*tensor.Tensor, bool) {
	for depth := 0; v != nil && depth < uniformDepth; depth++ {
		if v.Constant != nil {
			return s.uniformConstant(v)
		}
		if n := producer(v, "ConstantOfShape"); n != nil {
			element := n.Tensor("value")
			if element == nil {
				element = tensor.New(tensor.Float32, 1)
			}
			return element, element.DType == v.DType && element.Elements() == 1 && element.DType != tensor.String
		}
		n := producer(v, moving...)
		if n == nil {
			return nil, false
		}
		v = n.Input(0)
	}
	return nil, false
}

func (s *state) uniformConstant(v *graph.Value) (*tensor.Tensor, bool) {
	t, ok := s.elements(v)
	size := int(v.DType.Size())
	if !ok || t.DType == tensor.String || len(t.Data) < size || len(t.Data) > device.SealedConstantBytes {
		return nil, false
	}
	first := t.Data[:size]
	for i := size; i < len(t.Data); i += size {
		if !bytes.Equal(first, t.Data[i:i+size]) {
			return nil, false
		}
	}
	one := tensor.New(t.DType, 1)
	copy(one.Data, first)
	return one, true
}

// isZero reports whether all elements of the value are provably +0 or -0.
func (s *state) isZero(v *graph.Value) bool {
	t, ok := s.uniform(v)
	return ok && t.DType == tensor.Float32 && tensor.Slice[float32](t)[0] == 0
}

// truth returns the boolean that all elements of the value equal.
func (s *state) truth(v *graph.Value) (value, known bool) {
	t, ok := s.uniform(v)
	if !ok || t.DType != tensor.Bool {
		return false, false
	}
	return t.Data[0] != 0, true
}

// foldCondition removes logic whose outcome is known: comparisons that the range of an affine tensor decides, And and Or with a known
// operand, Where with a known condition.
func foldCondition(e *editor, n *graph.Node) error {
	if n.Domain != graph.DomainONNX || n.Output(0) == nil {
		return nil
	}
	switch n.Op {
	case "Greater", "GreaterOrEqual", "Less", "LessOrEqual":
		return foldComparison(e, n)
	case "And", "Or":
		for i, v := range n.Inputs {
			value, known := e.truth(v)
			switch {
			case !known:
			case value == (n.Op == "And"):
				_, err := e.expandTo(n, n.Inputs[1-i], n.Output(0))
				return err
			default:
				return e.fill(n, value)
			}
		}
	case "Where":
		if value, known := e.truth(n.Input(0)); known {
			chosen := n.Input(2)
			if value {
				chosen = n.Input(1)
			}
			_, err := e.expandTo(n, chosen, n.Output(0))
			return err
		}
	}
	return nil
}

// foldComparison decides a comparison between an affine tensor and a constant by the tensor's lower bound.
func foldComparison(e *editor, n *graph.Node) error {
	for i, v := range n.Inputs {
		low, ok := lowerBound(v)
		if !ok || v.Constant != nil {
			continue
		}
		limits, ok := e.integers(n.Inputs[1-i])
		if !ok || len(limits) == 0 {
			continue
		}
		limit := slices.Max(limits)
		greater := (n.Op == "Greater" || n.Op == "GreaterOrEqual") == (i == 0)
		orEqual := n.Op == "GreaterOrEqual" || n.Op == "LessOrEqual"
		// "v > limit" and "v >= limit" are true from the bound on; "v < limit" and "v <= limit" are their negations.
		strict := orEqual != greater
		if low > limit || !strict && low == limit {
			return e.fill(n, greater)
		}
	}
	return nil
}

// lowerBound returns the smallest element that an affine tensor can have.
func lowerBound(v *graph.Value) (int64, bool) {
	if v == nil || v.Affine == nil {
		return 0, false
	}
	low, ok := v.Affine.Base.Known()
	if !ok {
		return 0, false
	}
	for _, stride := range v.Affine.Strides {
		if size, known := stride.Known(); !known || size < 0 {
			return 0, false
		}
	}
	return low, true
}

// fill puts a tensor of one repeated boolean in the place of the node.
func (e *editor) fill(n *graph.Node, value bool) error {
	out := n.Output(0)
	if !out.Ranked || !e.grounded(out.Shape) || len(out.Shape) > graph.ContentLimit {
		return nil
	}
	element := tensor.FromSlice([]bool{value}, 1)
	attributes := graph.Attributes{"value": element}
	e.substitute(n, newNode(n, graph.DomainONNX, "ConstantOfShape", versionConstantFilled, attributes, shapeValue(n, out.Shape)), 1)
	return nil
}

// dropZeroState removes initial states of recurrent operators that are zero, which is what an absent state means.
func dropZeroState(e *editor, n *graph.Node) error {
	if !isONNX(n, "LSTM", "GRU", "RNN") {
		return nil
	}
	for _, i := range []int{5, 6} {
		v := n.Input(i)
		if v == nil || !e.isZero(v) {
			continue
		}
		e.changes++
		n.Inputs[i] = nil
		e.users[v]--
		if e.users[v] == 0 {
			e.release(v)
		}
	}
	for len(n.Inputs) > 3 && n.Inputs[len(n.Inputs)-1] == nil {
		n.Inputs = n.Inputs[:len(n.Inputs)-1]
	}
	return nil
}

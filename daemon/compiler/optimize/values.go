package optimize

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
)

// elements returns a constant whose elements this level may read. Specialize never sees large ones, whether or not they are still
// there, so that a program does not depend on when it was compiled.
func (s *state) elements(v *graph.Value) (*tensor.Tensor, bool) {
	if v == nil || v.Constant == nil {
		return nil, false
	}
	if s.level == Specialize {
		size, err := tensor.ByteSize(v.Constant.DType, v.Constant.Shape)
		if err != nil || size > device.SealedConstantBytes {
			return nil, false
		}
	}
	return v.Constant, true
}

// floats returns the elements of a float32 constant.
func (s *state) floats(v *graph.Value) ([]float32, bool) {
	t, ok := s.elements(v)
	if !ok || t.DType != tensor.Float32 {
		return nil, false
	}
	return tensor.Slice[float32](t), true
}

// scalar returns the single element of a float32 constant of any rank.
func (s *state) scalar(v *graph.Value) (float32, bool) {
	elements, ok := s.floats(v)
	if !ok || len(elements) != 1 {
		return 0, false
	}
	return elements[0], true
}

// isScalar reports whether the value is a float32 constant of one element near the given number.
func (s *state) isScalar(v *graph.Value, want float64) bool {
	x, ok := s.scalar(v)
	return ok && math.Abs(float64(x)-want) <= 1e-6*math.Abs(want)
}

// integers returns the elements of an integer tensor that are all known.
func (s *state) integers(v *graph.Value) ([]int64, bool) {
	if v == nil {
		return nil, false
	}
	if content, ok := v.KnownContent(); ok {
		return content, true
	}
	if t, ok := s.elements(v); ok && t.DType == tensor.Int64 {
		return tensor.Slice[int64](t), true
	}
	return nil, false
}

// constantFloats makes a float32 constant of the shape.
func constantFloats(name string, elements []float32, shape ...int64) *graph.Value {
	return graph.NewConstant(name, tensor.FromSlice(elements, shape...))
}

// shapeValue makes the value that tells Reshape or Expand the shape. It needs no producer.
func shapeValue(like *graph.Node, dims []graph.Dim) *graph.Value {
	v := &graph.Value{
		Name: like.Name + ":shape", DType: tensor.Int64, Ranked: true,
		Shape: []graph.Dim{graph.Int(int64(len(dims)))}, Content: slices.Clone(dims),
	}
	if v.Content == nil {
		v.Content = []graph.Dim{}
	}
	materialise(v)
	return v
}

// materialise turns known content into a constant and reports whether it did.
func materialise(v *graph.Value) bool {
	content, ok := v.KnownContent()
	if !ok || v.Constant != nil {
		return false
	}
	shape, ok := v.KnownShape()
	if !ok {
		return false
	}
	if count, err := tensor.Elements(shape); err != nil || count != int64(len(content)) {
		return false
	}
	switch v.DType {
	case tensor.Int64:
		v.Constant = tensor.FromSlice(content, shape...)
	case tensor.Int32:
		narrow := make([]int32, len(content))
		for i, x := range content {
			if int64(int32(x)) != x {
				return false
			}
			narrow[i] = int32(x)
		}
		v.Constant = tensor.FromSlice(narrow, shape...)
	default:
		return false
	}
	return true
}

func sameDims(a, b []graph.Dim) bool { return slices.EqualFunc(a, b, graph.Dim.Equal) }

// sameType reports whether both have the same element type and provably the same shape.
func sameType(a, b *graph.Value) bool {
	return a.DType == b.DType && a.Ranked && b.Ranked && sameDims(a.Shape, b.Shape)
}

// rank returns the number of dimensions, or -1 where it is unknown.
func rank(v *graph.Value) int {
	if v == nil || !v.Ranked {
		return -1
	}
	return len(v.Shape)
}

// isFloat reports whether the value is a ranked float32 tensor, the only type that fused operators take.
func isFloat(v *graph.Value) bool { return v != nil && v.Ranked && v.DType == tensor.Float32 }

// axisOf returns an axis attribute counted from the front, or -1 where it is out of range.
func axisOf(axis int64, rank int) int {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis >= int64(rank) {
		return -1
	}
	return int(axis)
}

// broadcast returns the shape that two operands give together, where that is provable.
func broadcast(a, b []graph.Dim) ([]graph.Dim, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	shape := slices.Clone(a)
	for i, dim := range b {
		at := i + len(a) - len(b)
		switch {
		case dim.Is(1) || dim.Equal(shape[at]):
		case shape[at].Is(1):
			shape[at] = dim
		default:
			return nil, false
		}
	}
	return shape, true
}

// producer returns the node of ai.onnx that makes the value with one of the operators, or nil.
func producer(v *graph.Value, operators ...string) *graph.Node {
	if v == nil || v.Producer == nil || v.Producer.Domain != graph.DomainONNX || !slices.Contains(operators, v.Producer.Op) {
		return nil
	}
	return v.Producer
}

// fusedProducer is producer for our own operators.
func fusedProducer(v *graph.Value, operators ...string) *graph.Node {
	if v == nil || v.Producer == nil || v.Producer.Domain != graph.DomainFused || !slices.Contains(operators, v.Producer.Op) {
		return nil
	}
	return v.Producer
}

// isONNX reports whether the node applies one of the operators of ai.onnx.
func isONNX(n *graph.Node, operators ...string) bool {
	return n.Domain == graph.DomainONNX && slices.Contains(operators, n.Op)
}

// other splits the inputs of a binary node into the one that is a given kind of value and the other.
func other(n *graph.Node, is func(v *graph.Value) bool) (found, rest *graph.Value) {
	if len(n.Inputs) != 2 {
		return nil, nil
	}
	for i, v := range n.Inputs {
		if is(v) {
			return v, n.Inputs[1-i]
		}
	}
	return nil, nil
}

// integerConstant makes a list of integers.
func integerConstant(name string, list ...int64) *graph.Value {
	return graph.NewConstant(name, tensor.FromSlice(list, int64(len(list))))
}

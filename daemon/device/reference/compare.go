package reference

import (
	"math"

	"github.com/inferd/inferd/daemon/tensor"
)

// comparison is a relation in each kind of element.
type comparison struct {
	float   func(a, b float64) bool
	integer func(a, b int64) bool
	text    func(a, b string) bool
}

var (
	equal = comparison{
		func(a, b float64) bool { return a == b },
		func(a, b int64) bool { return a == b },
		func(a, b string) bool { return a == b },
	}
	less           = comparison{func(a, b float64) bool { return a < b }, func(a, b int64) bool { return a < b }, nil}
	lessOrEqual    = comparison{func(a, b float64) bool { return a <= b }, func(a, b int64) bool { return a <= b }, nil}
	greater        = comparison{func(a, b float64) bool { return a > b }, func(a, b int64) bool { return a > b }, nil}
	greaterOrEqual = comparison{func(a, b float64) bool { return a >= b }, func(a, b int64) bool { return a >= b }, nil}
)

func relate(op comparison) operator {
	return func(c *call) []*tensor.Tensor {
		a, b := c.in(0), c.in(1)
		if a.DType != b.DType {
			fail("element types %v and %v differ", a.DType, b.DType)
		}
		shape := broadcast(a.Shape, b.Shape)
		ia, ib := broadcastOffsets(a.Shape, shape), broadcastOffsets(b.Shape, shape)
		var out []bool
		switch {
		case a.DType == tensor.String && op.text != nil:
			out = zip(a.Strings, b.Strings, ia, ib, op.text)
		case a.DType.IsFloat():
			out = zip(floats(a), floats(b), ia, ib, op.float)
		default:
			out = zip(ordered(a), ordered(b), ia, ib, op.integer)
		}
		return one(filled(tensor.Bool, shape, out))
	}
}

// ordered returns integers in whose signed order the tensor's elements compare.
func ordered(t *tensor.Tensor) []int64 {
	values := integers(t)
	if t.DType == tensor.Uint64 {
		for i := range values {
			values[i] ^= math.MinInt64
		}
	}
	return values
}

func logical(op func(a, b bool) bool) operator {
	return func(c *call) []*tensor.Tensor {
		a, b := c.in(0), c.in(1)
		shape := broadcast(a.Shape, b.Shape)
		ia, ib := broadcastOffsets(a.Shape, shape), broadcastOffsets(b.Shape, shape)
		return one(filled(tensor.Bool, shape, zip(tensor.Slice[bool](a), tensor.Slice[bool](b), ia, ib, op)))
	}
}

func and(a, b bool) bool { return a && b }
func or(a, b bool) bool  { return a || b }
func xor(a, b bool) bool { return a != b }

func not(c *call) []*tensor.Tensor {
	in := c.in(0)
	out := newTensor(tensor.Bool, in.Shape)
	for i, x := range tensor.Slice[bool](in) {
		tensor.Slice[bool](out)[i] = !x
	}
	return one(out)
}

// classify tests each element of a float tensor.
func classify(test func(c *call, x float64) bool) operator {
	return func(c *call) []*tensor.Tensor {
		in := c.in(0)
		out := newTensor(tensor.Bool, in.Shape)
		for i, x := range floats(in) {
			tensor.Slice[bool](out)[i] = test(c, x)
		}
		return one(out)
	}
}

func isNaN(_ *call, x float64) bool { return math.IsNaN(x) }

func isInf(c *call, x float64) bool {
	return math.IsInf(x, 1) && c.Int("detect_positive", 1) != 0 || math.IsInf(x, -1) && c.Int("detect_negative", 1) != 0
}

// where picks each element from input 1 or 2 by the condition, all broadcast against each other.
func where(c *call) []*tensor.Tensor {
	condition, a, b := c.in(0), c.in(1), c.in(2)
	if a.DType != b.DType {
		fail("element types %v and %v differ", a.DType, b.DType)
	}
	shape := broadcast(condition.Shape, a.Shape, b.Shape)
	ic := broadcastOffsets(condition.Shape, shape)
	ia, ib := broadcastOffsets(a.Shape, shape), broadcastOffsets(b.Shape, shape)
	chosen := tensor.Slice[bool](condition)
	both := newTensor(a.DType, []int64{a.Elements() + b.Elements()})
	copyElements(both, 0, a, 0, a.Elements())
	copyElements(both, a.Elements(), b, 0, b.Elements())
	for i := range ia {
		if !chosen[ic[i]] {
			ia[i] = a.Elements() + ib[i]
		}
	}
	return one(take(both, shape, ia))
}

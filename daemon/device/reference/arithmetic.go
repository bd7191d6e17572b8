package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// binary is an arithmetic operator in each kind of number. unsigned is nil where the low bits of integer serve.
type binary struct {
	float    func(a, b float64) float64
	integer  func(a, b int64) int64
	unsigned func(a, b uint64) uint64
}

var (
	addition       = binary{float: func(a, b float64) float64 { return a + b }, integer: func(a, b int64) int64 { return a + b }}
	subtraction    = binary{float: func(a, b float64) float64 { return a - b }, integer: func(a, b int64) int64 { return a - b }}
	multiplication = binary{float: func(a, b float64) float64 { return a * b }, integer: func(a, b int64) int64 { return a * b }}
	division       = binary{
		float:    func(a, b float64) float64 { return a / b },
		integer:  func(a, b int64) int64 { return a / b },
		unsigned: func(a, b uint64) uint64 { return a / b },
	}
	maximum = binary{
		float:    func(a, b float64) float64 { return max(a, b) },
		integer:  func(a, b int64) int64 { return max(a, b) },
		unsigned: func(a, b uint64) uint64 { return max(a, b) },
	}
	minimum = binary{
		float:    func(a, b float64) float64 { return min(a, b) },
		integer:  func(a, b int64) int64 { return min(a, b) },
		unsigned: func(a, b uint64) uint64 { return min(a, b) },
	}
	bitAnd   = binary{integer: func(a, b int64) int64 { return a & b }}
	bitOr    = binary{integer: func(a, b int64) int64 { return a | b }}
	bitXor   = binary{integer: func(a, b int64) int64 { return a ^ b }}
	truncMod = binary{
		float:    math.Mod,
		integer:  func(a, b int64) int64 { return a % b },
		unsigned: func(a, b uint64) uint64 { return a % b },
	}
	floorMod = binary{
		float:    floorModulo,
		integer:  func(a, b int64) int64 { return (a%b + b) % b },
		unsigned: func(a, b uint64) uint64 { return a % b },
	}
)

// arithmetic folds any number of inputs of one type, broadcast against each other.
func arithmetic(op binary) operator {
	return func(c *call) []*tensor.Tensor {
		out := c.in(0)
		for i := 1; i < len(c.inputs); i++ {
			out = combine(op, out, c.in(i))
		}
		return one(out)
	}
}

// combine applies the operator to two tensors of the same type.
func combine(op binary, a, b *tensor.Tensor) *tensor.Tensor {
	if a.DType != b.DType {
		fail("element types %v and %v differ", a.DType, b.DType)
	}
	shape := broadcast(a.Shape, b.Shape)
	ia, ib := broadcastOffsets(a.Shape, shape), broadcastOffsets(b.Shape, shape)
	switch {
	case a.DType.IsFloat() && op.float != nil:
		return fromFloats(a.DType, shape, zip(floats(a), floats(b), ia, ib, op.float))
	case a.DType == tensor.Uint64 && op.unsigned != nil:
		return filled(a.DType, shape, zip(tensor.Slice[uint64](a), tensor.Slice[uint64](b), ia, ib, op.unsigned))
	case a.DType.IsInteger() && op.integer != nil:
		return fromIntegers(a.DType, shape, zip(integers(a), integers(b), ia, ib, op.integer))
	}
	fail("the operator is not defined for %v", a.DType)
	return nil
}

func zip[T, R any](a, b []T, ia, ib []int64, op func(a, b T) R) []R {
	out := make([]R, len(ia))
	for i := range out {
		out[i] = op(a[ia[i]], b[ib[i]])
	}
	return out
}

// floorModulo has the sign of the divisor, as numpy's mod does.
func floorModulo(a, b float64) float64 {
	remainder := math.Mod(a, b)
	switch {
	case remainder == 0:
		return math.Copysign(0, b)
	case (remainder < 0) != (b < 0):
		return remainder + b
	}
	return remainder
}

func mod(c *call) []*tensor.Tensor {
	if c.Int("fmod", 0) != 0 {
		return arithmetic(truncMod)(c)
	}
	return arithmetic(floorMod)(c)
}

func mean(c *call) []*tensor.Tensor {
	sum := arithmetic(addition)(c)[0]
	values := floats(sum)
	for i := range values {
		values[i] /= float64(len(c.inputs))
	}
	return one(fromFloats(sum.DType, sum.Shape, values))
}

// power gives the base's element type, whatever that of the exponent is.
func power(c *call) []*tensor.Tensor {
	a, b := c.in(0), c.in(1)
	shape := broadcast(a.Shape, b.Shape)
	ia, ib := broadcastOffsets(a.Shape, shape), broadcastOffsets(b.Shape, shape)
	if a.DType.IsInteger() && b.DType.IsInteger() {
		return one(fromIntegers(a.DType, shape, zip(integers(a), integers(b), ia, ib, integerPower)))
	}
	return one(fromFloats(a.DType, shape, zip(floats(a), floats(b), ia, ib, math.Pow)))
}

func integerPower(base, exponent int64) int64 {
	if exponent < 0 {
		return int64(math.Pow(float64(base), float64(exponent)))
	}
	result := int64(1)
	for ; exponent > 0; exponent >>= 1 {
		if exponent&1 == 1 {
			result *= base
		}
		base *= base
	}
	return result
}

// clip bounds the elements by the scalar inputs 1 and 2; where the bounds cross, the upper one wins.
func clip(c *call) []*tensor.Tensor {
	out := c.in(0)
	if low := c.optional(1); low != nil {
		out = combine(maximum, out, scalar(low))
	}
	if high := c.optional(2); high != nil {
		out = combine(minimum, out, scalar(high))
	}
	return one(out)
}

// scalar views a tensor of one element as having no dimensions.
func scalar(t *tensor.Tensor) *tensor.Tensor { return t.Reshaped() }

// parametricRelu broadcasts the slope to the input.
func parametricRelu(c *call) []*tensor.Tensor {
	x, slope := c.in(0), c.in(1)
	from := broadcastOffsets(slope.Shape, x.Shape)
	values, slopes := floats(x), floats(slope)
	for i, v := range values {
		if v < 0 {
			values[i] = v * slopes[from[i]]
		}
	}
	return one(fromFloats(x.DType, slices.Clone(x.Shape), values))
}

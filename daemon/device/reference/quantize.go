package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// Sums of products of bytes are exact in float64, so that quantised products run through those of floating-point numbers and wrap to int32 at the end.

// quantizeLinear is saturate(round(x / scale) + zero). The quotient is rounded to the type of attribute precision, else from version 23 on to the scale's,
// before to float32, as in onnxruntime.
func quantizeLinear(c *call) []*tensor.Tensor {
	x, scale, zero := c.in(0), c.in(1), c.optional(2)
	to := tensor.Uint8
	if zero != nil {
		to = zero.DType
	}
	to = tensor.DType(c.Int("output_dtype", int64(to)))
	precision := tensor.Float32
	if c.Version >= 23 {
		precision = scale.DType
	}
	precision = tensor.DType(c.Int("precision", int64(precision)))
	scaleOf := c.scaleOf(x, scale)
	values, scales, zeros := floats(x), floats(scale), zeroPoints(zero, scale)
	out := make([]int64, len(values))
	for i, v := range values {
		at := scaleOf(int64(i))
		quotient := rounded(precision, rounded(precision, v)/rounded(precision, scales[at]))
		out[i] = saturated(to, float64(quotient), zeros[at])
	}
	return one(fromIntegers(to, x.Shape, out))
}

// rounded returns a number rounded to float32 or a narrower type.
func rounded[T float32 | float64](dtype tensor.DType, x T) float32 {
	switch dtype {
	case tensor.Float16:
		return float32(tensor.FromFloat16(tensor.ToFloat16(float64(x))))
	case tensor.BFloat16:
		return float32(tensor.FromBFloat16(tensor.ToBFloat16(float64(x))))
	}
	return float32(x)
}

// saturated rounds to the nearest integer, ties to even, adds the zero point and bounds the sum by the type. NaN becomes the least number.
func saturated(dtype tensor.DType, x float64, zero int64) int64 {
	least, largest := integerRange(dtype)
	sum := math.RoundToEven(x) + float64(zero)
	if !(sum > float64(least)) {
		return least
	}
	return int64(min(sum, float64(largest)))
}

// zeroPoints returns as many zero points as there are scales: zeros where they are absent.
func zeroPoints(zero, scale *tensor.Tensor) []int64 {
	if zero == nil {
		return make([]int64, scale.Elements())
	}
	if zero.Elements() != scale.Elements() {
		fail("zero points %v do not fit the scales %v", zero, scale)
	}
	return integers(zero)
}

// scaleOf tells which scale an element of x has: the only one, that of its position along the axis, or that of its block along the axis.
func (c *call) scaleOf(x, scale *tensor.Tensor) func(i int64) int64 {
	if scale.Elements() == 1 && len(scale.Shape) <= 1 {
		return func(int64) int64 { return 0 }
	}
	axis, block := c.axis(1, len(x.Shape)), c.Int("block_size", 0)
	_, size, after := around(x.Shape, axis)
	if block <= 0 || len(scale.Shape) != len(x.Shape) {
		if !slices.Equal(scale.Shape, []int64{size}) {
			fail("scales %v do not fit axis %d of %v", scale, axis, x)
		}
		return func(i int64) int64 { return i / after % size }
	}
	blocks, want := (size-1)/block+1, slices.Clone(x.Shape)
	if want[axis] = blocks; size > 0 && !slices.Equal(scale.Shape, want) {
		fail("scales %v do not fit blocks of %d along axis %d of %v", scale, block, axis, x)
	}
	return func(i int64) int64 { return (i/(size*after)*blocks+i/after%size/block)*after + i%after }
}

// dequantizeLinear is (x - zero) * scale in float32, the difference in int32.
func dequantizeLinear(c *call) []*tensor.Tensor {
	x, scale := c.in(0), c.in(1)
	scaleOf := c.scaleOf(x, scale)
	values, scales, zeros := integers(x), floats(scale), zeroPoints(c.optional(2), scale)
	out := make([]float64, len(values))
	for i, v := range values {
		at := scaleOf(int64(i))
		out[i] = float64(float32(int32(v-zeros[at])) * float32(scales[at]))
	}
	return one(fromFloats(tensor.DType(c.Int("output_dtype", int64(scale.DType))), x.Shape, out))
}

// dynamicQuantizeLinear quantises to uint8 with the scale and the zero point that map the range of x, widened to hold 0, onto 0 to 255. One NaN makes
// the scale NaN.
func dynamicQuantizeLinear(c *call) []*tensor.Tensor {
	x := c.in(0)
	values := tensor.Slice[float32](x)
	var least, largest float32
	for _, v := range values {
		least, largest = min(least, v), max(largest, v)
	}
	scale := float32(1)
	if least != largest {
		scale = (largest - least) / 255
	}
	zero := saturated(tensor.Uint8, float64(-least/scale), 0)
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = saturated(tensor.Uint8, float64(v/scale), zero)
	}
	return []*tensor.Tensor{fromIntegers(tensor.Uint8, x.Shape, out), filled(tensor.Float32, nil, []float32{scale}), fromIntegers(tensor.Uint8, nil, []int64{zero})}
}

// less returns the elements of matrices less their zero points: input i holds one, or one for each row (axis -2) or column (axis -1). Absent it is 0.
func (c *call) less(matrices *tensor.Tensor, i, axis int) []float64 {
	values, zero := floats(matrices), c.optional(i)
	if zero == nil {
		return values
	}
	zeros := floats(zero)
	for at, from := range alongMatrix(zero, matrices.Shape, axis) {
		values[at] -= zeros[from]
	}
	return values
}

// alongMatrix lists, for each element of matrices of the shape, the offset of the number in p that belongs to its row (axis -2) or column (axis -1).
func alongMatrix(p *tensor.Tensor, shape []int64, axis int) []int64 {
	from := p.Shape
	switch {
	case p.Elements() == 1:
		from = nil
	case len(p.Shape) == 1:
		from = slices.Repeat([]int64{1}, len(shape))
		from[len(from)+axis] = p.Shape[0]
	}
	return broadcastOffsets(from, shape)
}

// matmulInteger: A, B, zero points of A, zero points of B.
func matmulInteger(c *call) []*tensor.Tensor {
	a, b := c.in(0), c.in(1)
	p := multiplied(tensor.Int32, a, b, c.less(a, 2, -2), c.less(b, 3, -1))
	return one(fromIntegers(tensor.Int32, p.shape, convert[int64](p.sums)))
}

// quantizedMatmul: A, its scale and zero point, B, its scale and zero point, the result's scale and zero point.
func quantizedMatmul(c *call) []*tensor.Tensor {
	a, b := c.in(0), c.in(3)
	p := multiplied(tensor.Int32, a, b, c.less(a, 2, -2), c.less(b, 5, -1))
	ofA, ofB, ofY, zero := c.in(1), c.in(4), c.in(6), c.in(7)
	atA, atB := alongMatrix(ofA, p.matrices, -2), alongMatrix(ofB, p.matrices, -1)
	atY, atZero := alongMatrix(ofY, p.matrices, -2), alongMatrix(zero, p.matrices, -2)
	scalesA, scalesB, scalesY, zeros := floats(ofA), floats(ofB), floats(ofY), integers(zero)
	out := make([]int64, len(p.sums))
	for i, sum := range p.sums {
		out[i] = requantized(zero.DType, sum, scalesA[atA[i]], scalesB[atB[i]], scalesY[atY[i]], zeros[atZero[i]])
	}
	return one(fromIntegers(zero.DType, p.shape, out))
}

// requantized scales a sum of products, wrapped to int32, to the result's type. As in onnxruntime the scales are united first.
func requantized(dtype tensor.DType, sum, a, b, y float64, zero int64) int64 {
	scale := float32(a) * float32(b) / float32(y)
	return saturated(dtype, float64(float32(int32(int64(sum)))*scale), zero)
}

// convInteger: X, W, zero point of X, zero points of W.
func convInteger(c *call) []*tensor.Tensor {
	x, filter := c.in(0), c.in(1)
	shape, sums := c.convolved(tensor.Int32, x, filter, c.lessOne(x, 2), c.lessFilter(filter, 3), nil)
	return one(fromIntegers(tensor.Int32, shape, convert[int64](sums)))
}

// quantizedConv: X, its scale and zero point, W, its scales and zero points, the result's scale and zero point, bias.
func quantizedConv(c *call) []*tensor.Tensor {
	x, filter, zero := c.in(0), c.in(3), c.in(7)
	var bias []float64
	if b := c.optional(8); b != nil {
		bias = floats(b)
	}
	shape, sums := c.convolved(tensor.Int32, x, filter, c.lessOne(x, 2), c.lessFilter(filter, 5), bias)
	scaleX, scalesW, scaleY := onlyElement(c.in(1)), perFilter(c.in(4), filter.Shape[0]), onlyElement(c.in(6))
	shift := int64(onlyElement(zero))
	out := make([]int64, len(sums))
	plane, filters := product(shape[2:]), filter.Shape[0]
	for i, sum := range sums {
		out[i] = requantized(zero.DType, sum, scaleX, scalesW[int64(i)/plane%filters], scaleY, shift)
	}
	return one(fromIntegers(zero.DType, shape, out))
}

// lessOne returns the elements of t less the one zero point in input i.
func (c *call) lessOne(t *tensor.Tensor, i int) []float64 {
	values := floats(t)
	if c.optional(i) == nil {
		return values
	}
	zero := onlyElement(c.in(i))
	for at := range values {
		values[at] -= zero
	}
	return values
}

// lessFilter returns the weights of filters less the zero points in input i, one for all or one for each filter.
func (c *call) lessFilter(filter *tensor.Tensor, i int) []float64 {
	values := floats(filter)
	if c.optional(i) == nil || len(values) == 0 {
		return values
	}
	zeros, size := perFilter(c.in(i), filter.Shape[0]), product(filter.Shape[1:])
	for at := range values {
		values[at] -= zeros[int64(at)/size]
	}
	return values
}

// perFilter returns a number for each filter, given that or one for all.
func perFilter(t *tensor.Tensor, filters int64) []float64 {
	values := floats(t)
	if len(values) == 1 {
		return slices.Repeat(values, int(filters))
	}
	if int64(len(values)) != filters {
		fail("%v does not fit %d filters", t, filters)
	}
	return values
}

// onlyElement returns the element of a tensor that must have one.
func onlyElement(t *tensor.Tensor) float64 {
	values := floats(t)
	if len(values) != 1 {
		fail("%v must have one element", t)
	}
	return values[0]
}

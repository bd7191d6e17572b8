package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// scaleOffsets lists for each element of x the offset of its scale: there is one, or one for each position of the axis, or for each block along it.
func (c *call) scaleOffsets(x, scale *tensor.Tensor) []int64 {
	if block := c.Int("block_size", 0); block > 0 {
		axis := c.axis(1, len(x.Shape))
		within := strides(scale.Shape)
		return positions(x.Shape, func(axisNow int, i int64) int64 {
			if axisNow == axis {
				i /= block
			}
			return i * within[axisNow]
		})
	}
	if scale.Elements() == 1 {
		return make([]int64, x.Elements())
	}
	steps := make([]int64, len(x.Shape))
	axis := c.axis(1, len(x.Shape))
	if scale.Elements() != x.Shape[axis] {
		fail("%d scales along axis %d of %v", scale.Elements(), axis, x)
	}
	steps[axis] = 1
	return offsets(x.Shape, steps, 0)
}

// positions lists for each element of a shape the sum of what its indices stand for.
func positions(shape []int64, of func(axis int, i int64) int64) []int64 {
	list := []int64{0}
	for axis, size := range shape {
		next := make([]int64, 0, int64(len(list))*size)
		for _, sum := range list {
			for i := range size {
				next = append(next, sum+of(axis, i))
			}
		}
		list = next
	}
	return list
}

// quantizeLinear is saturate(round(x / scale) + zero), in float32, ties to even.
func quantizeLinear(c *call) []*tensor.Tensor {
	x, scale, zero := c.in(0), c.in(1), c.optional(2)
	to := tensor.DType(c.Int("output_dtype", 0))
	switch {
	case zero != nil:
		to = zero.DType
	case to == tensor.Undefined:
		to = tensor.Uint8
	}
	scales, values := floats(scale), floats(x)
	zeros := make([]int64, len(scales))
	if zero != nil {
		zeros = integers(zero)
	}
	out := make([]int64, len(values))
	for i, from := range c.scaleOffsets(x, scale) {
		out[i] = quantized(float32(values[i])/float32(scales[from]), zeros[from], to)
	}
	return one(fromIntegers(to, x.Shape, out))
}

// quantized rounds x and adds the zero point, within the type's range. NaN becomes the least number.
func quantized(x float32, zero int64, to tensor.DType) int64 {
	least, largest := integerRange(to)
	sum := math.RoundToEven(float64(x)) + float64(zero)
	if !(sum > float64(least)) {
		return least
	}
	return int64(min(sum, float64(largest)))
}

// dequantizeLinear is (x - zero) * scale, in float32.
func dequantizeLinear(c *call) []*tensor.Tensor {
	x, scale, zero := c.in(0), c.in(1), c.optional(2)
	to := tensor.DType(c.Int("output_dtype", 0))
	if to == tensor.Undefined {
		to = scale.DType
	}
	values, scales := integers(x), floats(scale)
	zeros := make([]int64, len(scales))
	if zero != nil {
		zeros = integers(zero)
	}
	out := make([]float64, len(values))
	for i, from := range c.scaleOffsets(x, scale) {
		out[i] = float64(float32(int32(values[i]-zeros[from])) * float32(scales[from]))
	}
	return one(fromFloats(to, x.Shape, out))
}

// dynamicQuantizeLinear quantises to uint8 with the scale that covers all elements and zero.
func dynamicQuantizeLinear(c *call) []*tensor.Tensor {
	x := c.in(0)
	values := tensor.Slice[float32](x)
	var low, high float32
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	scale := (high - low) / 255
	if high == low {
		scale = 1
	}
	zero := quantized(-low/scale, 0, tensor.Uint8)
	out := make([]int64, len(values))
	for i, v := range values {
		out[i] = quantized(v/scale, zero, tensor.Uint8)
	}
	return []*tensor.Tensor{
		fromIntegers(tensor.Uint8, x.Shape, out), fromFloats(tensor.Float32, nil, []float64{float64(scale)}), fromIntegers(tensor.Uint8, nil, []int64{zero}),
	}
}

// shifted is t - zero in float64, where integers of eight bits and their products are exact. The zero points have a shape that broadcasts.
func shifted(t, zero *tensor.Tensor, shape ...int64) *tensor.Tensor {
	values := floats(t)
	if zero != nil {
		zeros := floats(zero)
		if len(shape) == 0 {
			shape = zero.Shape
		}
		for i, from := range broadcastOffsets(shape, t.Shape) {
			values[i] -= zeros[from]
		}
	}
	return fromFloats(tensor.Float64, t.Shape, values)
}

// rowZeros is the shape in which zero points of A broadcast: a vector has one for each row.
func rowZeros(zero *tensor.Tensor) []int64 {
	if zero == nil || len(zero.Shape) != 1 {
		return nil
	}
	return []int64{zero.Shape[0], 1}
}

// integerProduct multiplies integers less their zero points.
func (c *call) integerProduct(a, aZero, b, bZero *tensor.Tensor) *tensor.Tensor {
	return matmul(&call{c.Node, []*tensor.Tensor{shifted(a, aZero, rowZeros(aZero)...), shifted(b, bZero)}})[0]
}

// integerConvolution convolves integers less their zero points, so that padding counts as the zero point.
func (c *call) integerConvolution(x, xZero, w, wZero *tensor.Tensor) *tensor.Tensor {
	var each []int64
	if wZero != nil && wZero.Elements() > 1 {
		each = append([]int64{wZero.Elements()}, slices.Repeat([]int64{1}, len(w.Shape)-1)...)
	} else if wZero != nil {
		wZero = wZero.Reshaped()
	}
	if xZero != nil {
		xZero = xZero.Reshaped()
	}
	like := &graph.Node{Name: c.Name, Op: "Conv", Version: c.Version, Attributes: c.Attributes}
	return conv(&call{like, []*tensor.Tensor{shifted(x, xZero), shifted(w, wZero, each...)}})[0]
}

// int32Sums makes int32 of exact sums.
func int32Sums(sums *tensor.Tensor) []*tensor.Tensor {
	return one(fromIntegers(tensor.Int32, sums.Shape, convert[int64](floats(sums))))
}

func matMulInteger(c *call) []*tensor.Tensor {
	return int32Sums(c.integerProduct(c.in(0), c.optional(2), c.in(1), c.optional(3)))
}

func convInteger(c *call) []*tensor.Tensor {
	return int32Sums(c.integerConvolution(c.in(0), c.optional(2), c.in(1), c.optional(3)))
}

// qLinearMatMul: the scale of A is one, or one for each row; that of B one, or one for each column.
func qLinearMatMul(c *call) []*tensor.Tensor {
	sums := c.integerProduct(c.in(0), c.optional(2), c.in(3), c.optional(5))
	aScale, bScale := c.in(1), c.in(4)
	rows := aScale.Shape
	if shape := rowZeros(aScale); shape != nil {
		rows = shape
	}
	a, b := floats(aScale), floats(bScale)
	fromA, fromB := broadcastOffsets(rows, sums.Shape), broadcastOffsets(bScale.Shape, sums.Shape)
	return one(c.requantized(sums, func(i int) float32 { return float32(a[fromA[i]]) * float32(b[fromB[i]]) }))
}

// qLinearConv: the scale of the filters is one, or one for each filter; the bias is in units of the sums.
func qLinearConv(c *call) []*tensor.Tensor {
	sums := c.integerConvolution(c.in(0), c.optional(2), c.in(3), c.optional(5))
	x, w := floats(c.in(1)), floats(c.in(4))
	filters := sums.Shape[1]
	plane := product(sums.Shape[2:])
	filter := func(i int) int64 { return int64(i) / plane % filters }
	if bias := c.optional(8); bias != nil {
		added := integers(bias)
		values := tensor.Slice[float64](sums)
		for i := range values {
			values[i] += float64(added[filter(i)])
		}
	}
	return one(c.requantized(sums, func(i int) float32 {
		if len(w) == 1 {
			return float32(x[0]) * float32(w[0])
		}
		return float32(x[0]) * float32(w[filter(i)])
	}))
}

// requantized is saturate(round(sum * scale / yScale) + yZero); inputs 6 and 7 are those of the result.
func (c *call) requantized(sums *tensor.Tensor, scale func(i int) float32) *tensor.Tensor {
	yScale, yZero := c.in(6), c.in(7)
	if yScale.Elements() != 1 || yZero.Elements() != 1 {
		fail("the result has scales %v and zero points %v, want one of each", yScale, yZero)
	}
	by, zero := float32(floats(yScale)[0]), integers(yZero)[0]
	out := make([]int64, sums.Elements())
	for i, sum := range tensor.Slice[float64](sums) {
		out[i] = quantized(float32(sum)*scale(i)/by, zero, yZero.DType)
	}
	return fromIntegers(yZero.DType, sums.Shape, out)
}

package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// reshape takes the shape of input 1, where 0 copies a dimension (unless allowzero is 1) and -1 takes what is left.
func reshape(c *call) []*tensor.Tensor {
	in := c.in(0)
	shape := integers(c.in(1))
	free, known := -1, int64(1)
	for i, size := range shape {
		if size == 0 && c.Int("allowzero", 0) == 0 {
			shape[i] = in.Shape[i]
		}
		if size == -1 {
			free = i
			continue
		}
		known *= shape[i]
	}
	if free >= 0 {
		shape[free] = in.Elements() / known
	}
	return one(in.Reshaped(shape...))
}

func flatten(c *call) []*tensor.Tensor {
	in := c.in(0)
	axis := c.Int("axis", 1)
	if axis < 0 {
		axis += int64(len(in.Shape))
	}
	return one(in.Reshaped(product(in.Shape[:axis]), product(in.Shape[axis:])))
}

// squeeze drops the axes of input 1, or every dimension of 1 where it is absent.
func squeeze(c *call) []*tensor.Tensor {
	in := c.in(0)
	axes := c.axes(1, len(in.Shape))
	explicit := c.optional(1) != nil
	var shape []int64
	for i, size := range in.Shape {
		if explicit && !slices.Contains(axes, i) || !explicit && size != 1 {
			shape = append(shape, size)
		}
	}
	return one(in.Reshaped(shape...))
}

func unsqueeze(c *call) []*tensor.Tensor {
	in := c.in(0)
	rank := len(in.Shape) + len(c.axes(1, math.MaxInt32))
	axes := c.axes(1, rank)
	shape, next := make([]int64, rank), 0
	for i := range shape {
		shape[i] = 1
		if !slices.Contains(axes, i) {
			shape[i] = in.Shape[next]
			next++
		}
	}
	return one(in.Reshaped(shape...))
}

// shapeOf gives the dimensions from attribute start to attribute end.
func shapeOf(c *call) []*tensor.Tensor {
	shape := c.in(0).Shape
	rank := int64(len(shape))
	bound := func(name string, fallback int64) int64 {
		value := c.Int(name, fallback)
		if value < 0 {
			value += rank
		}
		return min(max(value, 0), rank)
	}
	start, end := bound("start", 0), bound("end", rank)
	part := shape[start:max(start, end)]
	return one(tensor.FromSlice(part, int64(len(part))))
}

func sizeOf(c *call) []*tensor.Tensor { return one(tensor.FromSlice([]int64{c.in(0).Elements()})) }

// constant gives the one attribute that is set.
func constant(c *call) []*tensor.Tensor {
	switch {
	case c.Tensor("value") != nil:
		return one(c.Tensor("value"))
	case c.Attributes["value_float"] != nil:
		return one(tensor.FromSlice([]float32{c.Float("value_float", 0)}))
	case c.Attributes["value_floats"] != nil:
		return one(tensor.FromSlice(c.Floats("value_floats"), int64(len(c.Floats("value_floats")))))
	case c.Attributes["value_int"] != nil:
		return one(tensor.FromSlice([]int64{c.Int("value_int", 0)}))
	case c.Attributes["value_ints"] != nil:
		return one(tensor.FromSlice(c.Ints("value_ints"), int64(len(c.Ints("value_ints")))))
	case c.Attributes["value_string"] != nil:
		return one(tensor.FromStrings([]string{c.Text("value_string", "")}))
	case c.Attributes["value_strings"] != nil:
		return one(tensor.FromStrings(c.Texts("value_strings"), int64(len(c.Texts("value_strings")))))
	}
	fail("no attribute holds a dense value")
	return nil
}

// constantOfShape repeats the one element of attribute value, by default a float32 0.
func constantOfShape(c *call) []*tensor.Tensor {
	shape := integers(c.in(0))
	value := c.Tensor("value")
	if value == nil {
		value = tensor.New(tensor.Float32, 1)
	}
	return one(take(value, shape, offsets(shape, make([]int64, len(shape)), 0)))
}

// rangeOf counts from input 0 up or down to input 1, exclusive, in steps of input 2.
func rangeOf(c *call) []*tensor.Tensor {
	start, limit, delta := c.in(0), c.in(1), c.in(2)
	first, last, step := floats(start)[0], floats(limit)[0], floats(delta)[0]
	if step == 0 {
		fail("the step is 0")
	}
	count := math.Max(math.Ceil((last-first)/step), 0)
	if !(count <= tensorLimit/8) {
		fail("%g elements are too many", count)
	}
	if !start.DType.IsFloat() {
		from, by := integers(start)[0], integers(delta)[0]
		values := make([]int64, int(count))
		for i := range values {
			values[i] = from + int64(i)*by
		}
		return one(fromIntegers(start.DType, []int64{int64(count)}, values))
	}
	values := make([]float64, int(count))
	for i := range values {
		values[i] = first + float64(i)*step
	}
	return one(fromFloats(start.DType, []int64{int64(count)}, values))
}

func expand(c *call) []*tensor.Tensor {
	in := c.in(0)
	shape := broadcast(in.Shape, integers(c.in(1)))
	return one(take(in, shape, broadcastOffsets(in.Shape, shape)))
}

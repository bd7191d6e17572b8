package reference

import (
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// transpose permutes the axes by attribute perm, or reverses them.
func transpose(c *call) []*tensor.Tensor {
	in := c.in(0)
	order := c.Ints("perm")
	if c.Attributes["perm"] == nil {
		for i := range in.Shape {
			order = append(order, int64(len(in.Shape)-1-i))
		}
	}
	shape, steps := make([]int64, len(in.Shape)), make([]int64, len(in.Shape))
	inputSteps := strides(in.Shape)
	for i, axis := range order {
		shape[i], steps[i] = in.Shape[axis], inputSteps[axis]
	}
	return one(take(in, shape, offsets(shape, steps, 0)))
}

func concat(c *call) []*tensor.Tensor {
	first := c.in(0)
	axis := c.axis(0, len(first.Shape))
	shape := slices.Clone(first.Shape)
	shape[axis] = 0
	for i := range c.inputs {
		in := c.in(i)
		if in.DType != first.DType || !sameBut(in.Shape, first.Shape, axis) {
			fail("input %d (%v) does not fit input 0 (%v) along axis %d", i, in, first, axis)
		}
		shape[axis] += in.Shape[axis]
	}
	out := newTensor(first.DType, shape)
	before, size, after := around(shape, axis)
	start := int64(0)
	for _, in := range c.inputs {
		length := in.Shape[axis] * after
		for i := range before {
			copyElements(out, i*size*after+start, in, i*length, length)
		}
		start += length
	}
	return one(out)
}

// sameBut reports whether two shapes agree in all axes but one.
func sameBut(a, b []int64, axis int) bool {
	return len(a) == len(b) && slices.Equal(a[:axis], b[:axis]) && slices.Equal(a[axis+1:], b[axis+1:])
}

// split cuts along an axis into the sizes of input 1, or into num_outputs parts of which the last may be smaller.
func split(c *call) []*tensor.Tensor {
	in := c.in(0)
	axis := c.axis(0, len(in.Shape))
	before, size, after := around(in.Shape, axis)
	var sizes []int64
	if given := c.optional(1); given != nil {
		sizes = integers(given)
	} else {
		parts := c.Int("num_outputs", int64(len(c.Outputs)))
		part := (size + parts - 1) / parts
		for left := size; int64(len(sizes)) < int64(len(c.Outputs)); left -= part {
			sizes = append(sizes, max(min(part, left), 0))
		}
	}
	var outputs []*tensor.Tensor
	start := int64(0)
	for _, part := range sizes {
		shape := slices.Clone(in.Shape)
		shape[axis] = part
		out := newTensor(in.DType, shape)
		for i := range before {
			copyElements(out, i*part*after, in, (i*size+start)*after, part*after)
		}
		outputs = append(outputs, out)
		start += part
	}
	if start != size {
		fail("parts %v do not add up to %d", sizes, size)
	}
	return outputs
}

// slice reads starts, ends, axes and steps from inputs 1 to 4.
func slice(c *call) []*tensor.Tensor {
	in := c.in(0)
	starts, ends := integers(c.in(1)), integers(c.in(2))
	axes := c.axes(3, len(in.Shape))
	if c.optional(3) == nil {
		for i := range starts {
			axes = append(axes, i)
		}
	}
	steps := slices.Repeat([]int64{1}, len(starts))
	if given := c.optional(4); given != nil {
		steps = integers(given)
	}
	shape, jumps, first := slices.Clone(in.Shape), strides(in.Shape), int64(0)
	inputSteps := strides(in.Shape)
	for i, axis := range axes {
		start, count := sliceBounds(starts[i], ends[i], steps[i], in.Shape[axis])
		shape[axis] = count
		jumps[axis] = inputSteps[axis] * steps[i]
		first += start * inputSteps[axis]
	}
	return one(take(in, shape, offsets(shape, jumps, first)))
}

// sliceBounds resolves negative and far bounds and returns the first index and the number of indices.
func sliceBounds(start, end, step, size int64) (first, count int64) {
	if step == 0 {
		fail("the step is 0")
	}
	if start < 0 {
		start += size
	}
	if end < 0 {
		end += size
	}
	if step > 0 {
		start, end = min(max(start, 0), size), min(max(end, 0), size)
		if end <= start {
			return start, 0
		}
		return start, (end-start-1)/step + 1
	}
	start, end = min(max(start, -1), size-1), min(max(end, -1), size-1)
	if start <= end {
		return start, 0
	}
	if step < -size {
		return start, 1 // also the most negative step, which has no positive
	}
	return start, (start-end-1)/-step + 1
}

// gather replaces the axis of the data by the dimensions of the indices.
func gather(c *call) []*tensor.Tensor {
	data, indices := c.in(0), c.in(1)
	axis := c.axis(0, len(data.Shape))
	before, size, after := around(data.Shape, axis)
	shape := slices.Concat(data.Shape[:axis], indices.Shape, data.Shape[axis+1:])
	out := newTensor(data.DType, shape)
	list := wrapped(integers(indices), size)
	to := int64(0)
	for i := range before {
		for _, index := range list {
			copyElements(out, to, data, (i*size+index)*after, after)
			to += after
		}
	}
	return one(out)
}

// wrapped counts negative indices from the end and refuses those outside.
func wrapped(indices []int64, size int64) []int64 {
	for i, index := range indices {
		if index < 0 {
			indices[i] += size
		}
		if indices[i] < 0 || indices[i] >= size {
			failData("index %d is outside of %d elements", index, size)
		}
	}
	return indices
}

func tile(c *call) []*tensor.Tensor {
	in := c.in(0)
	// Each axis becomes a pair (repeats, size), of which the first does not move in the input.
	var shape, pairs, steps []int64
	inputSteps := strides(in.Shape)
	for i, repeat := range integers(c.in(1)) {
		shape = append(shape, repeat*in.Shape[i])
		pairs = append(pairs, repeat, in.Shape[i])
		steps = append(steps, 0, inputSteps[i])
	}
	return one(take(in, shape, offsets(pairs, steps, 0)))
}

// pad reads the pads from input 1, the constant from input 2 and the axes from input 3.
func pad(c *call) []*tensor.Tensor {
	in := c.in(0)
	pads, axes := integers(c.in(1)), c.axes(3, len(in.Shape))
	if c.optional(3) == nil {
		for i := range in.Shape {
			axes = append(axes, i)
		}
	}
	begin, shape := make([]int64, len(in.Shape)), slices.Clone(in.Shape)
	for i, axis := range axes {
		begin[axis] = pads[i]
		shape[axis] += pads[i] + pads[len(axes)+i]
	}
	newTensor(in.DType, shape) // refuses what is too large before the lists below are made
	// The source of each result position along each axis, -1 for the constant; combined axis by axis.
	mode := c.Text("mode", "constant")
	from := []int64{0}
	for axis, size := range shape {
		next := make([]int64, 0, int64(len(from))*size)
		for _, base := range from {
			for i := range size {
				source := padSource(mode, i-begin[axis], in.Shape[axis])
				if base < 0 || source < 0 {
					next = append(next, -1)
				} else {
					next = append(next, base*in.Shape[axis]+source)
				}
			}
		}
		from = next
	}
	fill := c.optional(2)
	if fill == nil || mode != "constant" {
		return one(take(in, shape, from))
	}
	extended := newTensor(in.DType, []int64{in.Elements() + 1})
	copyElements(extended, 0, in, 0, in.Elements())
	copyElements(extended, in.Elements(), fill, 0, 1)
	for i, source := range from {
		if source < 0 {
			from[i] = in.Elements()
		}
	}
	return one(take(extended, shape, from))
}

// padSource returns the index that position i, counted from the first original element, copies; -1 where it holds the constant.
func padSource(mode string, i, size int64) int64 {
	if i >= 0 && i < size {
		return i
	}
	switch mode {
	case "constant":
		return -1
	case "edge":
		return min(max(i, 0), size-1)
	case "wrap":
		return (i%size + size) % size
	case "reflect":
		if size == 1 {
			return 0
		}
		period := 2 * (size - 1)
		i = (i%period + period) % period
		return min(i, period-i)
	}
	fail("unknown mode %q", mode)
	return 0
}

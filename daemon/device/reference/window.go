package reference

import "slices"

// tapLimit bounds the pairs of output and input positions of a window, which hostile kernel shapes and strides could make huge.
const tapLimit = 1 << 24

// window is the geometry of a convolution or pooling over spatial axes.
type window struct {
	input, kernel, strides, dilations []int64
	begin, end                        []int64 // padding
	output                            []int64
}

// tap says that an output position reads an input position, both row-major over the spatial axes.
type tap struct{ output, input int64 }

// window reads strides, dilations, pads and auto_pad and computes the output size.
func (c *call) window(input, kernel []int64) window {
	rank := len(input)
	w := window{input: input, kernel: kernel, strides: c.Ints("strides"), dilations: c.Ints("dilations")}
	if w.strides == nil {
		w.strides = slices.Repeat([]int64{1}, rank)
	}
	if w.dilations == nil {
		w.dilations = slices.Repeat([]int64{1}, rank)
	}
	pads := c.Ints("pads")
	if pads == nil {
		pads = make([]int64, 2*rank)
	}
	w.begin, w.end = slices.Clone(pads[:rank]), slices.Clone(pads[rank:])
	mode := c.Text("auto_pad", "NOTSET")
	for i := range rank {
		if !inside(1, w.strides[i], w.dilations[i], kernel[i]) || !inside(0, w.begin[i], w.end[i], input[i]) {
			fail("kernel %v, strides %v, dilations %v or pads %v are out of range", kernel, w.strides, w.dilations, pads)
		}
		extent := (kernel[i]-1)*w.dilations[i] + 1
		switch mode {
		case "VALID":
			w.begin[i], w.end[i] = 0, 0
		case "SAME_UPPER", "SAME_LOWER":
			total := max(((input[i]+w.strides[i]-1)/w.strides[i]-1)*w.strides[i]+extent-input[i], 0)
			w.begin[i], w.end[i] = total/2, total-total/2
			if mode == "SAME_LOWER" {
				w.begin[i], w.end[i] = w.end[i], w.begin[i]
			}
		}
		room := input[i] + w.begin[i] + w.end[i] - extent
		size := floorDivide(room, w.strides[i]) + 1
		if c.Int("ceil_mode", 0) != 0 {
			size = -floorDivide(-room, w.strides[i]) + 1
			if (size-1)*w.strides[i] >= input[i]+w.begin[i] {
				size-- // a window that starts in the padding after the input is dropped
			}
		}
		if size < 0 || room < 0 && c.Int("ceil_mode", 0) == 0 {
			fail("kernel %v does not fit input %v with pads %v", kernel, input, pads)
		}
		w.output = append(w.output, size)
	}
	return w
}

// inside reports whether all values lie from least to tapLimit, where their products do not overflow.
func inside(least int64, values ...int64) bool {
	return slices.Min(values) >= least && slices.Max(values) <= tapLimit
}

func floorDivide(a, b int64) int64 {
	quotient := a / b
	if a%b != 0 && a < 0 {
		quotient--
	}
	return quotient
}

// taps lists, for each kernel position in row-major order, the pairs of output and input positions that it connects. Positions
// in the padding have none.
func (w window) taps() [][]tap {
	list := [][]tap{{{0, 0}}}
	for axis := range w.input {
		line := w.axisTaps(axis)
		var next [][]tap
		total := 0
		for _, outer := range list {
			for _, inner := range line {
				if total += len(outer)*len(inner) + 1; total > tapLimit {
					fail("a window of kernel %v over output %v is too large", w.kernel, w.output)
				}
				pairs := make([]tap, 0, len(outer)*len(inner))
				for _, o := range outer {
					for _, i := range inner {
						pairs = append(pairs, tap{o.output*w.output[axis] + i.output, o.input*w.input[axis] + i.input})
					}
				}
				next = append(next, pairs)
			}
		}
		list = next
	}
	return list
}

// axisTaps is taps for one axis.
func (w window) axisTaps(axis int) [][]tap {
	if w.kernel[axis]*w.output[axis] > tapLimit {
		fail("a window of kernel %v over output %v is too large", w.kernel, w.output)
	}
	line := make([][]tap, w.kernel[axis])
	for k := range line {
		for o := range w.output[axis] {
			if i := o*w.strides[axis] + int64(k)*w.dilations[axis] - w.begin[axis]; i >= 0 && i < w.input[axis] {
				line[k] = append(line[k], tap{o, i})
			}
		}
	}
	return line
}

// counts returns how many kernel positions of each output lie inside the input, or inside the padded input.
func (w window) counts(padded bool) []float64 {
	list := []float64{1}
	for axis, size := range w.output {
		low, high := int64(0), w.input[axis]
		if padded {
			low, high = -w.begin[axis], w.input[axis]+w.end[axis]
		}
		var next []float64
		for _, outer := range list {
			for o := range size {
				count := 0.0
				for k := range w.kernel[axis] {
					if i := o*w.strides[axis] + k*w.dilations[axis] - w.begin[axis]; i >= low && i < high {
						count++
					}
				}
				next = append(next, outer*count)
			}
		}
		list = next
	}
	return list
}

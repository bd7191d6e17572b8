package reference

import (
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// conv convolves X[N, C, spatial...] with W[M, C/group, kernel...] and adds B[M].
func conv(c *call) []*tensor.Tensor {
	x, filter := c.in(0), c.in(1)
	var bias []float64
	if b := c.optional(2); b != nil {
		bias = floats(b)
	}
	shape, sums := c.convolved(x.DType, x, filter, floats(x), floats(filter), bias)
	return one(fromFloats(x.DType, shape, sums))
}

// convolved convolves x with a filter, taking values and weights for their elements, for a result of the element type; bias may be nil.
func (c *call) convolved(dtype tensor.DType, x, filter *tensor.Tensor, values, weights, bias []float64) (shape []int64, sums []float64) {
	group := c.Int("group", 1)
	if len(x.Shape) < 3 || len(x.Shape) != len(filter.Shape) || group <= 0 ||
		x.Shape[1] != filter.Shape[1]*group || filter.Shape[0]%group != 0 {
		fail("filter %v does not fit input %v in %d groups", filter, x, group)
	}
	batch, channels, filters, depth := x.Shape[0], x.Shape[1], filter.Shape[0], filter.Shape[1]
	w := c.window(x.Shape[2:], filter.Shape[2:])
	out := newTensor(dtype, slices.Concat([]int64{batch, filters}, w.output))
	inputSize, outputSize, taps := product(w.input), product(w.output), w.taps()
	sums = make([]float64, out.Elements())
	for n := range batch {
		for m := range filters {
			plane := sums[(n*filters+m)*outputSize:][:outputSize]
			if bias != nil {
				fill(plane, bias[m])
			}
			firstChannel := m / (filters / group) * depth
			for d := range depth {
				image := values[(n*channels+firstChannel+d)*inputSize:][:inputSize]
				kernel := weights[(m*depth+d)*int64(len(taps)):]
				for k, pairs := range taps {
					for _, t := range pairs {
						plane[t.output] += kernel[k] * image[t.input]
					}
				}
			}
		}
	}
	return out.Shape, sums
}

func fill(values []float64, x float64) {
	for i := range values {
		values[i] = x
	}
}

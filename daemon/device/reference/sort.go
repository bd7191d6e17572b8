package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// topK gives the k largest or smallest elements along an axis and their positions, best first and of equals the first one first.
func topK(c *call) []*tensor.Tensor {
	in := c.in(0)
	k := integers(c.in(1))[0]
	axis := c.axis(-1, len(in.Shape))
	before, size, after := around(in.Shape, axis)
	if k < 0 || k > size {
		fail("k %d is outside of [0, %d]", k, size)
	}
	shape := slices.Clone(in.Shape)
	shape[axis] = k
	sign := 1
	if c.Int("largest", 1) != 0 {
		sign = -1
	}
	values := floats(in)
	from := make([]int64, product(shape))
	positions := newTensor(tensor.Int64, shape)
	order := make([]int64, size)
	for b := range before {
		for a := range after {
			line := values[b*size*after+a:]
			for i := range order {
				order[i] = int64(i)
			}
			slices.SortStableFunc(order, func(i, j int64) int { return sign * compareFloats(line[i*after], line[j*after]) })
			for i, position := range order[:k] {
				at := (b*k+int64(i))*after + a
				from[at] = (b*size+position)*after + a
				tensor.Slice[int64](positions)[at] = position
			}
		}
	}
	return []*tensor.Tensor{take(in, shape, from), positions}
}

// compareFloats orders NaN above all numbers.
func compareFloats(a, b float64) int {
	switch {
	case math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(a) || a > b:
		return 1
	case math.IsNaN(b) || a < b:
		return -1
	}
	return 0
}

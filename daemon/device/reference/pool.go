package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// planes returns the number of images X[N, C, spatial...] holds and the elements of one.
func planes(x *tensor.Tensor) (count, size int64) {
	if len(x.Shape) < 2 {
		fail("%v has no channels", x)
	}
	return x.Shape[0] * x.Shape[1], product(x.Shape[2:])
}

// maxPool also gives the row-major positions of the maxima in X.
func maxPool(c *call) []*tensor.Tensor {
	x := c.in(0)
	count, size := planes(x)
	w := c.window(x.Shape[2:], c.Ints("kernel_shape"))
	shape := slices.Concat(x.Shape[:2], w.output)
	newTensor(x.DType, shape) // refuses what is too large
	outputSize, taps := product(w.output), w.taps()
	values := floats(x)
	best := make([]float64, count*outputSize)
	fill(best, math.Inf(-1))
	position := slices.Repeat([]int64{-1}, len(best))
	for p := range count {
		for _, pairs := range taps {
			for _, t := range pairs {
				o, i := p*outputSize+t.output, p*size+t.input
				if v := values[i]; position[o] < 0 || v > best[o] || math.IsNaN(v) {
					best[o], position[o] = v, i
				}
			}
		}
	}
	outputs := one(fromFloats(x.DType, shape, best))
	if len(c.Outputs) < 2 {
		return outputs
	}
	if c.Int("storage_order", 0) != 0 {
		for o, i := range position {
			position[o] = columnMajor(i, x.Shape)
		}
	}
	return append(outputs, tensor.FromSlice(position, shape...))
}

// columnMajor renumbers a row-major position with the first spatial axis running fastest.
func columnMajor(at int64, shape []int64) int64 {
	size := product(shape[2:])
	plane, inside := at/size, at%size
	result, step := int64(0), size
	for i := len(shape) - 1; i >= 2; i-- {
		step /= shape[i]
		result += inside % shape[i] * step
		inside /= shape[i]
	}
	return plane*size + result
}

func averagePool(c *call) []*tensor.Tensor {
	x := c.in(0)
	count, size := planes(x)
	w := c.window(x.Shape[2:], c.Ints("kernel_shape"))
	shape := slices.Concat(x.Shape[:2], w.output)
	newTensor(x.DType, shape) // refuses what is too large
	outputSize, taps := product(w.output), w.taps()
	values := floats(x)
	sums := make([]float64, count*outputSize)
	for p := range count {
		for _, pairs := range taps {
			for _, t := range pairs {
				sums[p*outputSize+t.output] += values[p*size+t.input]
			}
		}
	}
	counts := w.counts(c.Int("count_include_pad", 0) != 0)
	for i := range sums {
		sums[i] /= counts[int64(i)%outputSize]
	}
	return one(fromFloats(x.DType, shape, sums))
}

// globalPool reduces each plane to one element.
func globalPool(reduce func(plane []float64) float64) operator {
	return func(c *call) []*tensor.Tensor {
		x := c.in(0)
		count, size := planes(x)
		values, out := floats(x), make([]float64, count)
		for p := range count {
			out[p] = reduce(values[p*size : (p+1)*size])
		}
		shape := slices.Repeat([]int64{1}, len(x.Shape))
		copy(shape, x.Shape[:2])
		return one(fromFloats(x.DType, shape, out))
	}
}

func average(values []float64) float64 {
	sum := 0.0
	for _, x := range values {
		sum += x
	}
	return sum / float64(len(values))
}

// largest is NaN where any element is.
func largest(values []float64) float64 {
	top := math.Inf(-1)
	for _, x := range values {
		top = max(top, x)
	}
	return top
}

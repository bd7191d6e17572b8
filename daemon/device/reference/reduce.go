package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// reduction accumulates elements in order from start and then finishes the sum of count elements. integer is nil where integers are
// accumulated as floats; start and finish apply to it too where they are exact.
type reduction struct {
	start   float64
	add     func(sum, x float64) float64
	finish  func(sum float64, count int64) float64
	integer func(sum, x int64) int64
	first   int64 // what integer starts from
}

func keep(sum float64, _ int64) float64 { return sum }

var (
	reduceSum = reduction{0, func(s, x float64) float64 { return s + x }, keep, func(s, x int64) int64 { return s + x }, 0}
	reduceMax = reduction{math.Inf(-1), func(s, x float64) float64 { return max(s, x) }, keep,
		func(s, x int64) int64 { return max(s, x) }, math.MinInt64}
	reduceMin = reduction{math.Inf(1), func(s, x float64) float64 { return min(s, x) }, keep,
		func(s, x int64) int64 { return min(s, x) }, math.MaxInt64}
	reduceProd = reduction{1, func(s, x float64) float64 { return s * x }, keep, func(s, x int64) int64 { return s * x }, 1}
	reduceMean = reduction{0, func(s, x float64) float64 { return s + x },
		func(s float64, n int64) float64 { return s / float64(n) }, nil, 0}
	reduceL1        = reduction{0, func(s, x float64) float64 { return s + math.Abs(x) }, keep, nil, 0}
	reduceL2        = reduction{0, func(s, x float64) float64 { return s + x*x }, squareRoot, nil, 0}
	reduceSumSquare = reduction{0, func(s, x float64) float64 { return s + x*x }, keep, func(s, x int64) int64 { return s + x*x }, 0}
	reduceLogSum    = reduction{0, func(s, x float64) float64 { return s + x },
		func(s float64, _ int64) float64 { return math.Log(s) }, nil, 0}
)

func squareRoot(sum float64, _ int64) float64 { return math.Sqrt(sum) }

// reducer reduces the axes of input 1; where it is absent or empty all axes, or none where noop_with_empty_axes is 1.
func reducer(r reduction) operator {
	return func(c *call) []*tensor.Tensor {
		in := c.in(0)
		shape, target, count := c.reduced()
		kept := c.kept(shape)
		newTensor(in.DType, kept)
		if (in.DType.IsInteger() || in.DType == tensor.Bool) && r.integer != nil && in.DType != tensor.Uint64 {
			sums := make([]int64, product(shape))
			least, largest := integerRange(in.DType)
			fillInts(sums, min(max(r.first, least), largest))
			for i, x := range integers(in) {
				sums[target[i]] = r.integer(sums[target[i]], x)
			}
			return one(fromIntegers(in.DType, kept, sums))
		}
		sums := make([]float64, product(shape))
		fill(sums, r.start)
		for i, x := range floats(in) {
			sums[target[i]] = r.add(sums[target[i]], x)
		}
		for i := range sums {
			sums[i] = r.finish(sums[i], count)
		}
		return one(fromFloats(in.DType, kept, sums))
	}
}

// reduceLogSumExp subtracts the largest element of each group first.
func reduceLogSumExp(c *call) []*tensor.Tensor {
	in := c.in(0)
	shape, target, _ := c.reduced()
	values := floats(in)
	largest, sums := make([]float64, product(shape)), make([]float64, product(shape))
	fill(largest, math.Inf(-1))
	for i, x := range values {
		largest[target[i]] = max(largest[target[i]], x)
	}
	for i, x := range values {
		if top := largest[target[i]]; !math.IsInf(top, 0) {
			sums[target[i]] += math.Exp(x - top)
		}
	}
	for i := range sums {
		if math.IsInf(largest[i], 0) {
			sums[i] = largest[i]
			continue
		}
		sums[i] = math.Log(sums[i]) + largest[i]
	}
	return one(fromFloats(in.DType, c.kept(shape), sums))
}

// reduced returns the shape with reduced dimensions set to 1, for each input element its group, and the size of a group.
func (c *call) reduced() (shape, target []int64, count int64) {
	in := c.in(0)
	axes := c.reducedAxes()
	shape, count = slices.Clone(in.Shape), 1
	for _, axis := range axes {
		count *= shape[axis]
		shape[axis] = 1
	}
	steps := strides(shape)
	for _, axis := range axes {
		steps[axis] = 0
	}
	return shape, offsets(in.Shape, steps, 0), count
}

func (c *call) reducedAxes() []int {
	rank := len(c.in(0).Shape)
	axes := c.axes(1, rank)
	if len(axes) == 0 && c.Int("noop_with_empty_axes", 0) == 0 {
		for i := range rank {
			axes = append(axes, i)
		}
	}
	slices.Sort(axes)
	return slices.Compact(axes)
}

// kept drops the reduced dimensions where keepdims is 0.
func (c *call) kept(shape []int64) []int64 {
	if c.Int("keepdims", 1) != 0 {
		return shape
	}
	axes := c.reducedAxes()
	var kept []int64
	for i, size := range shape {
		if !slices.Contains(axes, i) {
			kept = append(kept, size)
		}
	}
	return kept
}

// argument finds the position of the element that beats all others along an axis; of equals the first or, by attribute, the last.
func argument(beats func(a, b float64) bool) operator {
	return func(c *call) []*tensor.Tensor {
		in := c.in(0)
		axis := c.axis(0, len(in.Shape))
		before, size, after := around(in.Shape, axis)
		last := c.Int("select_last_index", 0) != 0
		values := floats(in)
		var out []int64
		for b := range before {
			for a := range after {
				line := values[b*size*after+a:]
				best := int64(0)
				for i := int64(1); i < size; i++ {
					x, top := line[i*after], line[best*after]
					if beats(x, top) || last && x == top {
						best = i
					}
				}
				out = append(out, best)
			}
		}
		shape := slices.Clone(in.Shape)
		if c.Int("keepdims", 1) != 0 {
			shape[axis] = 1
		} else {
			shape = slices.Delete(shape, axis, axis+1)
		}
		return one(fromIntegers(tensor.Int64, shape, out))
	}
}

func larger(a, b float64) bool  { return a > b }
func smaller(a, b float64) bool { return a < b }

// cumulativeSum adds up along the axis of input 1.
func cumulativeSum(c *call) []*tensor.Tensor {
	in := c.in(0)
	axis := normalAxis(integers(c.in(1))[0], len(in.Shape))
	before, size, after := around(in.Shape, axis)
	exclusive, reverse := c.Int("exclusive", 0) != 0, c.Int("reverse", 0) != 0
	values := floats(in)
	out := make([]float64, len(values))
	for b := range before {
		for a := range after {
			sum := 0.0
			for i := range size {
				if reverse {
					i = size - 1 - i
				}
				at := (b*size+i)*after + a
				if exclusive {
					out[at] = sum
				}
				sum += values[at]
				if !exclusive {
					out[at] = sum
				}
			}
		}
	}
	return one(fromFloats(in.DType, in.Shape, out))
}

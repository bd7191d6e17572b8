package cuda_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// reductions are the float ones in float64.
var reductions = map[cuda.ReduceOp]func(values []float64) float64{
	cuda.ReduceSum: func(v []float64) float64 { return fold(v, 0, func(s, x float64) float64 { return s + x }) },
	cuda.ReduceMean: func(v []float64) float64 {
		return fold(v, 0, func(s, x float64) float64 { return s + x }) / float64(len(v))
	},
	cuda.ReduceMax: func(v []float64) float64 {
		return fold(v, math.Inf(-1), func(s, x float64) float64 { return max(s, x) })
	},
	cuda.ReduceMin: func(v []float64) float64 {
		return fold(v, math.Inf(1), func(s, x float64) float64 { return min(s, x) })
	},
	cuda.ReduceProd:      func(v []float64) float64 { return fold(v, 1, func(s, x float64) float64 { return s * x }) },
	cuda.ReduceL1:        func(v []float64) float64 { return fold(v, 0, func(s, x float64) float64 { return s + math.Abs(x) }) },
	cuda.ReduceL2:        func(v []float64) float64 { return math.Sqrt(fold(v, 0, func(s, x float64) float64 { return s + x*x })) },
	cuda.ReduceSumSquare: func(v []float64) float64 { return fold(v, 0, func(s, x float64) float64 { return s + x*x }) },
	cuda.ReduceLogSum:    func(v []float64) float64 { return math.Log(fold(v, 0, func(s, x float64) float64 { return s + x })) },
}

func fold(values []float64, start float64, join func(s, x float64) float64) float64 {
	for _, v := range values {
		start = join(start, v)
	}
	return start
}

// reducedGroups returns the elements that each result is made of.
func reducedGroups(shape []int64, axes []int, values []float64) [][]float64 {
	results := int64(1)
	for d, size := range shape {
		if !slices.Contains(axes, d) {
			results *= size
		}
	}
	groups := make([][]float64, results)
	for i, v := range values {
		rest, at, stride := int64(i), int64(0), int64(1)
		for d := len(shape) - 1; d >= 0; d-- {
			if !slices.Contains(axes, d) {
				at += rest % shape[d] * stride
				stride *= shape[d]
			}
			rest /= shape[d]
		}
		groups[at] = append(groups[at], v)
	}
	return groups
}

var reduceShapes = []struct {
	shape []int64
	axes  []int
}{
	{[]int64{1}, []int{0}}, {[]int64{7}, []int{0}}, {[]int64{3, 1000}, []int{1}}, {[]int64{40, 5}, []int{1}}, {[]int64{9, 64}, []int{1}}, {[]int64{5, 16}, []int{0}},
	{[]int64{2, 600, 24}, []int{1}}, {[]int64{2, 33, 7}, []int{1}}, {[]int64{3, 2, 300}, []int{1}}, {[]int64{2, 3, 4, 9}, []int{0, 2}}, {[]int64{2, 3, 4, 5, 6}, []int{1, 3, 4}},
	{[]int64{1, 20011}, []int{1}}, {[]int64{3, 16384 + 8}, []int{1}}, {[]int64{4, 1, 3}, []int{1}}, {[]int64{0, 4}, []int{1}}, {[]int64{3, 0, 2}, []int{1}}, {[]int64{0, 3, 4}, []int{0, 2}},
	{[]int64{2, 3, 600, 8}, []int{0, 2}}, {[]int64{}, nil},
}

func runReduce(t *testing.T, library *emulation.Library, r cuda.Reduce, output cuda.Type, results int, values []float64, offset int) []byte {
	t.Helper()
	x := emulation.NewBuffer(t, emulation.Encode(r.Type, values), offset*int(r.Type.Size()))
	y := emulation.NewBuffer(t, make([]byte, results*int(output.Size())), 0)
	r.X, r.Y, r.Workspace = x.Operand(), y.Operand(), emulation.NewBuffer(t, make([]byte, r.WorkspaceBytes()), 0).Operand()
	launches, err := r.Plan()
	runAll(t, library, launches, err)
	return y.Bytes()
}

func TestReduce(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range floatTypes {
		for _, c := range reduceShapes {
			count := int(product(c.shape))
			values := randomValues(typ, count, 3)
			for op, f := range reductions {
				if count > 4000 && op != cuda.ReduceMean && (op != cuda.ReduceL2 || typ != cuda.Float16) {
					continue // for time
				}
				groups := reducedGroups(c.shape, c.axes, values)
				want := make([]float64, len(groups))
				for i, group := range groups {
					want[i] = f(group)
				}
				what := fmt.Sprintf("operation %d %v %v over %v", op, typ, c.shape, c.axes)
				r := cuda.Reduce{Op: op, Type: typ, Shape: c.shape, Axes: c.axes}
				got := runReduce(t, library, r, typ, len(want), values, 0)
				want = emulation.Decode(typ, emulation.Encode(typ, want))
				// What cancels in a sum is lost in relation to the largest elements.
				tolerance := emulation.Tolerance{Relative: 2 * emulation.Rounding(typ).Relative, Scale: 1}
				if op == cuda.ReduceProd {
					tolerance = emulation.Tolerance{Relative: 4 * emulation.Rounding(typ).Relative, Scale: 1e-4}
				}
				if op == cuda.ReduceLogSum {
					tolerance.Relative *= 50 // near a sum of zero
				}
				emulation.Compare(t, what, typ, got, want, tolerance)
				if op == cuda.ReduceMean {
					sameBits(t, what+" unaligned", typ, got, runReduce(t, library, r, typ, len(want), values, 1))
				}
			}
		}
	}
}

func product(shape []int64) int64 {
	size := int64(1)
	for _, dim := range shape {
		size *= dim
	}
	return size
}

// TestReduceRowsAlone: a row's bits do not depend on how many rows there are.
func TestReduceRowsAlone(t *testing.T) {
	library := emulation.Open(t)
	for _, shape := range [][]int64{{5, 100}, {3, 20000}, {3, 700, 5}, {3, 100, 16}} {
		row := int(product(shape[1:]))
		values := randomValues(cuda.Float32, int(product(shape)), 9)
		results := row / int(shape[1])
		together := runReduce(t, library, cuda.Reduce{Op: cuda.ReduceSum, Type: cuda.Float32, Shape: shape, Axes: []int{1}}, cuda.Float32, results*int(shape[0]), values, 0)
		alone := slices.Clone(shape)
		alone[0] = 1
		for i := range int(shape[0]) {
			got := runReduce(t, library, cuda.Reduce{Op: cuda.ReduceSum, Type: cuda.Float32, Shape: alone, Axes: []int{1}}, cuda.Float32, results, values[i*row:(i+1)*row], 0)
			if !bytes.Equal(got, together[i*len(got):(i+1)*len(got)]) {
				t.Errorf("%v: row %d alone has other bits", shape, i)
			}
		}
	}
}

// TestReduceNaN: extrema of what has a NaN are NaN.
func TestReduceNaN(t *testing.T) {
	library := emulation.Open(t)
	for _, shape := range [][]int64{{1, 9}, {1, 300}, {1, 20000}, {1, 9, 3}} {
		for _, op := range []cuda.ReduceOp{cuda.ReduceMax, cuda.ReduceMin} {
			for _, at := range []int64{0, 4, shape[1] - 1} {
				values := randomValues(cuda.Float32, int(product(shape)), 4)
				values[at*product(shape[2:])] = math.NaN()
				got := runReduce(t, library, cuda.Reduce{Op: op, Type: cuda.Float32, Shape: shape, Axes: []int{1}}, cuda.Float32, int(product(shape[2:])), values, 0)
				if v := emulation.Decode(cuda.Float32, got); v[0] == v[0] || len(v) > 1 && v[1] != v[1] {
					t.Errorf("%v with NaN at %d gives %v", shape, at, v)
				}
			}
		}
	}
}

// position is the index of an extremum as onnxruntime has it: a NaN is found only where it comes first.
func position(values []float64, smallest, last bool) float64 {
	best := 0
	for i, v := range values {
		if v > values[best] && !smallest || v < values[best] && smallest || last && v == values[best] {
			best = i
		}
	}
	return float64(best)
}

func TestReduceArgument(t *testing.T) {
	library := emulation.Open(t)
	shapes := [][]int64{{1, 1, 1}, {5, 7, 1}, {3, 100, 1}, {2, 3000, 1}, {2, 9, 40}, {300, 2, 1}, {0, 3, 2}}
	for _, typ := range append(append([]cuda.Type{}, floatTypes...), integerTypes...) {
		for _, shape := range shapes {
			values := randomValues(cuda.Float32, int(product(shape)), 6)
			for i := range values {
				values[i] = math.Round(values[i] * 4) // with equal elements
				switch {
				case typ == cuda.Uint8:
					values[i] = math.Abs(values[i])
				case typ.IsFloat() && i%50 == 0:
					values[i] = math.NaN()
				}
			}
			groups := reducedGroups(shape, []int{1}, values)
			for variant := range 4 {
				smallest, last := variant&1 != 0, variant&2 != 0
				want := make([]float64, len(groups))
				for i, group := range groups {
					want[i] = position(group, smallest, last)
				}
				r := cuda.Reduce{Op: cuda.ReduceArgMax, Type: typ, Shape: shape, Axes: []int{1}, Last: last}
				if smallest {
					r.Op = cuda.ReduceArgMin
				}
				got := runReduce(t, library, r, cuda.Int64, len(want), values, 0)
				emulation.Compare(t, fmt.Sprintf("%v %v %v", typ, shape, variant), cuda.Int64, got, want, emulation.Tolerance{})
			}
		}
	}
}

func TestReduceIntegers(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range integerTypes {
		for _, shape := range [][]int64{{1, 1, 1}, {5, 7, 1}, {3, 2000, 1}, {2, 9, 40}, {2, 0, 3}} {
			values := randomValues(cuda.Float32, int(product(shape)), 6)
			for i := range values {
				values[i] = wrap(typ, int64(values[i]*40))
			}
			groups := reducedGroups(shape, []int{1}, values)
			for _, op := range []cuda.ReduceOp{cuda.ReduceSum, cuda.ReduceMean, cuda.ReduceMax, cuda.ReduceMin, cuda.ReduceL1, cuda.ReduceSumSquare} {
				if shape[1] == 0 && (op == cuda.ReduceMax || op == cuda.ReduceMin || op == cuda.ReduceMean) {
					continue
				}
				want := make([]float64, len(groups))
				for i, group := range groups {
					want[i] = wrap(typ, int64(math.Trunc(reductions[op](group))))
				}
				got := runReduce(t, library, cuda.Reduce{Op: op, Type: typ, Shape: shape, Axes: []int{1}}, typ, len(want), values, 0)
				emulation.Compare(t, fmt.Sprintf("operation %d %v %v", op, typ, shape), typ, got, want, emulation.Tolerance{})
			}
		}
	}
}

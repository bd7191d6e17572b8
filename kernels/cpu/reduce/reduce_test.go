package reduce

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

func run[In, Out any](t *testing.T, level isa.Level, r Reduce, values []In, outputs int64) []Out {
	t.Helper()
	s, err := r.Plan(level)
	if err != nil {
		t.Fatal(err)
	}
	x, y := steptest.From(t, values), steptest.From(t, make([]Out, outputs))
	s.Operand[OperandX], s.Operand[OperandY] = x.Operand(), y.Operand()
	steptest.Run(t, &s, x, y)
	return steptest.View[Out](y)
}

// plain reduces the elements of one output in float64.
func plain(op Op, last bool, v []float64) float64 {
	if op == ArgMax || op == ArgMin {
		best := 0
		for i := range v {
			if better := op == ArgMax && v[i] > v[best] || op == ArgMin && v[i] < v[best]; better || last && v[i] == v[best] {
				best = i
			}
		}
		return float64(best)
	}
	result := map[Op]float64{Max: math.Inf(-1), Min: math.Inf(1), Prod: 1}[op]
	for _, x := range v {
		switch op {
		case Max:
			result = math.Max(result, x)
		case Min:
			result = math.Min(result, x)
		case Prod:
			result *= x
		case L1:
			result += math.Abs(x)
		case L2, SumSquare:
			result += x * x
		default:
			result += x
		}
	}
	switch op {
	case Mean:
		return result / float64(len(v))
	case L2:
		return math.Sqrt(result)
	}
	return result
}

var shapes = []struct{ outer, axis, inner int64 }{
	{1, 1, 1}, {3, 7, 1}, {5, 33, 1}, {300, 64, 1}, {1, 5003, 1}, {2, 49, 40}, {3, 5, 3}, {2, 7, 129}, {1, 300, 1000}, {4, 1, 9}, {0, 3, 2}, {3, 4, 0},
}

func TestReduce(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, c := range shapes {
			values := steptest.Random(1, int(c.outer*c.axis*c.inner))
			for i := range values {
				values[i] = float32(math.Round(float64(values[i])*8) / 8) // with equal elements
			}
			for op := Sum; op <= ArgMin; op++ {
				for _, last := range []bool{false, op >= ArgMax} {
					r := Reduce{Op: op, Type: Float32, Shape: []int64{c.outer, c.axis, c.inner}, Axes: []int{1}, Last: last}
					var got []float64
					if op >= ArgMax {
						for _, v := range run[float32, int64](t, level, r, values, c.outer*c.inner) {
							got = append(got, float64(v))
						}
					} else {
						for _, v := range run[float32, float32](t, level, r, values, c.outer*c.inner) {
							got = append(got, float64(v))
						}
					}
					for i, g := range got {
						v := make([]float64, c.axis)
						var size float64
						for k := range v {
							v[k] = float64(values[(int64(i)/c.inner*c.axis+int64(k))*c.inner+int64(i)%c.inner])
							size += math.Abs(v[k])
						}
						if want := plain(op, last, v); math.Abs(g-want) > 1e-6*(math.Abs(want)+size) {
							t.Errorf("op %d %+v last %v: output %d is %g, want %g", op, c, last, i, g, want)
							break
						}
					}
				}
			}
		}
	})
}

func TestIntegers(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		short, long := []int32{5, -3, 5, math.MaxInt32, 7, 7}, []int64{5, -3, 5, math.MaxInt64, 7, 7}
		shape := []int64{2, 3}
		for op, want := range map[Op][]int64{Max: {5, math.MaxInt64}, Min: {-3, 7}, ArgMax: {0, 0}, ArgMin: {1, 1}, Sum: {7, math.MinInt64 + 13}, Mean: {2, (math.MinInt64 + 13) / 3}} {
			if got := run[int64, int64](t, level, Reduce{Op: op, Type: Int64, Shape: shape, Axes: []int{1}}, long, 2); !slices.Equal(got, want) {
				t.Errorf("op %d: %v, want %v", op, got, want)
			}
		}
		if got := run[int32, int32](t, level, Reduce{Op: Sum, Type: Int32, Shape: shape, Axes: []int{1}}, short, 2); !slices.Equal(got, []int32{7, math.MinInt32 + 13}) {
			t.Errorf("sum of int32: %v", got)
		}
		if got := run[int32, int64](t, level, Reduce{Op: ArgMax, Type: Int32, Shape: shape, Axes: []int{1}, Last: true}, short, 2); !slices.Equal(got, []int64{2, 0}) {
			t.Errorf("last maximum of int32: %v", got)
		}
		if got := run[int32, int32](t, level, Reduce{Op: Prod, Type: Int32, Shape: shape, Axes: []int{0}}, short, 3); !slices.Equal(got, []int32{math.MaxInt32 - 4, -21, 35}) {
			t.Errorf("product of int32: %v", got)
		}
	})
}

func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for position := range 70 {
			values := make([]float32, 70)
			values[position] = nan
			for _, shape := range [][]int64{{70}, {70, 1}} {
				for _, op := range []Op{Sum, Max, Min} {
					if got := run[float32, float32](t, level, Reduce{Op: op, Type: Float32, Shape: shape}, values, 1)[0]; got == got {
						t.Errorf("op %d with NaN at %d is %g", op, position, got)
					}
				}
			}
			values[position] = -inf
			if got := run[float32, int64](t, level, Reduce{Op: ArgMin, Type: Float32, Shape: []int64{70}}, values, 1)[0]; got != int64(position) {
				t.Errorf("argmin is %d, want %d", got, position)
			}
		}
		if got := run[float32, int64](t, level, Reduce{Op: ArgMax, Type: Float32, Shape: []int64{2}}, []float32{-inf, -inf}, 1)[0]; got != 0 {
			t.Errorf("argmax of infinities is %d", got)
		}
	})
}

func TestRowAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, inner := range []int64{1, 3, 40, 300} {
			const batch, axis = 23, 131
			values := steptest.Random(5, int(batch*axis*inner))
			all := run[float32, float32](t, level, Reduce{Op: Mean, Type: Float32, Shape: []int64{batch, axis, inner}, Axes: []int{1}}, values, batch*inner)
			for row := range int64(batch) {
				alone := run[float32, float32](t, level, Reduce{Op: Mean, Type: Float32, Shape: []int64{1, axis, inner}, Axes: []int{1}}, values[row*axis*inner:(row+1)*axis*inner], inner)
				if !slices.Equal(alone, all[row*inner:(row+1)*inner]) {
					t.Fatalf("inner %d: row %d differs in a batch", inner, row)
				}
			}
		}
	})
}

func TestCollapse(t *testing.T) {
	cases := []struct {
		shape []int64
		axes  []int
		want  [3]int64
	}{
		{[]int64{2, 3, 4, 5}, []int{2, 3}, [3]int64{6, 20, 1}}, {[]int64{2, 3, 4, 5}, []int{2, 1}, [3]int64{2, 12, 5}},
		{[]int64{2, 3}, nil, [3]int64{1, 6, 1}}, {[]int64{2, 3, 1, 5}, []int{1, 3}, [3]int64{2, 15, 1}}, {nil, nil, [3]int64{1, 1, 1}},
	}
	for _, c := range cases {
		outer, axis, inner, err := Reduce{Shape: c.shape, Axes: c.axes}.collapse()
		if got := [3]int64{outer, axis, inner}; err != nil || got != c.want {
			t.Errorf("%v over %v: %v, %v, want %v", c.shape, c.axes, got, err, c.want)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	for _, r := range []Reduce{
		{Type: Float32, Shape: []int64{2, 3, 4}, Axes: []int{0, 2}}, {Type: 11, Shape: []int64{2}}, {Type: Int64, Op: L2, Shape: []int64{2}},
		{Op: Max, Type: Float32, Shape: []int64{2, 0}, Axes: []int{1}},
	} {
		if _, err := r.Plan(isa.Scalar); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, r := range []Reduce{{Type: Float32, Shape: []int64{2}, Axes: []int{1}}, {Type: Float32, Shape: []int64{2}, Axes: []int{0, 0}}, {Op: 99, Type: Float32}, {Type: Float32, Shape: []int64{-1}}} {
		if _, err := r.Plan(isa.Scalar); err == nil || errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

package softmax

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// run plans m and runs it, in place where inPlace is set.
func run(t *testing.T, level isa.Level, m Softmax, values, mask []float32, inPlace bool) []float32 {
	t.Helper()
	s, err := m.Plan(level)
	if err != nil {
		t.Fatal(err)
	}
	x := steptest.From(t, values)
	y := x
	if !inPlace {
		y = steptest.NewBuffer(t, len(values)*4)
	}
	s.Operand[OperandX], s.Operand[OperandY] = x.Operand(), y.Operand()
	if mask != nil {
		s.Operand[OperandMask] = steptest.From(t, mask).Operand()
	}
	steptest.Run(t, &s, x, y)
	return steptest.View[float32](y)
}

// plain computes m in float64.
func plain(m Softmax, values, mask []float32) []float64 {
	axis, inner := m.Shape[m.Axis], layout.Size(m.Shape[m.Axis+1:])
	result := make([]float64, len(values))
	scale := m.Scale
	if scale == 0 {
		scale = 1
	}
	strides, _ := layout.Broadcast(m.Mask, m.Shape)
	own := layout.Contiguous(m.Shape)
	for i, v := range values {
		result[i] = float64(v) * scale
		if mask != nil {
			var offset int64
			for d := range m.Shape {
				offset += int64(i) / own[d] % m.Shape[d] * strides[d]
			}
			result[i] += float64(mask[offset])
		}
	}
	for start := range int64(len(values)) {
		if start/inner%axis != 0 {
			continue
		}
		maximum, sum := math.Inf(-1), 0.0
		for i := range axis {
			maximum = math.Max(maximum, result[start+i*inner])
		}
		for i := range axis {
			sum += math.Exp(result[start+i*inner] - maximum)
		}
		for i := range axis {
			at := start + i*inner
			if m.Log {
				result[at] -= maximum + math.Log(sum)
			} else {
				result[at] = math.Exp(result[at]-maximum) / sum
			}
		}
	}
	return result
}

func TestSoftmax(t *testing.T) {
	cases := []Softmax{
		{Shape: []int64{1, 1}, Axis: 1}, {Shape: []int64{3, 2}, Axis: 1}, {Shape: []int64{7, 31}, Axis: 1}, {Shape: []int64{5, 197}, Axis: 1, Scale: 0.125},
		{Shape: []int64{300, 64}, Axis: 1}, {Shape: []int64{2, 5003}, Axis: 1}, {Shape: []int64{2, 10, 3}, Axis: 1}, {Shape: []int64{3, 6, 37}, Axis: 1, Scale: 3},
		{Shape: []int64{9, 16}, Axis: 0}, {Shape: []int64{2, 0}, Axis: 1}, {Shape: []int64{0, 3}, Axis: 0}, {Shape: []int64{3, 0, 2}, Axis: 1},
		{Shape: []int64{2, 3, 4, 33}, Axis: 3, Mask: []int64{2, 1, 1, 33}, Scale: 0.5}, {Shape: []int64{2, 3, 4, 33}, Axis: 3, Mask: []int64{4, 33}},
		{Shape: []int64{2, 3, 4, 33}, Axis: 3, Mask: []int64{2, 3, 4, 33}}, {Shape: []int64{2, 3, 4, 33}, Axis: 3, Mask: []int64{33}},
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, m := range cases {
			for _, logarithm := range []bool{false, true} {
				m.Log = logarithm
				values := steptest.Random(1, int(layout.Size(m.Shape)))
				var mask []float32
				if m.Mask != nil {
					mask = steptest.Random(2, int(layout.Size(m.Mask)))
				}
				want := plain(m, values, mask)
				tolerance := 1e-9
				if m.Log {
					tolerance = 1e-6 // a difference of numbers of the size of the inputs
				}
				for _, inPlace := range []bool{false, true} {
					for i, got := range run(t, level, m, values, mask, inPlace) {
						if math.Abs(float64(got)-want[i]) > 3e-6*math.Abs(want[i])+tolerance {
							t.Errorf("%+v: element %d is %g, want %g", m, i, got, want[i])
							break
						}
					}
				}
			}
		}
	})
}

func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := []struct{ in, want []float32 }{
		{[]float32{-inf, 0, -inf}, []float32{0, 1, 0}},
		{[]float32{1e30, 1e30}, []float32{0.5, 0.5}},
		{[]float32{-3e38, 3e38}, []float32{0, 1}},
		{[]float32{-inf, -inf}, []float32{nan, nan}},
		{[]float32{nan, 1, 2}, []float32{nan, nan, nan}},
		{[]float32{inf, 1}, []float32{nan, nan}}, // the other element: 0 times a sum of NaN
		{[]float32{1e-40, -1e-40}, []float32{0.5, 0.5}},
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, c := range cases {
			for _, pad := range []int{0, 8, 40} { // in the rest of a row, and within whole vectors
				values, want := slices.Clone(c.in), slices.Clone(c.want)
				for range pad {
					values = append(values, -inf)
					want = append(want, want[0]*0)
				}
				n := int64(len(values))
				rows := run(t, level, Softmax{Shape: []int64{n}}, values, nil, false)
				columns := run(t, level, Softmax{Shape: []int64{n, 2}}, double(values), nil, false)
				for i := range want {
					if !same(rows[i], want[i]) || !same(columns[2*i], want[i]) {
						t.Errorf("softmax(%v): element %d is %g and %g, want %g", values, i, rows[i], columns[2*i], want[i])
					}
				}
			}
		}
	})
}

func same(a, b float32) bool { return a == b || a != a && b != b }

// double returns each value twice.
func double(values []float32) (all []float32) {
	for _, v := range values {
		all = append(all, v, v)
	}
	return all
}

// TestRowAlone: a row's bits do not depend on its company.
func TestRowAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, width := range []int64{1, 7, 128, 197, 1000} {
			const batch = 67
			values := steptest.Random(9, int(batch*width))
			all := run(t, level, Softmax{Shape: []int64{batch, width}, Axis: 1, Scale: 1.5}, values, nil, false)
			for row := range int64(batch) {
				alone := run(t, level, Softmax{Shape: []int64{1, width}, Axis: 1, Scale: 1.5}, values[row*width:(row+1)*width], nil, false)
				if !slices.Equal(alone, all[row*width:(row+1)*width]) {
					t.Fatalf("width %d: row %d differs in a batch", width, row)
				}
			}
		}
	})
}

func TestPlanRefuses(t *testing.T) {
	for _, m := range []Softmax{
		{Shape: []int64{2}, Axis: 1}, {Shape: []int64{2}, Axis: -1}, {Shape: []int64{-2, 3}, Axis: 1},
		{Shape: []int64{2, 3}, Axis: 0, Mask: []int64{3}}, {Shape: []int64{2, 3}, Axis: 1, Mask: []int64{2, 1}}, {Shape: []int64{2, 3}, Axis: 1, Mask: []int64{4, 3}},
	} {
		if _, err := m.Plan(isa.Scalar); err == nil {
			t.Error(fmt.Sprintf("%+v", m), "was accepted")
		}
	}
}

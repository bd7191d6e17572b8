package norm

import (
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// input of one run; residual and bias may be nil.
type input struct{ x, residual, scale, bias []float32 }

func makeInput(n Norm, residual, bias bool) (in input) {
	in.x = steptest.Random(1, int(n.Rows*n.Width))
	for i := range in.x {
		in.x[i] = in.x[i]*3 + 50 // far from zero, where one-pass sums cancel
	}
	parameters := n.Width
	if n.Channels > 0 {
		parameters = n.Channels
	}
	in.scale = steptest.Random(2, int(parameters))
	if residual {
		in.residual = steptest.Random(3, len(in.x))
	}
	if bias {
		in.bias = steptest.Random(4, int(parameters))
	}
	return in
}

// run returns Y and, with a residual, the sum; Y overwrites X where inPlace is set.
func run(t *testing.T, level isa.Level, n Norm, in input, inPlace, wantSum bool) (y, sum []float32) {
	t.Helper()
	s, err := n.Plan(level)
	if err != nil {
		t.Fatal(err)
	}
	buffers := map[int]*steptest.Buffer{OperandX: steptest.From(t, in.x), OperandScale: steptest.From(t, in.scale)}
	buffers[OperandY] = buffers[OperandX]
	if !inPlace {
		buffers[OperandY] = steptest.NewBuffer(t, len(in.x)*4)
	}
	if in.residual != nil {
		buffers[OperandResidual] = steptest.From(t, in.residual)
	}
	if in.bias != nil {
		buffers[OperandBias] = steptest.From(t, in.bias)
	}
	if wantSum {
		buffers[OperandSum] = steptest.NewBuffer(t, len(in.x)*4)
	}
	var all []*steptest.Buffer
	for operand, buffer := range buffers {
		s.Operand[operand] = buffer.Operand()
		all = append(all, buffer)
	}
	steptest.Run(t, &s, all...)
	if wantSum {
		sum = steptest.View[float32](buffers[OperandSum])
	}
	return steptest.View[float32](buffers[OperandY]), sum
}

func plain(n Norm, in input) []float64 {
	result := make([]float64, len(in.x))
	for row := range n.Rows {
		values := make([]float64, n.Width)
		var mean, variance float64
		for i := range values {
			values[i] = float64(in.x[row*n.Width+int64(i)])
			if in.residual != nil {
				values[i] += float64(in.residual[row*n.Width+int64(i)])
			}
			mean += values[i] / float64(n.Width)
		}
		if n.RootMeanSquare {
			mean = 0
		}
		for _, v := range values {
			variance += (v - mean) * (v - mean) / float64(n.Width)
		}
		for i, v := range values {
			parameter := int64(i)
			if n.Channels > 0 {
				parameter = row % n.Channels
			}
			y := (v - mean) / math.Sqrt(variance+n.Epsilon) * float64(in.scale[parameter])
			if in.bias != nil {
				y += float64(in.bias[parameter])
			}
			result[row*n.Width+int64(i)] = y
		}
	}
	return result
}

func TestNorm(t *testing.T) {
	cases := []Norm{
		{Rows: 3, Width: 1, Epsilon: 1e-5}, {Rows: 5, Width: 7, Epsilon: 1e-5}, {Rows: 41, Width: 192, Epsilon: 1e-6}, {Rows: 9, Width: 387, Epsilon: 1e-12},
		{Rows: 2, Width: 5001, Epsilon: 1e-5}, {Rows: 70, Width: 64, Epsilon: 1e-5, RootMeanSquare: true}, {Rows: 6, Width: 49, Epsilon: 1e-5, Channels: 3},
		{Rows: 0, Width: 5}, {Rows: 5, Width: 0},
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, n := range cases {
			for variant := range 16 {
				residual, bias, inPlace := variant&1 != 0, variant&2 != 0, variant&4 != 0
				wantSum := variant&8 != 0 && residual
				in := makeInput(n, residual, bias)
				want := plain(n, in)
				y, sum := run(t, level, n, in, inPlace, wantSum)
				for i, got := range y {
					if math.Abs(float64(got)-want[i]) > 2e-5*(1+math.Abs(want[i])) {
						t.Errorf("%+v variant %d: element %d is %g, want %g", n, variant, i, got, want[i])
						break
					}
				}
				for i, got := range sum {
					if got != in.x[i]+in.residual[i] {
						t.Errorf("%+v: sum %d is %g, want %g", n, i, got, in.x[i]+in.residual[i])
						break
					}
				}
			}
		}
	})
}

// TestSpecialValues: a bad row spoils itself alone, and a constant row is zero.
func TestSpecialValues(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		n := Norm{Rows: 5, Width: 37, Epsilon: 1e-5}
		in := makeInput(n, false, false)
		in.x[3], in.x[37+36] = float32(math.NaN()), float32(math.Inf(1))
		for i := range 37 {
			in.x[2*37+i], in.x[3*37+i] = 7, 1e-42
		}
		y, _ := run(t, level, n, in, false, false)
		for i, got := range y {
			switch row := i / 37; {
			case row == 0 && got == got:
				t.Fatalf("row with NaN: element %d is %g", i, got)
			case row == 1 && got == got:
				t.Fatalf("row with infinity: element %d is %g", i, got)
			case (row == 2 || row == 3) && math.Abs(float64(got)) > 1e-30:
				t.Fatalf("constant row %d: element %d is %g", row, i, got)
			case row == 4 && got != got:
				t.Fatalf("good row: element %d is NaN", i)
			}
		}
	})
}

func TestRowAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, width := range []int64{1, 29, 384, 1000} {
			n := Norm{Rows: 61, Width: width, Epsilon: 1e-5}
			in := makeInput(n, true, true)
			all, _ := run(t, level, n, in, false, false)
			for row := range n.Rows {
				from, to := row*width, (row+1)*width
				one := input{in.x[from:to], in.residual[from:to], in.scale, in.bias}
				alone, _ := run(t, level, Norm{Rows: 1, Width: width, Epsilon: 1e-5}, one, true, true)
				if !slices.Equal(alone, all[from:to]) {
					t.Fatalf("width %d: row %d differs in a batch", width, row)
				}
			}
		}
	})
}

func TestPlanRefuses(t *testing.T) {
	if _, err := (Norm{Rows: -1, Width: 3}).Plan(isa.Scalar); err == nil {
		t.Error("a negative number of rows was accepted")
	}
}

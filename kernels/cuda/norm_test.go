package cuda_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// normCase is a normalisation with its inputs; residual and bias may be nil.
type normCase struct {
	cuda.Norm
	x, residual, scale, bias []float64
}

func newNormCase(n cuda.Norm, residual, bias bool) normCase {
	c := normCase{Norm: n, x: randomValues(n.Type, int(n.Rows*n.Width), 1)}
	for i := range c.x {
		c.x[i] += 50 // far from zero, where one-pass sums cancel
	}
	c.x = emulation.Decode(n.Type, emulation.Encode(n.Type, c.x))
	parameters := int(n.Width)
	if n.Groups != 0 {
		parameters = int(n.Groups * n.Channels)
	}
	c.scale = randomValues(n.Type, parameters, 2)
	if residual {
		c.residual = randomValues(n.Type, len(c.x), 3)
	}
	if bias {
		c.bias = randomValues(n.Type, parameters, 4)
	}
	return c
}

// normResult is what a normalisation writes.
type normResult struct{ y, sum, mean, inverse []byte }

func (c normCase) run(t *testing.T, library *emulation.Library, offset int, inPlace bool) normResult {
	t.Helper()
	buffer := func(values []float64) (*emulation.Buffer, step.Operand) {
		if values == nil {
			return nil, step.Operand{}
		}
		b := emulation.NewBuffer(t, emulation.Encode(c.Type, values), offset*int(c.Type.Size()))
		return b, b.Operand()
	}
	n := c.Norm
	x, place := buffer(c.x)
	n.X = place
	_, n.Residual = buffer(c.residual)
	_, n.Scale = buffer(c.scale)
	_, n.Bias = buffer(c.bias)
	y, sum := x, (*emulation.Buffer)(nil)
	if !inPlace {
		y, _ = buffer(make([]float64, len(c.x)))
	}
	n.Y = y.Operand()
	if c.residual != nil && !inPlace {
		sum, n.Sum = buffer(make([]float64, len(c.x)))
	}
	mean, inverse := emulation.NewBuffer(t, make([]byte, 4*c.Rows), 0), emulation.NewBuffer(t, make([]byte, 4*c.Rows), 0)
	n.Mean, n.Inverse = mean.Operand(), inverse.Operand()
	launches, err := n.Plan()
	runAll(t, library, launches, err)
	result := normResult{y: y.Bytes(), mean: mean.Bytes(), inverse: inverse.Bytes()}
	if sum != nil {
		result.sum = sum.Bytes()
	}
	return result
}

func (c normCase) plain() (y, sum, means, inverses []float64) {
	y, sum = make([]float64, len(c.x)), make([]float64, len(c.x))
	for row := range c.Rows {
		first, mean, variance := row*c.Width, 0.0, 0.0
		for i := first; i < first+c.Width; i++ {
			if sum[i] = c.x[i]; c.residual != nil {
				sum[i] += c.residual[i]
			}
			mean += sum[i] / float64(c.Width)
		}
		if c.RootMeanSquare {
			mean = 0
		}
		for _, v := range sum[first : first+c.Width] {
			variance += (v - mean) * (v - mean) / float64(c.Width)
		}
		inverse := 1 / math.Sqrt(variance+float64(c.Epsilon))
		for i, v := range sum[first : first+c.Width] {
			parameter := int64(i)
			if c.Groups != 0 {
				parameter = row%c.Groups*c.Channels + parameter/(c.Width/c.Channels)
			}
			y[first+int64(i)] = (v - mean) * inverse * c.scale[parameter]
			if c.bias != nil {
				y[first+int64(i)] += c.bias[parameter]
			}
		}
		means, inverses = append(means, mean), append(inverses, inverse)
	}
	return y, sum, means, inverses
}

func TestNorm(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range floatTypes {
		for _, n := range []cuda.Norm{
			{Rows: 3, Width: 1}, {Rows: 5, Width: 7}, {Rows: 9, Width: 192}, {Rows: 2, Width: 768}, {Rows: 3, Width: 1024}, {Rows: 2, Width: 1025}, {Rows: 2, Width: 1032},
			{Rows: 1, Width: 4096}, {Rows: 1, Width: 16384}, {Rows: 1, Width: 16392}, {Rows: 5, Width: 64, RootMeanSquare: true}, {Rows: 1, Width: 17001, RootMeanSquare: true},
			{Rows: 6, Width: 49, Groups: 3, Channels: 1}, {Rows: 4, Width: 96, Groups: 2, Channels: 3}, {Rows: 0, Width: 8},
		} {
			n.Type, n.Epsilon = typ, 1e-5
			for variant := range 4 {
				if n.Width > 2000 && variant != 3 {
					continue // for time
				}
				c := newNormCase(n, variant&1 != 0, variant&2 != 0)
				what := fmt.Sprintf("%v [%d, %d] groups %d rms %v variant %d", typ, n.Rows, n.Width, n.Groups, n.RootMeanSquare, variant)
				y, sum, means, inverses := c.plain()
				got := c.run(t, library, 0, false)
				rounding := emulation.Rounding(typ).Relative
				emulation.Compare(t, what, typ, got.y, y, emulation.Tolerance{Relative: 3 * rounding, Scale: 3})
				if got.sum != nil {
					emulation.Compare(t, what+" sum", typ, got.sum, sum, emulation.Tolerance{Relative: rounding, Scale: 1})
				}
				emulation.Compare(t, what+" mean", cuda.Float32, got.mean, means, emulation.Tolerance{Relative: 1e-5})
				emulation.Compare(t, what+" inverse", cuda.Float32, got.inverse, inverses, emulation.Tolerance{Relative: 1e-4})
				sameBits(t, what+" unaligned", typ, got.y, c.run(t, library, 1, false).y)
				sameBits(t, what+" in place", typ, got.y, c.run(t, library, 0, true).y)
			}
		}
	}
}

// TestNormSpecialValues: a bad row spoils itself alone, a constant row is zero, and a row's bits do not depend on how many there are.
func TestNormSpecialValues(t *testing.T) {
	library := emulation.Open(t)
	c := newNormCase(cuda.Norm{Type: cuda.Float32, Rows: 5, Width: 37, Epsilon: 1e-5}, false, false)
	c.x[3], c.x[37+36] = math.NaN(), math.Inf(1)
	for i := range 37 {
		c.x[2*37+i], c.x[3*37+i] = 7, 1e-42
	}
	result := c.run(t, library, 0, false).y
	for i, got := range emulation.Decode(cuda.Float32, result) {
		switch row := i / 37; {
		case row <= 1 && got == got:
			t.Fatalf("row %d with NaN or infinity: element %d is %g", row, i, got)
		case (row == 2 || row == 3) && math.Abs(got) > 1e-30:
			t.Fatalf("constant row %d: element %d is %g", row, i, got)
		case row == 4 && got != got:
			t.Fatalf("good row: element %d is NaN", i)
		}
	}
	alone := c
	alone.Rows, alone.x = 1, c.x[4*37:]
	if !bytes.Equal(alone.run(t, library, 0, false).y, result[4*37*4:]) {
		t.Error("a row alone has other bits")
	}
}

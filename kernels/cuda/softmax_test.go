package cuda_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

var floatTypes = []cuda.Type{cuda.Float32, cuda.Float16, cuda.BFloat16}

// randomValues are normally distributed and representable in the type.
func randomValues(t cuda.Type, count int, seed uint64) []float64 {
	random := rand.New(rand.NewPCG(seed, 1))
	values := make([]float64, count)
	for i := range values {
		values[i] = random.NormFloat64()
	}
	return emulation.Decode(t, emulation.Encode(t, values))
}

// runAll runs launches in order.
func runAll(t *testing.T, library *emulation.Library, launches []cuda.Launch, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range launches {
		if err := library.Run(l); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSoftmax(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range floatTypes {
		for _, c := range []struct{ rows, width, offset int }{
			{9, 3, 0}, {7, 16, 0}, {50, 24, 0}, {5, 200, 0}, {3, 1024, 0}, {3, 1025, 0}, {2, 1032, 0}, {1, 1, 0}, {3, 5, 0}, {2, 8, 0}, {2, 8, 2}, {2, 31, 4}, {2, 33, 0}, {5, 128, 0}, {1, 1000, 0}, {1, 4096, 0}, {1, 32768, 0}, {1, 16383, 0}, {1, 16385, 0}, {1, 40000, 0},
		} {
			for _, logarithmic := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%dx%d+%d/%v", typ, c.rows, c.width, c.offset, logarithmic), func(t *testing.T) {
					offset := c.offset * int(typ.Size())
					values := randomValues(typ, c.rows*c.width, 7)
					values[c.rows*c.width/2] = math.Inf(-1) // masked
					x := emulation.NewBuffer(t, emulation.Encode(typ, values), offset)
					y := emulation.NewBuffer(t, make([]byte, len(x.Bytes())), offset)
					launches, err := cuda.Softmax{
						Type: typ, Rows: int64(c.rows), Width: int64(c.width), Inner: 1, Scale: 0.5, Logarithmic: logarithmic, X: x.Operand(), Y: y.Operand(),
					}.Plan()
					runAll(t, library, launches, err)
					emulation.Compare(t, "softmax", typ, y.Bytes(), softmax(values, c.width, 0.5, logarithmic), emulation.Tolerance{
						Relative: 2 * emulation.Rounding(typ).Relative, Scale: 1e-3,
					})
				})
			}
		}
	}
}

// TestSoftmaxColumns runs axes that are not the last one, with columns that are masked at their beginning or as a whole.
func TestSoftmaxColumns(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range floatTypes {
		for _, c := range []struct{ rows, width, inner int }{{1, 1, 2}, {2, 5, 3}, {2, 100, 16}, {3, 7, 40}, {1, 300, 2}, {2, 33, 100}, {1, 2, 1000}} {
			values := randomValues(typ, c.rows*c.width*c.inner, 8)
			for i := range c.width {
				values[i*c.inner] = math.Inf(-1)
			}
			for i := range c.width / 2 {
				values[i*c.inner+1] = math.Inf(-1)
			}
			for _, logarithmic := range []bool{false, true} {
				want := make([]float64, len(values))
				for at := range c.rows * c.inner {
					first := at/c.inner*c.width*c.inner + at%c.inner
					column := make([]float64, c.width)
					for i := range column {
						column[i] = values[first+i*c.inner]
					}
					for i, v := range softmax(column, c.width, 0.5, logarithmic) {
						want[first+i*c.inner] = v
					}
				}
				var results [2][]byte
				for offset := range results {
					x := emulation.NewBuffer(t, emulation.Encode(typ, values), offset*int(typ.Size()))
					plan := cuda.Softmax{Type: typ, Rows: int64(c.rows), Width: int64(c.width), Inner: int64(c.inner), Scale: 0.5, Logarithmic: logarithmic, X: x.Operand(), Y: x.Operand()}
					launches, err := plan.Plan()
					runAll(t, library, launches, err)
					results[offset] = x.Bytes()
				}
				what := fmt.Sprintf("%v %v %v", typ, c, logarithmic)
				emulation.Compare(t, what, typ, results[0], want, emulation.Tolerance{Relative: 2 * emulation.Rounding(typ).Relative, Scale: 1e-3})
				sameBits(t, what+" unaligned", typ, results[0], results[1])
			}
		}
	}
}

// TestSoftmaxMasked: what a row begins with may be masked, also where rows are read in several parts; a row that is masked as a whole is no number.
func TestSoftmaxMasked(t *testing.T) {
	library := emulation.Open(t)
	for _, width := range []int{5, 64, 2000, 33000} {
		for _, masked := range []int{width - 1, width} {
			values := make([]float64, width)
			for i := range masked {
				values[i] = math.Inf(-1)
			}
			x := emulation.NewBuffer(t, emulation.Encode(cuda.Float32, values), 0)
			launches, err := cuda.Softmax{Type: cuda.Float32, Rows: 1, Width: int64(width), Inner: 1, X: x.Operand(), Y: x.Operand()}.Plan()
			runAll(t, library, launches, err)
			emulation.Compare(t, fmt.Sprintf("%d of %d masked", masked, width), cuda.Float32, x.Bytes(), softmax(values, width, 1, false), emulation.Tolerance{})
		}
	}
}

func softmax(values []float64, width int, scale float64, logarithmic bool) []float64 {
	result := make([]float64, len(values))
	for first := 0; first < len(values); first += width {
		greatest, sum := math.Inf(-1), 0.0
		for _, v := range values[first : first+width] {
			greatest = max(greatest, v*scale)
		}
		for _, v := range values[first : first+width] {
			sum += math.Exp(v*scale - greatest)
		}
		for i, v := range values[first : first+width] {
			result[first+i] = math.Exp(v*scale-greatest) / sum
			if logarithmic {
				result[first+i] = v*scale - greatest - math.Log(sum)
			}
		}
	}
	return result
}

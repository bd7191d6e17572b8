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
			{1, 1, 0}, {3, 5, 0}, {2, 8, 0}, {2, 8, 2}, {2, 31, 4}, {2, 33, 0}, {5, 128, 0}, {1, 1000, 0}, {1, 4096, 0}, {1, 32768, 0}, {1, 32769, 0}, {1, 40000, 0},
		} {
			for _, logarithmic := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v/%dx%d+%d/%v", typ, c.rows, c.width, c.offset, logarithmic), func(t *testing.T) {
					offset := c.offset * int(typ.Size())
					values := randomValues(typ, c.rows*c.width, 7)
					values[c.rows*c.width/2] = math.Inf(-1) // masked
					x := emulation.NewBuffer(t, emulation.Encode(typ, values), offset)
					y := emulation.NewBuffer(t, make([]byte, len(x.Bytes())), offset)
					launches, err := cuda.Softmax{
						Type: typ, Rows: int64(c.rows), Width: int64(c.width), Scale: 0.5, Logarithmic: logarithmic, X: x.Operand(), Y: y.Operand(),
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

package cuda_test

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

var allTypes = []cuda.Type{cuda.Float32, cuda.Float16, cuda.BFloat16, cuda.Int8, cuda.Uint8, cuda.Int32, cuda.Int64}

// topK sorts each row.
func topK(p cuda.TopK, x []float64) (y []float64, positions []int64) {
	y, positions = make([]float64, p.Before*p.K*p.After), make([]int64, p.Before*p.K*p.After)
	order := make([]int64, p.Size)
	for row := range p.Before * p.After {
		outer, inner := row/p.After, row%p.After
		value := func(i int64) float64 { return x[(outer*p.Size+i)*p.After+inner] }
		for i := range order {
			order[i] = int64(i)
		}
		slices.SortStableFunc(order, func(i, j int64) int { // cmp.Compare has NaN below all numbers
			a, b := value(i), value(j)
			c := cmp.Compare(b, a)
			if math.IsNaN(a) != math.IsNaN(b) {
				c = -c
			}
			if p.Smallest {
				c = -c
			}
			return c
		})
		for i, position := range order[:p.K] {
			at := (outer*p.K+int64(i))*p.After + inner
			y[at], positions[at] = value(position), position
		}
	}
	return y, positions
}

// hardValues have many equals, both zeros and, for floats, infinities and NaN.
func hardValues(t cuda.Type, count int, distinct int32, seed uint64) []float64 {
	random := rand.New(rand.NewPCG(seed, 5))
	values := make([]float64, count)
	for i := range values {
		values[i] = float64(random.Int32N(2*distinct) - distinct)
		if t == cuda.Uint8 {
			values[i] = math.Abs(values[i])
		}
		if !t.IsFloat() {
			continue
		}
		switch random.IntN(30) {
		case 0:
			values[i] = math.NaN()
		case 1:
			values[i] = math.Inf(random.IntN(2)*2 - 1)
		case 2:
			values[i] = math.Copysign(0, -1)
		default:
			values[i] /= 64
		}
	}
	return emulation.Decode(t, emulation.Encode(t, values))
}

func TestTopK(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range allTypes {
		for _, c := range []struct {
			before, size, after, k int64
			distinct               int32
		}{
			{1, 1, 1, 1, 5}, {3, 10, 1, 3, 100}, {2, 33, 3, 33, 4}, {1, 512, 1, 5, 50}, {2, 513, 1, 7, 120}, {1, 700, 2, 100, 3},
			{1, 3000, 1, 50, 127}, {1, 3001, 1, 2048, 10}, {1, 1500, 1, 1500, 127}, {1, 600, 1, 600, 1},
			{2, 4500, 1, 30, 2}, {2, 16385, 1, 9, 127}, {1, 20000, 2, 4, 3},
		} {
			if (c.k > 1000 || c.size > 10000) && typ != cuda.Float16 && typ != cuda.Int64 {
				continue // so many take the emulation long
			}
			for _, smallest := range []bool{false, true} {
				if smallest && (c.k > 100 || c.size > 10000) {
					continue
				}
				t.Run(fmt.Sprintf("%v/%v/%v", typ, c, smallest), func(t *testing.T) {
					values := hardValues(typ, int(c.before*c.size*c.after), c.distinct, 21)
					p := cuda.TopK{Type: typ, Before: c.before, Size: c.size, After: c.after, K: c.k, Smallest: smallest}
					want, wantPositions := topK(p, values)
					x := emulation.NewBuffer(t, emulation.Encode(typ, values), 0)
					y := emulation.NewBuffer(t, make([]byte, len(want)*int(typ.Size())), 0)
					positions := emulation.NewBuffer(t, make([]byte, 8*len(want)), 0)
					p.X, p.Y, p.Positions = x.Operand(), y.Operand(), positions.Operand()
					p.Workspace = emulation.NewBuffer(t, make([]byte, p.WorkspaceBytes()), 0).Operand()
					launches, err := p.Plan()
					if cut := c.size > 10000; cut != (len(launches) == 2) {
						t.Errorf("%d launches", len(launches))
					}
					runAll(t, library, launches, err)
					emulation.Compare(t, "values", typ, y.Bytes(), want, emulation.Tolerance{})
					for i, position := range wantPositions {
						if got := int64(binary.LittleEndian.Uint64(positions.Bytes()[8*i:])); got != position {
							t.Fatalf("position %d is %d, want %d", i, got, position)
						}
					}
				})
			}
		}
	}
}

// TestTopKOfWideIntegers has keys that differ in their low or high half only.
func TestTopKOfWideIntegers(t *testing.T) {
	library := emulation.Open(t)
	const size, k = 1000, 20
	var data []byte
	values := make([]int64, size)
	for i := range values {
		values[i] = int64(i*7919%size) << (i % 2 * 33)
		if i%3 == 0 {
			values[i] = math.MinInt64 + values[i]
		}
		data = binary.LittleEndian.AppendUint64(data, uint64(values[i]))
	}
	x, y, positions := emulation.NewBuffer(t, data, 0), emulation.NewBuffer(t, make([]byte, 8*k), 0), emulation.NewBuffer(t, make([]byte, 8*k), 0)
	launches, err := cuda.TopK{Type: cuda.Int64, Before: 1, Size: size, After: 1, K: k, X: x.Operand(), Y: y.Operand(), Positions: positions.Operand()}.Plan()
	runAll(t, library, launches, err)
	slices.Sort(values)
	for i := range k {
		if got, want := int64(binary.LittleEndian.Uint64(y.Bytes()[8*i:])), values[size-1-i]; got != want {
			t.Errorf("element %d is %d, want %d", i, got, want)
		}
	}
}

func TestCumulativeSum(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range []cuda.Type{cuda.Float32, cuda.Float16, cuda.BFloat16, cuda.Int32, cuda.Int64} {
		for _, c := range []struct{ before, size, after int64 }{
			{1, 1, 1}, {3, 5, 1}, {2, 8, 1}, {1, 257, 1}, {2, 2056, 1}, {1, 1023, 1}, {2, 7, 5}, {1, 3, 300}, {3, 9, 2},
		} {
			for variant := range 4 {
				p := cuda.CumulativeSum{
					Type: typ, Before: c.before, Size: c.size, After: c.after, Exclusive: variant&1 != 0, Reverse: variant&2 != 0,
				}
				t.Run(fmt.Sprintf("%v/%v/%d", typ, c, variant), func(t *testing.T) {
					values := randomValues(typ, int(c.before*c.size*c.after), 31)
					want := make([]float64, len(values))
					for row := range c.before * c.after {
						sum := 0.0
						for i := range c.size {
							if p.Reverse {
								i = c.size - 1 - i
							}
							at := (row/c.after*c.size+i)*c.after + row%c.after
							if want[at] = sum; !p.Exclusive {
								want[at] += values[at]
							}
							sum += values[at]
						}
					}
					x, y := emulation.NewBuffer(t, emulation.Encode(typ, values), 0), emulation.NewBuffer(t, make([]byte, len(values)*int(typ.Size())), 0)
					p.X, p.Y = x.Operand(), y.Operand()
					launches, err := p.Plan()
					runAll(t, library, launches, err)
					tolerance := emulation.Rounding(typ)
					tolerance.Scale = 10 // sums may cancel
					emulation.Compare(t, launches[0].Kernel, typ, y.Bytes(), want, tolerance)
				})
			}
		}
	}
}

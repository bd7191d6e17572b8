package cuda_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

func TestLp(t *testing.T) {
	library := emulation.Open(t)
	norms := map[cuda.LpNorm]cuda.ReduceOp{cuda.LpSum: cuda.ReduceL1, cuda.LpRoot: cuda.ReduceL2, cuda.LpLargest: cuda.ReduceMax}
	for _, typ := range floatTypes {
		for _, shape := range [][]int64{{1, 1, 1}, {40, 5, 1}, {3, 100, 1}, {2, 3000, 1}, {3, 7, 40}, {0, 3, 2}} {
			values := randomValues(typ, int(product(shape)), 2)
			for i := range min(int(shape[1]), len(values)) { // a line, or what lies in its place, of zeros
				values[i] = 0
			}
			for norm, op := range norms {
				strides, want := shape[1]*shape[2], make([]float64, len(values))
				norms := make([]float64, 0, shape[0]*shape[2])
				for _, group := range reducedGroups(shape, []int{1}, values) {
					norms = append(norms, reductions[op](group))
				}
				for i, v := range values {
					line := int64(i)/strides*shape[2] + int64(i)%shape[2]
					if want[i] = v; norms[line] != 0 {
						want[i] /= norms[line]
					}
				}
				x := emulation.NewBuffer(t, emulation.Encode(typ, values), 0)
				launches, err := cuda.Lp{Type: typ, Norm: norm, Outer: shape[0], Width: shape[1], Inner: shape[2], X: x.Operand(), Y: x.Operand()}.Plan()
				runAll(t, library, launches, err)
				want = emulation.Decode(typ, emulation.Encode(typ, want))
				emulation.Compare(t, fmt.Sprintf("%v %v norm %d", typ, shape, norm), typ, x.Bytes(), want, emulation.Rounding(typ))
			}
		}
	}
	values := []float64{3, math.NaN(), 4}
	x := emulation.NewBuffer(t, emulation.Encode(cuda.Float32, values), 0)
	launches, err := cuda.Lp{Type: cuda.Float32, Norm: cuda.LpLargest, Outer: 1, Width: 3, Inner: 1, X: x.Operand(), Y: x.Operand()}.Plan()
	runAll(t, library, launches, err)
	emulation.Compare(t, "a line with NaN", cuda.Float32, x.Bytes(), []float64{math.NaN(), math.NaN(), math.NaN()}, emulation.Tolerance{})
}

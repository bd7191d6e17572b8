package gemm8

import (
	"fmt"
	"math/rand/v2"
	goruntime "runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// BenchmarkAgainstFloat32 times products of the shapes of MiniLM on one thread beside package gemm's of the same shape, in turns, and reports 10^9 operations (two for
// a multiply-add) a second of processor time of both, and the quotient. Both have a bias and write float32; A is quantised already.
func BenchmarkAgainstFloat32(b *testing.B) {
	for level := isa.Scalar; level <= isa.AVX512; level++ {
		if !isa.Supported(level) {
			continue
		}
		variants := map[string]*variant{level.String(): widened[level]}
		if multipliesBytes(level) {
			variants[level.String()+"_vnni"] = bytes
		}
		for name, v := range variants {
			for _, m := range []int{8, 34, 512} {
				for _, size := range [][2]int{{384, 384}, {384, 1536}, {1536, 384}} {
					b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, size[0], size[1]), func(b *testing.B) { compare(b, level, v, m, size[0], size[1]) })
				}
			}
		}
	}
}

func compare(b *testing.B, level isa.Level, v *variant, m, k, n int) {
	random := rand.New(rand.NewPCG(1, 2))
	w := Weights{Data: integers(random, k*n), Signed: true, K: k, N: n, Row: n, Column: 1}
	a, bias, scale, zero := steptest.From(b, integers(random, m*k)), steptest.From(b, floats(random, n, 1)), steptest.From(b, floats(random, n, 1)), steptest.From(b, []byte{100})
	c := steptest.NewBuffer(b, 4*m*n)
	ours, err := Product{M: m, Packed: mustPack(b, v, w, 1), A: a.Operand(), C: c.Operand(), Epilogue: Epilogue{
		Output: Float32, AZero: zero.Operand(), AScale: scale.Operand(), BScale: scale.Operand(), ScaleEach: true, Bias: bias.Operand(), FloatBias: true,
	}}.Step()
	if err != nil {
		b.Fatal(err)
	}
	packed, err := gemm.Pack(level, floats(random, k*n, 1), k, n, n, 1)
	if err != nil {
		b.Fatal(err)
	}
	defer packed.Free()
	wide := steptest.From(b, floats(random, m*k, 1))
	theirs, err := gemm.Product{
		Level: level, M: m, N: n, K: k, Alpha: 1, Packed: packed, Bias: bias.Operand(),
		A: gemm.Matrix{Operand: wide.Operand(), Row: k, Column: 1}, C: gemm.Matrix{Operand: c.Operand(), Row: n, Column: 1},
	}.Step()
	if err != nil {
		b.Fatal(err)
	}
	scratch := steptest.NewBuffer(b, int(max(ours.ScratchBytes, theirs.ScratchBytes)+63)&^63)
	goruntime.LockOSThread() // whose time it is
	defer goruntime.UnlockOSThread()
	var best [2]time.Duration
	for b.Loop() {
		for i, s := range []*step.Step{&ours, &theirs} {
			start := threadTime()
			steptest.Repeat(s, scratch.Pointer(), 8)
			if took := threadTime() - start; best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	operations := float64(2*8*m) * float64(k) * float64(n)
	b.ReportMetric(operations/float64(best[0]), "Gop/s")
	b.ReportMetric(operations/float64(best[1]), "float32-Gop/s")
	b.ReportMetric(float64(best[1])/float64(best[0]), "times-float32")
	b.ReportMetric(0, "ns/op")
}

// threadTime is the processor time of this thread: what others do on a busy machine counts less than in wall time.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // the clock exists on every Linux
	}
	return time.Duration(t.Nano())
}

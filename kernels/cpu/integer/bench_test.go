package integer

import (
	"fmt"
	"testing"
	"time"

	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// BenchmarkProducts times products of integers beside those of float32, in blocks that take turns on one thread, and reports the speed-up.
func BenchmarkProducts(b *testing.B) {
	level, err := isa.Current()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range [][3]int{{1, 384, 384}, {8, 384, 1536}, {34, 384, 384}, {34, 384, 1536}, {34, 1536, 384}, {512, 384, 1536}, {512, 1536, 384}} {
		m, k, n := size[0], size[1], size[2]
		b.Run(fmt.Sprintf("%dx%dx%d", m, k, n), func(b *testing.B) {
			integers, floats := integerStep(b, LevelOf(level), m, n, k), floatStep(b, level, m, n, k)
			scratch, err := memory.Allocate(int(max(integers.ScratchBytes, floats.ScratchBytes, 64)))
			if err != nil {
				b.Fatal(err)
			}
			defer scratch.Free()
			const block = 8
			var spent [2]time.Duration
			for b.Loop() {
				for i, s := range []*step.Step{&integers, &floats} {
					begin := time.Now()
					steptest.Repeat(s, scratch.Pointer(), block)
					spent[i] += time.Since(begin)
				}
			}
			b.ReportMetric(float64(spent[0].Nanoseconds())/float64(block*b.N), "ns/product")
			b.ReportMetric(2*float64(m*k*n)*float64(block*b.N)/float64(spent[0].Nanoseconds()), "GOP/s")
			b.ReportMetric(float64(spent[1])/float64(spent[0]), "x-float32")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// integerStep multiplies uint8 with int8 that have zero points, to quantised results.
func integerStep(b *testing.B, level Level, m, n, k int) step.Step {
	packed, err := Pack(level, Weights{Outputs: n, Groups: 1, GroupChannels: k, KernelHeight: 1, KernelWidth: 1, Data: make([]byte, n*k), Scales: []float32{0.01}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(packed.Free)
	p := Product{
		Weights: packed, UnsignedA: true, Output: Float32, A: steptest.NewBuffer(b, m*k).Operand(), C: steptest.NewBuffer(b, 4*m*n).Operand(),
		AScale: steptest.From(b, []float32{0.5}).Operand(), AZero: steptest.From(b, []byte{128}).Operand(), Bias: steptest.NewBuffer(b, 4*n).Operand(),
	}
	p.Matrix(m)
	s, err := p.Step()
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func floatStep(b *testing.B, level isa.Level, m, n, k int) step.Step {
	packed, err := gemm.Pack(level, make([]float32, k*n), k, n, n, 1)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(packed.Free)
	s, err := gemm.Product{
		Level: level, M: m, N: n, K: k, Packed: packed, Alpha: 1, A: gemm.Matrix{Operand: steptest.NewBuffer(b, 4*m*k).Operand(), Row: k, Column: 1},
		C: gemm.Matrix{Operand: steptest.NewBuffer(b, 4*m*n).Operand(), Row: n, Column: 1}, Bias: steptest.NewBuffer(b, 4*n).Operand(),
	}.Step()
	if err != nil {
		b.Fatal(err)
	}
	return s
}

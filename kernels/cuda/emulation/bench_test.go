package emulation_test

import (
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// BenchmarkBarriers times a kernel that meets at barriers and shuffles: tests of whole models consist of such.
func BenchmarkBarriers(b *testing.B) {
	library := emulation.Open(b)
	const rows, width = 64, 1024
	x := emulation.NewBuffer(b, make([]byte, 4*rows*width), 0)
	launches, err := cuda.Softmax{Type: cuda.Float32, Rows: rows, Width: width, Inner: 1, X: x.Operand(), Y: x.Operand()}.Plan()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := library.Run(launches[0]); err != nil {
			b.Fatal(err)
		}
	}
}

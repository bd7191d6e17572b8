package cuda

import (
	"testing"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// TestPieces: launches of huge tensors cover the output once, with offsets that fit.
func TestPieces(t *testing.T) {
	for _, dims := range [][]int64{{1 << 30}, {1<<30 + 1}, {5_000_000_011}, {3, 1 << 31, 2}, {2, 3, 1 << 29}, {100_000, 99_991}} {
		x := make([]int64, len(dims)) // a row vector
		x[len(dims)-1] = 1
		e := Elementwise{Dims: dims, Inputs: []ElementwiseInput{
			{Type: Float16, Strides: layout.Contiguous(dims), X: step.Operand{Base: 1}}, {Type: Float16, Strides: x, X: step.Operand{Base: 2}},
		}, Output: step.Operand{Base: 3}, Instructions: []ElementwiseInstruction{{Op: "Add", Args: []int{0, 1}}}}
		if len(dims) == 1 {
			e.Inputs[1].Strides = []int64{0}
		}
		next := int64(0)
		for _, p := range pieces(&e, e.collapsed(), Float16) {
			size := layout.Size(p.dims)
			if p.output.Offset != next || p.inputs[0].X.Offset != next || size > maxPiece {
				t.Fatalf("%v: a piece of %d elements begins at %d and %d, want %d", dims, size, p.output.Offset, p.inputs[0].X.Offset, next)
			}
			if last := dims[len(dims)-1]; len(dims) > 1 && p.inputs[1].X.Offset != next/2%last*2 && len(p.dims) == 1 {
				t.Fatalf("%v: the row of the piece at %d begins at %d", dims, next, p.inputs[1].X.Offset)
			}
			next += 2 * size
		}
		if next != 2*layout.Size(dims) {
			t.Errorf("%v: the pieces have %d bytes", dims, next)
		}
		if launches, err := e.Plan(); err != nil || len(launches) == 0 {
			t.Errorf("%v: %v", dims, err)
		}
	}
}

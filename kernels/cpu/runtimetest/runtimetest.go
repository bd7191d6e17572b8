// Package runtimetest holds kernels whose only use is to show what the step runner did. In: parameters of a test. Out:
// steps. Only tests import it; it exists because cgo is not allowed in test files.
package runtimetest

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "kernels.h"
import "C"

import (
	"time"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// Count returns a step that spins for the duration in each tile and then adds one to the tile's int64 in counts. A
// million is added where another thread wrote to the tile's scratch or where an element of previous (of length elements) is
// not one ahead of the tile's, which means that the step ahead was not complete.
func Count(tiles int, spin time.Duration, counts, previous step.Operand, length int) step.Step {
	s := step.Step{Kernel: step.Kernel(C.inferd_test_count), Tiles: int64(tiles), CostNS: int64(tiles) * max(1, int64(spin))}
	s.Operand[0], s.Operand[1] = counts, previous
	s.Parameter[0], s.Parameter[1] = int64(spin), int64(length)
	return s
}

// Concurrency returns a step that spins in each tile; the int64 at present counts the threads inside, the one at most
// the largest number there ever was.
func Concurrency(tiles int, spin time.Duration, present, most step.Operand) step.Step {
	s := step.Step{Kernel: step.Kernel(C.inferd_test_concurrency), Tiles: int64(tiles), CostNS: int64(tiles) * int64(spin)}
	s.Operand[0], s.Operand[1] = present, most
	s.Parameter[0] = int64(spin)
	return s
}

// Layout returns the size and the offsets (kernel, tiles, scratch bytes, cost, operands, parameters) of a step in C,
// then those of an operand.
func Layout() []int64 {
	layout := make([]int64, C.INFERD_TEST_LAYOUT)
	C.inferd_test_layout((*C.int64_t)(unsafe.Pointer(unsafe.SliceData(layout))))
	return layout
}

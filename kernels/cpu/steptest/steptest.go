// Package steptest runs single steps for the tests of kernel families, without the pool.
//
// In: a planned step and guarded operands. Out: the step's effect on them; a read or write past the end of an operand faults, one
// ahead of its beginning fails the test. Only tests import it.
package steptest

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "steptest.h"
import "C"

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	pageSize = 4096
	canary   = 0xa5
)

// Levels runs a subtest for each instruction set, skipping those that this host cannot run.
func Levels(t *testing.T, test func(t *testing.T, level isa.Level)) {
	for level := isa.Scalar; level <= isa.AVX512; level++ {
		t.Run(level.String(), func(t *testing.T) {
			if !isa.Supported(level) {
				t.Skipf("this processor does not run %s", level)
			}
			test(t, level)
		})
	}
}

// Buffer is memory that ends where an inaccessible page begins.
type Buffer struct {
	t       testing.TB
	mapping []byte
	head    []byte // canary bytes ahead of the data
	data    []byte
}

// NewBuffer returns a zeroed buffer of size bytes, which lives until the test ends.
func NewBuffer(t testing.TB, size int) *Buffer {
	t.Helper()
	usable := (size + 64 + pageSize - 1) &^ (pageSize - 1)
	mapping, err := unix.Mmap(-1, 0, usable+pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatalf("map %d bytes: %v", usable+pageSize, err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(mapping); err != nil {
			t.Errorf("unmap: %v", err)
		}
	})
	if err := unix.Mprotect(mapping[usable:], unix.PROT_NONE); err != nil {
		t.Fatalf("protect the guard page: %v", err)
	}
	b := &Buffer{t: t, mapping: mapping, head: mapping[:usable-size], data: mapping[usable-size : usable]}
	for i := range b.head {
		b.head[i] = canary
	}
	return b
}

// From returns a buffer that holds the values.
func From[T any](t testing.TB, values []T) *Buffer {
	t.Helper()
	var element T
	b := NewBuffer(t, len(values)*int(unsafe.Sizeof(element)))
	copy(View[T](b), values)
	return b
}

// View returns the data as a slice of T.
func View[T any](b *Buffer) []T {
	var element T
	if len(b.data) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b.data))), len(b.data)/int(unsafe.Sizeof(element)))
}

// Operand returns the absolute operand of the data.
func (b *Buffer) Operand() step.Operand {
	return step.Absolute(unsafe.Pointer(unsafe.SliceData(b.data)))
}

// Pointer returns the address of the data.
func (b *Buffer) Pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b.data)) }

// check fails the test where bytes ahead of the data were changed.
func (b *Buffer) check() {
	b.t.Helper()
	if count := bytes.Count(b.head, []byte{canary}); count != len(b.head) {
		b.t.Errorf("%d bytes ahead of an operand were overwritten", len(b.head)-count)
	}
}

// Run runs the tiles of the step from the last to the first, so that a dependence between tiles shows, and checks the buffers.
func Run(t testing.TB, s *step.Step, buffers ...*Buffer) {
	t.Helper()
	scratch := NewBuffer(t, int(s.ScratchBytes+63)&^63) // its end is aligned to a page, so its beginning to a cache line
	C.inferd_steptest_run((*C.inferd_step)(unsafe.Pointer(s)), scratch.Pointer())
	scratch.check()
	for _, b := range buffers {
		b.check()
	}
}

// Repeat runs the step count times on one thread, for benchmarks.
func Repeat(s *step.Step, scratch unsafe.Pointer, count int) {
	for range count {
		C.inferd_steptest_run((*C.inferd_step)(unsafe.Pointer(s)), scratch)
	}
}

// Random returns n reproducible values of a normal distribution.
func Random(seed uint64, n int) []float32 {
	generator := rand.New(rand.NewPCG(seed, 1))
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(generator.NormFloat64())
	}
	return values
}

// Package memory allocates memory that C owns: weights, arenas, staging buffers, step arrays.
//
// In: a size. Out: a zeroed block, aligned to a cache line, that the garbage collector neither moves nor scans. Large
// blocks are mapped, so that freeing one returns its pages to the system, and ask for huge pages.
package memory

// #include <stdlib.h>
// #include <string.h>
import "C"

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// Alignment of every block, a cache line and an AVX-512 vector. The usable size is rounded up to it, so a kernel may
	// read (not write) the whole last line.
	Alignment = 64
	// mapThreshold is the size from which blocks are mapped instead of taken from malloc.
	mapThreshold = 1 << 20
	// hugePage is the size from which huge pages can save TLB misses.
	hugePage = 2 << 20
)

// liveBytes counts what is allocated and not freed yet.
var liveBytes atomic.Int64

// LiveBytes returns how many bytes of C memory are allocated and not freed, for metrics and leak tests.
func LiveBytes() int64 { return liveBytes.Load() }

// Block is one allocation. It is freed by Free, never by the garbage collector.
type Block struct {
	pointer unsafe.Pointer
	size    int // as asked for
	total   int // rounded up
}

// Allocate returns a zeroed block of at least size bytes.
func Allocate(size int) (*Block, error) {
	if size < 0 || size > math.MaxInt-Alignment {
		return nil, fmt.Errorf("allocate C memory: invalid size %d", size)
	}
	total := max(Alignment, (size+Alignment-1)&^(Alignment-1))
	pointer, err := allocate(total)
	if err != nil {
		return nil, fmt.Errorf("allocate %d bytes of C memory: %w", size, err)
	}
	liveBytes.Add(int64(total))
	return &Block{pointer, size, total}, nil
}

func allocate(total int) (unsafe.Pointer, error) {
	if total >= mapThreshold {
		pointer, err := unix.MmapPtr(-1, 0, nil, uintptr(total), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err == nil && total >= hugePage {
			// A hint: a kernel without huge pages refuses it, and nothing is lost.
			_ = unix.Madvise(unsafe.Slice((*byte)(pointer), total), unix.MADV_HUGEPAGE)
		}
		return pointer, err
	}
	pointer := C.aligned_alloc(Alignment, C.size_t(total))
	if pointer == nil {
		return nil, unix.ENOMEM
	}
	C.memset(pointer, 0, C.size_t(total))
	return pointer, nil
}

// Pointer returns the address of the block.
func (b *Block) Pointer() unsafe.Pointer { return b.pointer }

// Address returns the address of the block as a number, for operands and bases.
func (b *Block) Address() uintptr { return uintptr(b.pointer) }

// Size returns the size that was asked for.
func (b *Block) Size() int { return b.size }

// Bytes views the block as a slice. It is valid until Free.
func (b *Block) Bytes() []byte { return unsafe.Slice((*byte)(b.pointer), b.size) }

// Float32s views the whole float32 values of the block. It is valid until Free.
func (b *Block) Float32s() []float32 { return unsafe.Slice((*float32)(b.pointer), b.size/4) }

// Free releases the block; freeing a nil or freed block does nothing.
func (b *Block) Free() {
	if b == nil || b.pointer == nil {
		return
	}
	pointer := b.pointer
	b.pointer = nil
	liveBytes.Add(-int64(b.total))
	if b.total < mapThreshold {
		C.free(pointer)
		return
	}
	if err := unix.MunmapPtr(pointer, uintptr(b.total)); err != nil {
		panic(fmt.Sprintf("unmap C memory that Allocate mapped: %v", err)) // the address space is corrupt
	}
}

// Package staging hands out C memory for the tensors of requests, for gathered batches and for the arenas of runs.
//
// In: sizes. Out: buffers, reused by size class. Two bounds hold: what is in use may not exceed a limit, beyond which
// requests are refused, and what is kept for reuse may not exceed another, so that memory goes back to the system after a
// burst. There is no lock: a class is a few slots that are swapped atomically.
package staging

import (
	"fmt"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/memory"
)

const (
	// smallest is the size of class 0.
	smallest = 4 << 10
	// steps is how many classes there are to a doubling of the size, so that a buffer wastes a quarter at most.
	steps = 4
	// slots is how many buffers of a class are kept.
	slots = 16
	// classes reach to 4 GiB; larger buffers are not kept.
	classes = 20*steps + 1
)

// ExhaustedError says that the pool's limit does not leave room for a buffer at present.
type ExhaustedError struct{ Size, InUse, Limit int64 }

func (e *ExhaustedError) Error() string {
	return fmt.Sprintf("%d bytes of staging memory are not free: %d of %d in use", e.Size, e.InUse, e.Limit)
}

// Pool is safe for concurrent use.
type Pool struct {
	limit, keep int64
	inUse, kept atomic.Int64
	class       [classes][slots]atomic.Pointer[Buffer]
}

// Buffer is C memory, aligned to a cache line, with unspecified content.
type Buffer struct {
	block *memory.Block
	pool  *Pool
	class int // -1: not kept
}

// New returns a pool that has at most limit bytes in use and keeps at most keep bytes for reuse.
func New(limit, keep int64) *Pool { return &Pool{limit: limit, keep: keep} }

// classOf returns the smallest class that holds size bytes, and its size; class -1 where there is none.
func classOf(size int64) (class int, total int64) {
	if size <= smallest {
		return 0, smallest
	}
	doubling := bits.Len64(uint64(size-1)) - 1 // size is in (1<<doubling, 2<<doubling]
	quarter := int64(1) << (doubling - 2)
	part := (size - int64(1)<<doubling + quarter - 1) / quarter // 1 to 4
	class = (doubling-12)*steps + int(part)
	if class >= classes {
		return -1, size
	}
	return class, int64(1)<<doubling + part*quarter
}

// Get returns a buffer of at least size bytes. The error is an *ExhaustedError or the system's.
func (p *Pool) Get(size int64) (*Buffer, error) {
	if size < 0 || size > p.limit {
		return nil, &ExhaustedError{size, p.inUse.Load(), p.limit}
	}
	class, total := classOf(size)
	if inUse := p.inUse.Add(total); inUse > p.limit {
		p.inUse.Add(-total)
		return nil, &ExhaustedError{size, inUse - total, p.limit}
	}
	if class >= 0 {
		for i := range p.class[class] {
			slot := &p.class[class][i]
			if slot.Load() == nil {
				continue
			}
			if b := slot.Swap(nil); b != nil {
				p.kept.Add(-total)
				return b, nil
			}
		}
	}
	block, err := memory.Allocate(int(total))
	if err != nil {
		p.inUse.Add(-total)
		return nil, err
	}
	return &Buffer{block: block, pool: p, class: class}, nil
}

// Release gives the buffer back; nothing may read it any more. Releasing nil does nothing.
func (b *Buffer) Release() {
	if b == nil {
		return
	}
	p, total := b.pool, int64(b.block.Size())
	p.inUse.Add(-total)
	if b.class >= 0 {
		if p.kept.Add(total) <= p.keep {
			for i := range p.class[b.class] {
				slot := &p.class[b.class][i]
				if slot.Load() == nil && slot.CompareAndSwap(nil, b) {
					return
				}
			}
		}
		p.kept.Add(-total)
	}
	b.block.Free()
}

// Pointer is the address of the buffer.
func (b *Buffer) Pointer() unsafe.Pointer { return b.block.Pointer() }

// Size is the number of bytes, at least those asked for.
func (b *Buffer) Size() int64 { return int64(b.block.Size()) }

// InUse is the number of bytes handed out and not released.
func (p *Pool) InUse() int64 { return p.inUse.Load() }

// Kept is the number of bytes held for reuse.
func (p *Pool) Kept() int64 { return p.kept.Load() }

// Trim frees what is kept for reuse.
func (p *Pool) Trim() {
	for class := range p.class {
		for i := range p.class[class] {
			if b := p.class[class][i].Swap(nil); b != nil {
				p.kept.Add(-b.Size())
				b.block.Free()
			}
		}
	}
}

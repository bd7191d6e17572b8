// Package runtime runs programs: arrays of steps in C memory, on a pool of compute threads.
//
// In: steps that planners made, base addresses, a cursor and a quantum. Out: the steps done, or the cursor where to go on.
// One cgo call runs as many steps as the quantum allows. Callers take part in their own run; helpers, plain threads that
// sleep between runs, join where the work is worth a wake-up. Whoever computes holds one of the pool's tokens, so the
// number of runnable compute threads never exceeds the configured one, whatever number of goroutines call Run.
package runtime

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lpthread
// #cgo noescape inferd_pool_run
// #cgo nocallback inferd_pool_run
// #include "pool.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// MaxThreads is the largest number of threads of a pool.
const MaxThreads = 1024

// Limits that keep the runner's arithmetic in range; no planner comes near them.
const (
	maxTiles        = math.MaxInt32
	maxScratchBytes = 1 << 32
	shareNS         = C.INFERD_SHARE_NS
)

// Pool is a set of compute threads. Its methods may be called from any number of goroutines.
type Pool struct {
	pool    *C.inferd_pool
	threads int
	closed  atomic.Bool
}

// New starts a pool of the given number of threads in all; a goroutine inside Run is one of them.
func New(threads int) (*Pool, error) {
	if threads < 1 || threads > MaxThreads {
		return nil, fmt.Errorf("compute pool of %d threads: want 1 to %d", threads, MaxThreads)
	}
	p := &Pool{threads: threads}
	if code := C.inferd_pool_create(C.int(threads), &p.pool); code != 0 {
		return nil, fmt.Errorf("start a compute pool of %d threads: %w", threads, syscall.Errno(code))
	}
	return p, nil
}

// Threads returns the number of threads, callers included.
func (p *Pool) Threads() int { return p.threads }

// Close ends the helper threads and frees the pool. No Run may be in progress; later ones fail.
func (p *Pool) Close() {
	if !p.closed.Swap(true) {
		C.inferd_pool_destroy(p.pool)
	}
}

// Cursor says where a run goes on: everything before this tile of this step is done. The zero value is the start.
type Cursor struct {
	Step int64
	Tile int64
}

var (
	errClosed = errors.New("run: the compute pool is closed")
	errCursor = errors.New("run: the cursor lies outside the steps")
	errBases  = errors.New("run: too few base addresses for the steps")
	errMemory = errors.New("run: out of memory for the steps' scratch")
)

// Pause says when a run stops at a tile boundary; the zero value is never.
type Pause struct {
	// Quantum is how long a run goes on; 0 is for ever.
	Quantum time.Duration
	// Wanted, where it is not nil, takes the quantum's place: the run goes on until another goroutine has made it 1.
	Wanted *uint32
}

// Run runs the steps from the cursor on, until they are done or until the first tile boundary after the pause. It returns the cursor to go on with, and whether the steps are done. bases[i] is the address that
// operands of base i are relative to; bases[0] is 0. It allocates nothing.
func (p *Pool) Run(steps *Steps, bases []uintptr, cursor Cursor, pause Pause) (Cursor, bool, error) {
	switch {
	case p.closed.Load():
		return cursor, false, errClosed
	case len(bases) < steps.bases:
		return cursor, false, errBases
	case !steps.holds(cursor):
		return cursor, false, errCursor
	}
	status := C.inferd_pool_run(p.pool, steps.program, (*unsafe.Pointer)(unsafe.Pointer(unsafe.SliceData(bases))),
		(*C.inferd_cursor)(unsafe.Pointer(&cursor)), C.int64_t(pause.Quantum), (*C.uint32_t)(unsafe.Pointer(pause.Wanted)))
	switch status {
	case C.INFERD_RUN_DONE:
		return cursor, true, nil
	case C.INFERD_RUN_PAUSED:
		return cursor, false, nil
	}
	return cursor, false, errMemory
}

// Steps is a step array in C memory. It does not change, so any number of runs may use it at once.
type Steps struct {
	block   *memory.Block
	program *C.inferd_program
	steps   []step.Step // a view of the block
	bases   int
	cost    time.Duration
}

// NewSteps copies the steps to C memory. It fails where a step could not be run.
func NewSteps(steps []step.Step) (*Steps, error) {
	s := &Steps{bases: 1}
	scratch := int64(0)
	for i := range steps {
		bases, err := check(&steps[i])
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		s.bases = max(s.bases, bases)
		scratch = max(scratch, steps[i].ScratchBytes)
		s.cost += time.Duration(steps[i].CostNS)
	}
	stepBytes := len(steps) * int(unsafe.Sizeof(step.Step{}))
	shareableOffset := int(unsafe.Sizeof(C.inferd_program{}))
	stepOffset := shareableOffset + 8*(len(steps)+1)
	block, err := memory.Allocate(stepOffset + stepBytes)
	if err != nil {
		return nil, fmt.Errorf("%d steps: %w", len(steps), err)
	}
	s.block = block
	s.program = (*C.inferd_program)(block.Pointer())
	shareable := unsafe.Slice((*int64)(unsafe.Add(block.Pointer(), shareableOffset)), len(steps)+1)
	first := unsafe.Add(block.Pointer(), stepOffset)
	s.steps = unsafe.Slice((*step.Step)(first), len(steps))
	copy(s.steps, steps)
	for i := len(steps) - 1; i >= 0; i-- {
		shareable[i] = shareable[i+1]
		if steps[i].Tiles > 1 && steps[i].CostNS >= shareNS {
			shareable[i] += steps[i].CostNS
		}
	}
	s.program.step = (*C.inferd_step)(first)
	s.program.shareable_ns = (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(shareable)))
	s.program.steps = C.int64_t(len(steps))
	s.program.scratch_bytes = C.int64_t(scratch)
	return s, nil
}

// check reports what makes a step impossible to run, and how many bases it needs.
func check(s *step.Step) (bases int, err error) {
	switch {
	case s.Kernel == nil:
		return 0, errors.New("no kernel")
	case s.Tiles < 1 || s.Tiles > maxTiles:
		return 0, fmt.Errorf("%d tiles, want 1 to %d", s.Tiles, maxTiles)
	case s.ScratchBytes < 0 || s.ScratchBytes > maxScratchBytes:
		return 0, fmt.Errorf("%d bytes of scratch, want 0 to %d", s.ScratchBytes, int64(maxScratchBytes))
	case s.CostNS < 0 || s.CostNS > math.MaxInt64/1024:
		return 0, fmt.Errorf("cost of %d ns is out of range", s.CostNS)
	}
	for i, operand := range s.Operand {
		if operand.Base < 0 || operand.Base > math.MaxInt32 {
			return 0, fmt.Errorf("operand %d has base %d", i, operand.Base)
		}
		bases = max(bases, int(operand.Base)+1)
	}
	return bases, nil
}

// holds reports whether a run may go on at the cursor.
func (s *Steps) holds(c Cursor) bool {
	if c.Step == int64(len(s.steps)) {
		return c.Tile == 0
	}
	return c.Step >= 0 && c.Step < int64(len(s.steps)) && c.Tile >= 0 && c.Tile <= s.steps[c.Step].Tiles
}

// Len returns the number of steps.
func (s *Steps) Len() int { return len(s.steps) }

// Cost returns the planners' estimate for all steps on one thread.
func (s *Steps) Cost() time.Duration { return s.cost }

// Free releases the steps. No Run with them may be in progress or follow.
func (s *Steps) Free() {
	s.block.Free()
	s.steps, s.program = nil, nil
}

package runtime

import (
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/runtimetest"
	"github.com/inferd/inferd/kernels/cpu/step"
)

func TestStepLayout(t *testing.T) {
	var s step.Step
	var o step.Operand
	want := []int64{
		int64(unsafe.Sizeof(s)), int64(unsafe.Offsetof(s.Kernel)), int64(unsafe.Offsetof(s.Tiles)), int64(unsafe.Offsetof(s.ScratchBytes)),
		int64(unsafe.Offsetof(s.CostNS)), int64(unsafe.Offsetof(s.Operand)), int64(unsafe.Offsetof(s.Parameter)),
		int64(unsafe.Sizeof(o)), int64(unsafe.Offsetof(o.Base)), int64(unsafe.Offsetof(o.Offset)),
	}
	if got := runtimetest.Layout(); !reflect.DeepEqual(got, want) {
		t.Errorf("layout of a step in C is %v, in Go %v", got, want)
	}
}

func newPool(t testing.TB, threads int) *Pool {
	pool, err := New(threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func newBlock(t testing.TB, size int) *memory.Block {
	block, err := memory.Allocate(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(block.Free)
	return block
}

func newSteps(t testing.TB, steps []step.Step) *Steps {
	s, err := NewSteps(steps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Free)
	return s
}

// counted is a chain of counting steps, each of which checks the one ahead, over one arena.
type counted struct {
	steps *Steps
	arena *memory.Block
	bases []uintptr
	runs  int64
}

func newCounted(t testing.TB, tiles []int, spin []time.Duration) *counted {
	var steps []step.Step
	total := 0
	previous, length := step.Operand{}, 0
	for i, n := range tiles {
		counts := step.Operand{Base: step.BaseArena, Offset: int64(8 * total)}
		s := runtimetest.Count(n, spin[i%len(spin)], counts, previous, length)
		s.ScratchBytes = int64(17 * (i % 3))
		steps = append(steps, s)
		previous, length = counts, n
		total += n
	}
	c := &counted{steps: newSteps(t, steps), arena: newBlock(t, 8*total)}
	c.bases = []uintptr{0, c.arena.Address()}
	return c
}

// run runs the chain to its end and checks that each tile ran once more, and after the step ahead.
func (c *counted) run(t testing.TB, pool *Pool, quantum time.Duration) (pauses int) {
	cursor, done := Cursor{}, false
	for !done {
		var err error
		if cursor, done, err = pool.Run(c.steps, c.bases, cursor, Pause{Quantum: quantum}); err != nil {
			t.Error(err)
			return pauses
		}
		if !done {
			pauses++
		}
	}
	c.runs++
	for i, got := range unsafe.Slice((*int64)(c.arena.Pointer()), c.arena.Size()/8) {
		if got != c.runs {
			t.Errorf("tile %d counted %d, want %d", i, got, c.runs)
			return pauses
		}
	}
	return pauses
}

func TestRunsEveryTileOnceInOrder(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		pool := newPool(t, threads)
		for _, quantum := range []time.Duration{0, 1, 50 * time.Microsecond, 10 * time.Millisecond} {
			chain := newCounted(t, []int{1, 7, 64, 1, 1000, 3, 200}, []time.Duration{0, 2000, 20000, 0})
			for range 5 {
				chain.run(t, pool, quantum)
			}
		}
	}
}

func TestQuantum(t *testing.T) {
	pool := newPool(t, 2)
	long := newCounted(t, []int{200, 1, 200}, []time.Duration{50 * time.Microsecond})
	if pauses := long.run(t, pool, time.Millisecond); pauses < 3 {
		t.Errorf("20 ms of work on two threads paused %d times in quanta of 1 ms", pauses)
	}
	if pauses := long.run(t, pool, 0); pauses != 0 {
		t.Errorf("paused %d times without a quantum", pauses)
	}
	short := newCounted(t, []int{1, 1, 1}, []time.Duration{0})
	if pauses := short.run(t, pool, time.Millisecond); pauses != 0 {
		t.Errorf("a short run paused %d times", pauses)
	}
}

func TestRunPausesWhereWanted(t *testing.T) {
	for _, threads := range []int{1, 2} {
		pool := newPool(t, threads)
		chain := newCounted(t, []int{200, 1, 200}, []time.Duration{50 * time.Microsecond})
		wanted := new(uint32)
		pause := Pause{Quantum: time.Microsecond, Wanted: wanted}
		if _, done, err := pool.Run(chain.steps, chain.bases, Cursor{}, pause); !done || err != nil {
			t.Errorf("done %v, error %v, though nobody wanted a pause", done, err)
		}
		time.AfterFunc(2*time.Millisecond, func() { atomic.StoreUint32(wanted, 1) })
		cursor, done, err := pool.Run(chain.steps, chain.bases, Cursor{}, pause)
		if done || err != nil || cursor == (Cursor{}) {
			t.Errorf("done %v at %v, error %v: no pause", done, cursor, err)
		}
		next, _, err := pool.Run(chain.steps, chain.bases, cursor, pause)
		if err != nil || next.Step == cursor.Step && next.Tile <= cursor.Tile {
			t.Errorf("at %v after %v, error %v: no progress", next, cursor, err)
		}
	}
}

func TestConcurrentRuns(t *testing.T) {
	for _, threads := range []int{1, 2, 4} {
		pool := newPool(t, threads)
		var group sync.WaitGroup
		for lane := range 6 {
			chain := newCounted(t, []int{40, 1, 300, 2, 60}, []time.Duration{time.Duration(lane) * 500, 0})
			group.Go(func() {
				for range 20 {
					chain.run(t, pool, 200*time.Microsecond)
				}
			})
		}
		group.Wait()
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	const threads = 3
	pool := newPool(t, threads)
	counters := newBlock(t, 128)
	present, most := step.Operand{Base: step.BaseArena}, step.Operand{Base: step.BaseArena, Offset: 64}
	steps := newSteps(t, []step.Step{runtimetest.Concurrency(100, 20*time.Microsecond, present, most)})
	var group sync.WaitGroup
	for range 2 * threads {
		group.Go(func() {
			for range 20 {
				if _, done, err := pool.Run(steps, []uintptr{0, counters.Address()}, Cursor{}, Pause{}); err != nil || !done {
					t.Errorf("done %v, error %v", done, err)
				}
			}
		})
	}
	group.Wait()
	values := unsafe.Slice((*int64)(counters.Pointer()), 16)
	if values[0] != 0 || values[8] < 1 || values[8] > threads {
		t.Errorf("%d inside at the end, at most %d at once on %d threads", values[0], values[8], threads)
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	pool := newPool(t, 2)
	chain := newCounted(t, []int{4, 1}, []time.Duration{0})
	bases := chain.bases
	if allocations := testing.AllocsPerRun(100, func() {
		if _, done, err := pool.Run(chain.steps, bases, Cursor{}, Pause{Quantum: time.Millisecond}); !done || err != nil {
			t.Error(done, err)
		}
	}); allocations != 0 {
		t.Errorf("%g allocations a run", allocations)
	}
}

func TestErrors(t *testing.T) {
	for _, threads := range []int{-1, 0, MaxThreads + 1} {
		if pool, err := New(threads); err == nil {
			pool.Close()
			t.Errorf("%d threads: no error", threads)
		}
	}
	good := runtimetest.Count(1, 0, step.Operand{Base: step.BaseArena}, step.Operand{}, 0)
	for name, change := range map[string]func(*step.Step){
		"kernel":  func(s *step.Step) { s.Kernel = nil },
		"tiles":   func(s *step.Step) { s.Tiles = 0 },
		"many":    func(s *step.Step) { s.Tiles = math.MaxInt32 + 1 },
		"scratch": func(s *step.Step) { s.ScratchBytes = -1 },
		"cost":    func(s *step.Step) { s.CostNS = -1 },
		"base":    func(s *step.Step) { s.Operand[3].Base = -1 },
	} {
		bad := good
		change(&bad)
		if steps, err := NewSteps([]step.Step{good, bad}); err == nil {
			steps.Free()
			t.Errorf("%s: no error", name)
		}
	}
	pool := newPool(t, 1)
	steps := newSteps(t, []step.Step{good})
	for _, cursor := range []Cursor{{Step: -1}, {Step: 2}, {Step: 1, Tile: 1}, {Tile: 2}, {Tile: -1}} {
		if _, _, err := pool.Run(steps, []uintptr{0, 0}, cursor, Pause{}); err == nil {
			t.Errorf("cursor %v: no error", cursor)
		}
	}
	if _, _, err := pool.Run(steps, []uintptr{0}, Cursor{}, Pause{}); err == nil {
		t.Error("missing base: no error")
	}
	if _, done, err := pool.Run(steps, []uintptr{0, 0}, Cursor{Step: 1}, Pause{}); !done || err != nil {
		t.Error("a run that goes on at its end is not done")
	}
	empty := newSteps(t, nil)
	if _, done, err := pool.Run(empty, []uintptr{0}, Cursor{}, Pause{}); !done || err != nil {
		t.Error("no steps: not done")
	}
	pool.Close()
	pool.Close()
	if _, _, err := pool.Run(steps, []uintptr{0, 0}, Cursor{}, Pause{}); err == nil {
		t.Error("closed pool: no error")
	}
}

func TestMemoryIsReturned(t *testing.T) {
	before := memory.LiveBytes()
	steps, err := NewSteps(make([]step.Step, 0))
	if err != nil {
		t.Fatal(err)
	}
	steps.Free()
	if after := memory.LiveBytes(); after != before {
		t.Errorf("%d bytes leaked", after-before)
	}
}

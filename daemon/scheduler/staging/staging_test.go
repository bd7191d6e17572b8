package staging

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/memory"
)

func TestClasses(t *testing.T) {
	last, previous := int64(0), -1
	for size := int64(1); size < 20<<30; size += 1 + size/37 {
		class, total := classOf(size)
		if total < size || total > max(smallest, size+size/4+1) {
			t.Fatalf("size %d has class %d of %d bytes", size, class, total)
		}
		if class >= 0 && (class < previous || class == previous && total != last) {
			t.Fatalf("size %d: class %d of %d bytes follows class %d of %d", size, class, total, previous, last)
		}
		if class >= 0 {
			previous, last = class, total
		}
	}
	if previous != classes-1 {
		t.Errorf("largest class %d, want %d", previous, classes-1)
	}
}

func TestBounds(t *testing.T) {
	live := memory.LiveBytes()
	p := New(1<<20, 64<<10)
	var list []*Buffer
	for {
		b, err := p.Get(10_000)
		if err != nil {
			var exhausted *ExhaustedError
			if !errors.As(err, &exhausted) {
				t.Fatal(err)
			}
			break
		}
		list = append(list, b)
	}
	if p.InUse() > 1<<20 || p.InUse() < 1<<20-12<<10 {
		t.Errorf("%d bytes in use", p.InUse())
	}
	for _, b := range list {
		b.Release()
	}
	if p.InUse() != 0 || p.Kept() > 64<<10 || p.Kept() == 0 {
		t.Errorf("%d bytes in use, %d kept", p.InUse(), p.Kept())
	}
	if _, err := p.Get(2 << 20); err == nil {
		t.Error("a buffer beyond the limit was handed out")
	}
	if _, err := p.Get(-1); err == nil {
		t.Error("a negative size was accepted")
	}
	p.Trim()
	if p.Kept() != 0 || memory.LiveBytes() != live {
		t.Errorf("%d bytes kept, %d bytes leaked", p.Kept(), memory.LiveBytes()-live)
	}
}

func TestConcurrentUse(t *testing.T) {
	live := memory.LiveBytes()
	p := New(1<<30, 1<<20)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			for range 5_000 {
				b, err := p.Get(1 + random.Int64N(100_000))
				if err != nil {
					t.Error(err)
					return
				}
				view := unsafe.Slice((*byte)(b.Pointer()), b.Size())
				view[0], view[len(view)-1] = byte(worker), byte(worker)
				if view[0] != byte(worker) || view[len(view)-1] != byte(worker) {
					t.Error("a buffer has two owners")
				}
				b.Release()
			}
		})
	}
	group.Wait()
	p.Trim()
	if p.InUse() != 0 || p.Kept() != 0 || memory.LiveBytes() != live {
		t.Errorf("%d in use, %d kept, %d leaked", p.InUse(), p.Kept(), memory.LiveBytes()-live)
	}
}

func TestNoAllocation(t *testing.T) {
	p := New(1<<20, 1<<20)
	if got := testing.AllocsPerRun(100, func() {
		b, err := p.Get(5000)
		if err != nil {
			t.Fatal(err)
		}
		b.Release()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
	p.Trim()
}

//go:build cuda

package cuda_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

func TestAttributes(t *testing.T) {
	d := open(t)
	a := d.Attributes()
	if a.Multiprocessors < 1 || a.ThreadsPerBlock < 1024 || a.SharedPerBlock < 48<<10 || a.SharedPerBlockOptIn < a.SharedPerBlock ||
		a.SharedPerProcessor < a.SharedPerBlockOptIn || a.RegistersPerBlock < 1<<15 || a.L2Bytes < 1 || a.MemoryBusBits < 1 || a.AsyncEngines < 1 {
		t.Errorf("%+v", a)
	}
	if d.Info().Ordinal != 0 || d.Lost() {
		t.Errorf("%+v", d.Info())
	}
}

// TestDo runs functions one after the other, whoever asks.
func TestDo(t *testing.T) {
	d := open(t)
	var inside, total atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				err := d.Do(func() error {
					if inside.Add(1) != 1 {
						t.Error("two functions run at a time")
					}
					total.Add(1)
					inside.Add(-1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if total.Load() != 800 {
		t.Errorf("%d functions ran", total.Load())
	}
	want := errors.New("of the function")
	if err := d.Do(func() error { return want }); err != want {
		t.Errorf("the error is %v", err)
	}
}

// TestTwoDevices share nothing.
func TestTwoDevices(t *testing.T) {
	needFake(t)
	first := open(t)
	second, err := cuda.Open("1")
	must(t, err)
	a, err := first.Allocate(1 << 20)
	must(t, err)
	b, err := second.Allocate(1 << 20)
	must(t, err)
	if err := second.Free(a); err == nil {
		t.Error("a device freed another one's memory")
	}
	must(t, first.Free(a), second.Free(b), second.Close())
}

// TestClose frees what its owner left, once.
func TestClose(t *testing.T) {
	d, err := cuda.Open("0")
	must(t, err)
	_, err = d.Allocate(1000)
	must(t, err)
	_, err = d.AllocatePinned(1000)
	must(t, err)
	must(t, d.Close(), d.Close())
	if usage := d.Usage(); usage != (cuda.Usage{}) {
		t.Errorf("%+v is left", usage)
	}
	if fake != nil && fake.Report() != (fakedriver.Report{}) {
		t.Errorf("%+v is left in the driver", fake.Report())
	}
	if _, err := d.Allocate(1); !errors.Is(err, cuda.ErrClosed) {
		t.Errorf("a closed device allocates: %v", err)
	}
}

// TestOpeningFails fails each call of the driver that opening makes: the error is one, and nothing is left.
func TestOpeningFails(t *testing.T) {
	needFake(t)
	cuda.Probe() // whose calls are made once only
	failures := 0
	for nth := int64(1); ; nth++ {
		fake.Fail(fakedriver.Any, nth, unknown, false)
		d, err := cuda.Open("0")
		failed := fake.Failed()
		fake.Recover()
		if err == nil {
			must(t, d.Close())
		}
		if failed == "" {
			break
		}
		var e *cuda.Error
		if failures++; err == nil || !errors.As(err, &e) || e.Code != unknown || e.Name != "CUDA_ERROR_UNKNOWN" {
			t.Errorf("%s fails: %v", failed, err)
		}
		if report := fake.Report(); report != (fakedriver.Report{}) {
			t.Fatalf("%s fails: %+v is left", failed, report)
		}
	}
	if failures < 10 {
		t.Errorf("only %d calls failed", failures)
	}
}

func TestMemory(t *testing.T) {
	d := open(t)
	before, total, err := d.Memory()
	must(t, err)
	const size = 3 << 20
	a, err := d.Allocate(size)
	must(t, err)
	if a%256 != 0 {
		t.Errorf("memory at %#x is not aligned", uint64(a))
	}
	if free, _, err := d.Memory(); err != nil || fake != nil && free != before-size || total <= 0 {
		t.Errorf("%d bytes of %d are free, there were %d: %v", free, total, before, err)
	}
	if usage := d.Usage(); usage.DeviceBytes != size {
		t.Errorf("%+v", usage)
	}
	data, back := make([]byte, size), make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	must(t, d.CopyTo(a, data), d.CopyFrom(back, a))
	for i := range data {
		if data[i] != back[i] {
			t.Fatalf("byte %d is %d, want %d", i, back[i], data[i])
		}
	}
	must(t, d.CopyTo(a, nil), d.CopyFrom(nil, a), d.Free(a), d.Free(0))
	if err := d.Free(a); err == nil {
		t.Error("memory was freed twice")
	}
	for _, bytes := range []int64{0, -1} {
		if _, err := d.Allocate(bytes); err == nil {
			t.Errorf("%d bytes were allocated", bytes)
		}
		if _, err := d.AllocatePinned(bytes); err == nil {
			t.Errorf("%d bytes were pinned", bytes)
		}
	}
}

func TestPinnedMemory(t *testing.T) {
	d := open(t)
	const size = 100000
	p, err := d.AllocatePinned(size)
	must(t, err)
	if usage := d.Usage(); usage.PinnedBytes != size {
		t.Errorf("%+v", usage)
	}
	memory := unsafe.Slice((*byte)(p), size)
	memory[0], memory[size-1] = 1, 2
	must(t, d.FreePinned(p), d.FreePinned(nil))
	if err := d.FreePinned(p); err == nil {
		t.Error("memory was freed twice")
	}
}

func TestTooLittleMemory(t *testing.T) {
	d := open(t)
	_, total, err := d.Memory()
	must(t, err)
	_, err = d.Allocate(2 * total)
	if !cuda.IsOutOfMemory(err) || cuda.IsSticky(err) || d.Lost() {
		t.Errorf("the error is %v", err)
	}
	if fake == nil {
		return
	}
	fake.Fail("cuMemHostAlloc", 1, outOfMemory, false)
	if _, err = d.AllocatePinned(100); !cuda.IsOutOfMemory(err) {
		t.Errorf("the error is %v", err)
	}
}

// TestStrayCopies copies beyond the end of an allocation.
func TestStrayCopies(t *testing.T) {
	needFake(t)
	d := open(t)
	a, err := d.Allocate(100)
	must(t, err)
	if err := d.CopyTo(a, make([]byte, 101)); err == nil {
		t.Error("a copy to beyond the end succeeds")
	}
	if err := d.CopyFrom(make([]byte, 100), a+1); err == nil {
		t.Error("a copy from beyond the end succeeds")
	}
	must(t, d.Free(a))
}

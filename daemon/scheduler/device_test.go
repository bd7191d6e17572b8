package scheduler

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// fakeDevice runs programs by itself, as many at once as it has slots. The tests say when a run that was submitted completes.
type fakeDevice struct {
	start func(run func()) // begins a run; run computes and completes it
	slots atomic.Int64
	used  atomic.Int64 // the most slots at once
	taken atomic.Int64
	fail  atomic.Pointer[error] // of Submit
	lost  atomic.Pointer[error] // of runs
}

func newFakeDevice(slots int64, start func(run func())) *fakeDevice {
	d := &fakeDevice{start: start}
	d.slots.Store(slots)
	return d
}

type fakeExecutor struct {
	device  *fakeDevice
	program *program.Program
}

func (e *fakeExecutor) Close() {}

func (e *fakeExecutor) Acquire() (program.Slot, error) {
	if n := e.device.taken.Add(1); n > e.device.slots.Load() {
		e.device.taken.Add(-1)
		return nil, nil
	} else if n > e.device.used.Load() {
		e.device.used.Store(n)
	}
	s := &fakeSlot{executor: e}
	size := int(program.StatusBytes + 2*e.program.Inputs[0].Bytes + memory.Alignment)
	block, err := memory.Allocate(size)
	if err != nil {
		return nil, err
	}
	s.block = block
	at := block.Pointer()
	s.frame.Bases = []unsafe.Pointer{nil, at, unsafe.Add(at, program.StatusBytes), unsafe.Add(at, program.StatusBytes+e.program.Inputs[0].Bytes)}
	return s, nil
}

type fakeSlot struct {
	executor *fakeExecutor
	block    *memory.Block
	frame    program.Frame
}

func (s *fakeSlot) Frame() *program.Frame { return &s.frame }

func (s *fakeSlot) Submit(done program.Completion) error {
	d := s.executor.device
	if err := d.fail.Load(); err != nil {
		return *err
	}
	d.start(func() {
		_, _, err := s.executor.program.Run(&s.frame, program.Cursor{}, 0)
		if lost := d.lost.Load(); lost != nil {
			err = *lost
		}
		done.Complete(err)
	})
	return nil
}

func (s *fakeSlot) Release() {
	s.block.Free()
	s.executor.device.taken.Add(-1)
}

// TestDeviceRunsSeveralBatches sends requests of several shapes and models to a device that completes runs out of order.
func TestDeviceRunsSeveralBatches(t *testing.T) {
	s := newTestScheduler(t, Options{})
	device := newFakeDevice(3, func(run func()) {
		go func() {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
			run()
		}()
	})
	a := newTestModel(t, s, &fakeCompiler{device: device}, ModelOptions{Name: "a", Policy: defaultPolicy})
	b := newTestModel(t, s, &fakeCompiler{device: device}, ModelOptions{Name: "b", Policy: defaultPolicy})
	var group sync.WaitGroup
	for worker := range 12 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			j := newTestJob(t, s.staging)
			for n := range 200 {
				rows, width, start := 1+random.IntN(3), 1+random.IntN(3), float32(worker*1000+n)
				j.fill(t, []*Model{a, b}[random.IntN(2)], rows, width, start)
				if err := s.Do(j.Job, nil); err != nil {
					t.Error(err)
					return
				}
				if err := j.check(rows, width, start); err != nil {
					t.Error(err)
				}
				j.Reset()
			}
		})
	}
	group.Wait()
	if used := device.used.Load(); used < 2 || used > 3 {
		t.Errorf("at most %d runs at once, on 3 slots", used)
	}
	if n := device.taken.Load(); n != 0 {
		t.Errorf("%d slots are not returned", n)
	}
	if st := a.Statistics(); st.Executions >= st.Succeeded || st.InFlight != 0 {
		t.Errorf("%d runs for %d requests, %d in flight", st.Executions, st.Succeeded, st.InFlight)
	}
	a.Release()
	b.Release()
}

// TestDeviceErrors answers jobs whose run could not be submitted or was lost, and batches with one bad row.
func TestDeviceErrors(t *testing.T) {
	s := newTestScheduler(t, Options{})
	device := newFakeDevice(2, func(run func()) { go run() })
	m := newTestModel(t, s, &fakeCompiler{device: device}, ModelOptions{Policy: defaultPolicy})
	defer m.Release()
	j := newTestJob(t, s.staging)
	do := func(start float32) error {
		defer j.Reset()
		j.fill(t, m, 1, 2, start)
		if err := s.Do(j.Job, nil); err != nil {
			return err
		}
		return j.check(1, 2, start)
	}
	if err := do(1); err != nil {
		t.Fatal(err)
	}
	lost := error(&program.DeviceError{Device: "fake", Lost: true, Err: errPlanted})
	device.fail.Store(&lost)
	if err := do(1); !errors.Is(err, errPlanted) {
		t.Errorf("a submit that fails: %v", err)
	}
	device.fail.Store(nil)
	device.lost.Store(&lost)
	if err := do(1); !errors.Is(err, errPlanted) {
		t.Errorf("a run that is lost: %v", err)
	}
	device.lost.Store(nil)
	var data *program.DataError
	if err := do(badElement); !errors.As(err, &data) {
		t.Errorf("bad data: %v", err)
	}
	if err := do(2); err != nil {
		t.Error(err)
	}
	if n := device.taken.Load(); n != 0 {
		t.Errorf("%d slots are not returned", n)
	}
}

// TestBadRowOnTheDeviceFailsAlone has a batch fail for the data of one of its jobs.
func TestBadRowOnTheDeviceFailsAlone(t *testing.T) {
	s := newTestScheduler(t, Options{})
	hold := make(chan struct{})
	device := newFakeDevice(1, func(run func()) { go func() { <-hold; run() }() })
	m := newTestModel(t, s, &fakeCompiler{device: device}, ModelOptions{Policy: defaultPolicy})
	defer m.Release()
	for _, rows := range []int64{1, 2, 3, 4} {
		if err := m.Compile([][]int64{{rows, 2}}); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	var bad, good atomic.Int64
	for i := range 4 {
		group.Go(func() {
			j := newTestJob(t, s.staging)
			start := float32(i)
			if i == 2 {
				start = badElement
			}
			j.fill(t, m, 1, 2, start)
			if err := s.Do(j.Job, nil); err != nil {
				t.Error(err)
			}
			var data *program.DataError
			switch err := j.check(1, 2, start); {
			case err == nil:
				good.Add(1)
			case errors.As(err, &data):
				bad.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for m.InFlight() < 4 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	group.Wait()
	if good.Load() != 3 || bad.Load() != 1 {
		t.Errorf("%d good and %d bad answers", good.Load(), bad.Load())
	}
}

// TestDeviceSlotsAreWaitedFor takes the only slot away, as the making of a program does, and gives it back.
func TestDeviceSlotsAreWaitedFor(t *testing.T) {
	s := newTestScheduler(t, Options{})
	device := newFakeDevice(0, func(run func()) { go run() })
	m := newTestModel(t, s, &fakeCompiler{device: device}, ModelOptions{Policy: defaultPolicy})
	defer m.Release()
	j := newTestJob(t, s.staging)
	j.fill(t, m, 1, 2, 1)
	answered := make(chan error)
	go func() { answered <- s.Do(j.Job, nil) }()
	select {
	case err := <-answered:
		t.Fatalf("answered without a slot: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	device.slots.Store(1)
	if err := m.Compile([][]int64{{2, 2}}); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if err := j.check(1, 2, 1); err != nil {
		t.Error(err)
	}
}

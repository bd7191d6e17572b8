package scheduler

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/staging"
)

func TestOneJob(t *testing.T) {
	s := newTestScheduler(t, Options{})
	m := newTestModel(t, s, &fakeCompiler{}, ModelOptions{})
	defer m.Release()
	j := newTestJob(t, s.staging)
	for round := range 3 {
		j.fill(t, m, 2, 3, float32(round))
		if err := s.Do(j.Job, nil); err != nil {
			t.Fatal(err)
		}
		if err := j.check(2, 3, float32(round)); err != nil {
			t.Fatal(err)
		}
		if j.Started < j.Arrived || j.Finished < j.Started || j.BatchRows != 2 {
			t.Errorf("times %d %d %d, %d rows", j.Arrived, j.Started, j.Finished, j.BatchRows)
		}
		j.Reset()
	}
	if st := m.Statistics(); st.Succeeded != 3 || st.Executions != 3 || st.Rows != 6 || st.InFlight != 0 || st.Programs != 1 {
		t.Errorf("statistics %+v", st)
	}
}

func TestCompileErrorAndPanicsReachTheCaller(t *testing.T) {
	s := newTestScheduler(t, Options{})
	c := &fakeCompiler{fail: func(shapes [][]int64) error {
		switch shapes[0][1] {
		case 7:
			return errPlanted
		case 8:
			panic("planted")
		}
		return nil
	}}
	m := newTestModel(t, s, c, ModelOptions{})
	defer m.Release()
	j := newTestJob(t, s.staging)
	var compileError *CompileError
	var panicError *PanicError
	j.fill(t, m, 1, 7, 0)
	if err := s.Do(j.Job, nil); err != nil || !errors.As(j.Err, &compileError) || !errors.Is(j.Err, errPlanted) {
		t.Errorf("%v, %v", err, j.Err)
	}
	j.Reset()
	j.fill(t, m, 1, 8, 0)
	if err := s.Do(j.Job, nil); err != nil || !errors.As(j.Err, &panicError) {
		t.Errorf("%v, %v", err, j.Err)
	}
	j.Reset()
	c.crash.Store(true)
	j.fill(t, m, 1, 4, 0)
	if err := s.Do(j.Job, nil); err != nil || !errors.As(j.Err, &panicError) {
		t.Errorf("%v, %v", err, j.Err)
	}
	j.Reset()
	c.crash.Store(false)
	j.fill(t, m, 1, 4, 0)
	if err := s.Do(j.Job, nil); err != nil || j.check(1, 4, 0) != nil {
		t.Errorf("after a panic: %v, %v", err, j.Err)
	}
}

// TestManyShapesAndRows batches requests of several shapes from many goroutines and checks every answer.
func TestManyShapesAndRows(t *testing.T) {
	s := newTestScheduler(t, Options{Lanes: 2})
	// A run that sleeps lets other handlers push meanwhile, however few processors there are.
	c := &fakeCompiler{cost: 20 * time.Microsecond, sleep: time.Sleep}
	m := newTestModel(t, s, c, ModelOptions{Policy: defaultPolicy})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			j := newTestJob(t, s.staging)
			for n := range 300 {
				rows, width, start := 1+random.IntN(3), 1+random.IntN(3), float32(worker*1000+n)
				j.fill(t, m, rows, width, start)
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
	st := m.Statistics()
	if st.Succeeded != 2400 || st.InFlight != 0 {
		t.Errorf("statistics %+v", st)
	}
	if st.Executions >= st.Succeeded {
		t.Errorf("%d runs for %d requests: nothing was batched", st.Executions, st.Succeeded)
	}
	m.Release()
	for c.closed.Load() != c.made.Load() {
		time.Sleep(time.Millisecond) // programs are closed on a goroutine of their own
	}
}

// TestHandOverStress sends many small jobs from many goroutines, so that ownership changes hands all the time, also between
// a handler's push and its owning.
func TestHandOverStress(t *testing.T) {
	s := newTestScheduler(t, Options{})
	m := newTestModel(t, s, &fakeCompiler{}, ModelOptions{})
	defer m.Release()
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			j := newTestJob(t, s.staging)
			for n := range 4000 {
				start := float32(worker*4000 + n)
				j.fill(t, m, 1, 2, start)
				if err := s.Do(j.Job, nil); err != nil {
					t.Error(err)
					return
				}
				if err := j.check(1, 2, start); err != nil {
					t.Error(err)
					return
				}
				if len(j.wake) != 0 {
					t.Error("the answer to a job was left in its wake slot")
					return
				}
				j.Reset()
			}
		})
	}
	group.Wait()
	if lanes := s.Lanes(); lanes[0].Driven == 0 || lanes[0].HandedOver == 0 {
		t.Errorf("the test did not see both ways: %+v", lanes)
	}
}

// TestBadDataFailsItsOwnRequestOnly batches good requests with one whose data is at fault.
func TestBadDataFailsItsOwnRequestOnly(t *testing.T) {
	s := newScheduler(Options{Staging: staging.New(1<<30, 1<<20)})
	m := newTestModel(t, s, &fakeCompiler{}, ModelOptions{Policy: defaultPolicy})
	for rows := range int64(5) {
		if err := m.Compile([][]int64{{rows + 1, 2}}); err != nil {
			t.Fatal(err)
		}
	}
	var jobs []*testJob
	for n := range 4 {
		j := newTestJob(t, s.staging)
		start := float32(n)
		if n == 2 {
			start = badElement
		}
		j.fill(t, m, 1, 2, start)
		if _, err := s.submit(j.Job); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	s.lanes[0].ring.Own()
	for s.lanes[0].step() {
	}
	for n, j := range jobs {
		var data *program.DataError
		if err := j.check(1, 2, float32(n)); n != 2 && err != nil || n == 2 && !errors.As(err, &data) {
			t.Errorf("request %d: %v", n, err)
		}
	}
	if m.InFlight() != 0 || s.staging.InUse() != 0 {
		t.Errorf("%d in flight, %d bytes in use", m.InFlight(), s.staging.InUse())
	}
}

func TestHopelessDeadlineIsRefused(t *testing.T) {
	s := newTestScheduler(t, Options{})
	c := &fakeCompiler{cost: time.Millisecond}
	m := newTestModel(t, s, c, ModelOptions{})
	defer m.Release()
	j := newTestJob(t, s.staging)
	j.fill(t, m, 1, 4, 0)
	if err := s.Do(j.Job, nil); err != nil || j.Err != nil {
		t.Fatal(err, j.Err)
	}
	j.Reset()
	j.fill(t, m, 1, 4, 0)
	j.Deadline = s.Now() + int64(100*time.Microsecond)
	if err := s.Do(j.Job, nil); err != ErrHopeless || c.runs.Load() != 1 {
		t.Errorf("error %v after %d runs", err, c.runs.Load())
	}
}

// TestCompilingHoldsUpNobodyElse sees that other shapes and other models run while a program is made.
func TestCompilingHoldsUpNobodyElse(t *testing.T) {
	s := newTestScheduler(t, Options{})
	release := make(chan struct{})
	m := newTestModel(t, s, &fakeCompiler{fail: func(shapes [][]int64) error {
		if shapes[0][1] == 9 {
			<-release
		}
		return nil
	}}, ModelOptions{})
	other := newTestModel(t, s, &fakeCompiler{}, ModelOptions{})
	defer m.Release()
	defer other.Release()
	if err := m.Compile([][]int64{{1, 4}}); err != nil {
		t.Fatal(err)
	}
	finished := make(chan error)
	go func() {
		j := newTestJob(t, s.staging)
		j.fill(t, m, 1, 9, 0)
		err := s.Do(j.Job, nil)
		finished <- errors.Join(err, j.check(1, 9, 0))
	}()
	for m.InFlight() == 0 {
		runtime.Gosched()
	}
	j := newTestJob(t, s.staging)
	for _, model := range []*Model{m, other} {
		j.fill(t, model, 1, 4, 0)
		if err := s.Do(j.Job, nil); err != nil || j.Err != nil {
			t.Error(err, j.Err)
		}
		j.Reset()
	}
	select {
	case err := <-finished:
		t.Fatalf("finished without its program: %v", err)
	default:
	}
	close(release)
	if err := <-finished; err != nil {
		t.Error(err)
	}
}

func TestDoAllocatesNothing(t *testing.T) {
	s := newTestScheduler(t, Options{})
	m := newTestModel(t, s, &fakeCompiler{}, ModelOptions{})
	defer m.Release()
	j := newTestJob(t, s.staging)
	shape := []int64{1, 16}
	if got := testing.AllocsPerRun(500, func() {
		p, err := j.Allocate(64)
		if err != nil {
			t.Fatal(err)
		}
		j.Model = m
		j.Inputs = append(j.Inputs, Tensor{p, 64, shape})
		if err := s.Do(j.Job, nil); err != nil || j.Err != nil {
			t.Fatal(err, j.Err)
		}
		j.Reset()
	}); got != 0 {
		t.Errorf("%v allocations a request", got)
	}
}

package scheduler

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCancelStorm abandons most requests at random times; every job comes back exactly once, by one way or the other.
func TestCancelStorm(t *testing.T) {
	s := newTestScheduler(t, Options{})
	// Abandoned jobs hold their credits until the lane finds them; with one for each job none is refused however busy the host is.
	m := newTestModel(t, s, &fakeCompiler{cost: 50 * time.Microsecond}, ModelOptions{Policy: defaultPolicy, Credits: 1600})
	var answered, givenUp, returned atomic.Int64
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 0))
			for n := range 200 {
				j := newTestJob(t, s.staging)
				j.recycle = func() { returned.Add(1); j.Reset() }
				j.fill(t, m, 1, 4, float32(n))
				cancel := make(chan struct{})
				switch random.IntN(3) {
				case 0:
					close(cancel)
				case 1:
					time.AfterFunc(time.Duration(random.IntN(300))*time.Microsecond, func() { close(cancel) })
				case 2:
					j.Deadline = s.Now() + int64(random.IntN(400_000))
				}
				switch err := s.Do(j.Job, cancel); err {
				case nil:
					answered.Add(1)
					if j.Err == nil {
						if err := j.check(1, 4, float32(n)); err != nil {
							t.Error(err)
						}
					} else if j.Err != ErrTimeout {
						t.Error(j.Err)
					}
				case ErrCancelled, ErrTimeout:
					givenUp.Add(1)
				case ErrHopeless:
					answered.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for end := time.Now().Add(5 * time.Second); (m.InFlight() != 0 || returned.Load() != givenUp.Load()) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if answered.Load()+givenUp.Load() != 1600 || returned.Load() != givenUp.Load() || m.InFlight() != 0 {
		t.Errorf("answered %d, given up %d, returned %d, in flight %d", answered.Load(), givenUp.Load(), returned.Load(), m.InFlight())
	}
	if answered.Load() == 0 || givenUp.Load() == 0 {
		t.Errorf("the storm is one-sided: %d answered, %d given up", answered.Load(), givenUp.Load())
	}
	m.Release()
}

// TestCancelledBeforeClaimCostsNoCompute occupies the lane and cancels what waits behind.
func TestCancelledBeforeClaimCostsNoCompute(t *testing.T) {
	s := newTestScheduler(t, Options{})
	slow, victim := &fakeCompiler{cost: 30 * time.Millisecond}, &fakeCompiler{cost: 50 * time.Millisecond}
	a, b := newTestModel(t, s, slow, ModelOptions{}), newTestModel(t, s, victim, ModelOptions{})
	defer a.Release()
	defer b.Release()
	if err := errors.Join(a.Compile([][]int64{{1, 4}}), b.Compile([][]int64{{1, 4}})); err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	slow.sleep = func(d time.Duration) {
		select {
		case <-started:
		default:
			close(started)
			time.Sleep(20 * time.Millisecond) // one long quantum
		}
		spinFor(d)
	}
	var group sync.WaitGroup
	group.Go(func() {
		j := newTestJob(t, s.staging)
		j.fill(t, a, 1, 4, 0)
		if err := s.Do(j.Job, nil); err != nil || j.Err != nil {
			t.Error(err, j.Err)
		}
	})
	<-started
	cancel := make(chan struct{})
	time.AfterFunc(time.Millisecond, func() { close(cancel) })
	j := newTestJob(t, s.staging)
	j.fill(t, b, 1, 4, 0)
	if err := s.Do(j.Job, cancel); err != ErrCancelled {
		t.Errorf("error %v", err)
	}
	group.Wait()
	for b.InFlight() != 0 {
		time.Sleep(time.Millisecond)
	}
	if victim.runs.Load() != 0 || j.released.Load() != 1 {
		t.Errorf("%d runs, released %d times", victim.runs.Load(), j.released.Load())
	}
}

// TestFloodOfOneModel sees that a model without credits left is refused while another one is served.
func TestFloodOfOneModel(t *testing.T) {
	s := newTestScheduler(t, Options{})
	flooded := newTestModel(t, s, &fakeCompiler{cost: time.Millisecond}, ModelOptions{Credits: 4, Policy: defaultPolicy})
	calm := newTestModel(t, s, &fakeCompiler{cost: 10 * time.Microsecond}, ModelOptions{})
	defer flooded.Release()
	defer calm.Release()
	var refused, served atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			j := newTestJob(t, s.staging)
			for !isClosed(stop) {
				j.fill(t, flooded, 1, 4, 1)
				switch err := s.Do(j.Job, nil); {
				case err == ErrBusy:
					refused.Add(1)
					runtime.Gosched()
				case err != nil || j.Err != nil:
					t.Error(err, j.Err)
				default:
					served.Add(1)
				}
				j.Reset()
			}
		})
	}
	for refused.Load() == 0 {
		time.Sleep(time.Millisecond) // until the flood is there
	}
	j := newTestJob(t, s.staging)
	for n := range 200 {
		j.fill(t, calm, 1, 4, float32(n))
		if err := s.Do(j.Job, nil); err != nil {
			t.Errorf("the calm model was refused: %v", err)
		} else if err := j.check(1, 4, float32(n)); err != nil {
			t.Error(err)
		}
		j.Reset()
	}
	for served.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(stop)
	group.Wait()
	if refused.Load() == 0 || served.Load() == 0 || flooded.InFlight() != 0 {
		t.Errorf("refused %d, served %d, in flight %d", refused.Load(), served.Load(), flooded.InFlight())
	}
}

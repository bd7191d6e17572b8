package scheduler

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/inferd/inferd/daemon/lifetime"
	"github.com/inferd/inferd/daemon/scheduler/batch"
)

const (
	// DefaultCredits is the number of requests of a model that may be queued or running at once.
	DefaultCredits = 256
	// DefaultMaxRows bounds a batch of several requests.
	DefaultMaxRows = 64
	// DefaultBatchTime is how long a batch of several requests should run at most: beyond it larger batches only add delay.
	DefaultBatchTime = 10 * time.Millisecond
)

// ModelOptions describes a model version to the scheduler.
type ModelOptions struct {
	Name     string
	Compiler Compiler
	// Batchable says that dimension 0 of every input and output counts rows that do not affect each other.
	Batchable bool
	// Policy of the batcher. MaxRows 0 means DefaultMaxRows.
	Policy batch.Policy
	// BatchTime bounds batches by their expected duration; 0 means DefaultBatchTime.
	BatchTime time.Duration
	// Credits bounds the requests in flight; 0 means DefaultCredits.
	Credits int
	// Weight is the model's share of a busy lane relative to others; 0 means 1.
	Weight int
	// Free is called once when the last reference is gone, on a goroutine of its own.
	Free func()
}

// Model is a model version that requests can run on. It is created by Scheduler.NewModel with one reference.
type Model struct {
	name      string
	compiler  Compiler
	batchable bool
	policy    batch.Policy
	batchTime int64
	credits   int64
	weight    int64
	free      func()
	clock     func() int64

	references lifetime.Count
	programs   programs
	queues     []*queue // one for each lane, touched by the lane's owner

	_           [128]byte
	inFlight    atomic.Int64 // credits taken
	requestNS   atomic.Int64 // smoothed duration of a run divided by its requests
	counters    counters
	batchCounts [maxBatchCount]batchCounter
}

// Acquire adds a reference; false means that the model is being freed.
func (m *Model) Acquire() bool { return m.references.Acquire() }

// Release ends a reference. With the last one the programs and then the weights are freed.
func (m *Model) Release() {
	if m.references.Release() {
		go func() {
			m.programs.close()
			if m.free != nil {
				m.free()
			}
		}()
	}
}

// InFlight is the number of requests that are queued or running.
func (m *Model) InFlight() int64 { return m.inFlight.Load() }

// Programs is the number of compiled programs that the model keeps.
func (m *Model) Programs() int { return m.programs.count() }

// Backlog estimates how long the requests in flight will take.
func (m *Model) Backlog() time.Duration {
	return time.Duration(m.inFlight.Load() * m.requestNS.Load())
}

// takeCredit counts a request in; false means that the model has too many in flight.
func (m *Model) takeCredit() bool {
	if m.inFlight.Add(1) > m.credits {
		m.inFlight.Add(-1)
		return false
	}
	return true
}

// Refuse reports whether the model has no credit left at present, and counts a refusal if so: a caller that asks ahead spares itself the work
// of preparing a job that would be refused.
func (m *Model) Refuse() bool {
	if m.inFlight.Load() < m.credits {
		return false
	}
	m.counters.refused.Add(1)
	return true
}

func (m *Model) returnCredit() { m.inFlight.Add(-1) }

// Compile makes the program for the shapes, as the first request with them would have it made, and keeps it.
func (m *Model) Compile(shapes [][]int64) error {
	j := Job{Model: m}
	for _, shape := range shapes {
		j.Inputs = append(j.Inputs, Tensor{Shape: shape})
	}
	j.prepare()
	err := m.compile(j.item.Hash, j.item.Key, j.item.Rows, shapes)
	for _, q := range m.queues {
		// Making the program may have taken slots of the device that a lane did without.
		q.lane.tell(&Job{notice: room{}}, m)
		q.lane.ring.Wake()
	}
	return err
}

// compile makes a program and keeps it. A panic of the compiler is a fault of one model and shape, not of the daemon.
func (m *Model) compile(hash uint64, key []int64, rows int, shapes [][]int64) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &PanicError{fmt.Sprintf("compiling for shapes %v", shapes), fault, debug.Stack()}
		}
	}()
	p, err := m.compiler.Specialize(shapes)
	if err != nil {
		return &CompileError{err}
	}
	m.programs.add(&cachedProgram{Program: p, hash: hash, key: append([]int64{}, key...), rows: rows}, m.clock())
	return nil
}

// smooth moves an average an eighth of the way to a new value. Several lanes may lose each other's updates, which costs nothing.
func smooth(average *atomic.Int64, value int64) {
	old := average.Load()
	if old == 0 {
		average.Store(max(value, 1))
		return
	}
	average.Store(max(old+(value-old)/8, 1))
}

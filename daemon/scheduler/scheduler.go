package scheduler

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/ring"
	"github.com/inferd/inferd/daemon/scheduler/staging"
)

// Reasons why a job was not run. They are values, so that refusing costs nothing.
var (
	// ErrBusy: the model has as many requests in flight as its credits allow, or the lane's ring is full.
	ErrBusy = errors.New("too many requests in flight")
	// ErrClosed: the scheduler is closed.
	ErrClosed = errors.New("the scheduler is closed")
	// ErrTimeout: the deadline has passed, or cannot be met.
	ErrTimeout = errors.New("the deadline has passed")
	// ErrHopeless: the deadline could not be met if the request were queued.
	ErrHopeless = errors.New("the deadline cannot be met")
	// ErrCancelled: the caller gave the request up.
	ErrCancelled = errors.New("the request was cancelled")
)

// CompileError says that no program could be made for the shapes of a request.
type CompileError struct{ Err error }

func (e *CompileError) Error() string {
	return "the request's shapes do not fit the model: " + e.Err.Error()
}

// Unwrap returns the compiler's error.
func (e *CompileError) Unwrap() error { return e.Err }

// PanicError says that code of ours panicked on behalf of one model.
type PanicError struct {
	Doing string
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("internal fault while %s: %v", e.Doing, e.Value)
}

const (
	// DefaultQuantum is how long a run goes on before other models of the lane that want it get their turn.
	DefaultQuantum = 2 * time.Millisecond
	// DefaultRingCapacity bounds the requests on their way into a lane.
	DefaultRingCapacity = 8192
	// DefaultMaxArena bounds the scratch memory of one run.
	DefaultMaxArena = 4 << 30
)

// Options configure a scheduler. Zero values mean the defaults.
type Options struct {
	Lanes        int // 1
	RingCapacity int
	Quantum      time.Duration
	MaxArena     int64
	Staging      *staging.Pool // for arenas and gathered batches
	// Clock is the time in nanoseconds, never 0; nil means NewClock(). Schedulers whose jobs' times are compared share one.
	Clock func() int64

	// spawn is replaced by simulations; wakeAlways is there to measure what driving in place saves.
	spawn      func(func())
	wakeAlways bool
}

// Scheduler owns the lanes of one device.
type Scheduler struct {
	lanes    []*lane
	staging  *staging.Pool
	quantum  time.Duration
	maxArena int64
	clock    func() int64
	spawn    func(func())
	done     sync.WaitGroup

	wakeAlways bool
}

// New starts the lanes.
func New(options Options) *Scheduler {
	s := newScheduler(options)
	for _, l := range s.lanes {
		s.done.Go(l.serve)
	}
	return s
}

// newScheduler makes the lanes without their goroutines.
func newScheduler(options Options) *Scheduler {
	s := &Scheduler{
		staging: options.Staging, quantum: options.Quantum, maxArena: options.MaxArena, clock: options.Clock, spawn: options.spawn,
		wakeAlways: options.wakeAlways,
	}
	if s.quantum == 0 {
		s.quantum = DefaultQuantum
	}
	if s.maxArena == 0 {
		s.maxArena = DefaultMaxArena
	}
	if s.clock == nil {
		s.clock = NewClock()
	}
	if s.spawn == nil {
		s.spawn = func(work func()) { go work() }
	}
	capacity := options.RingCapacity
	if capacity == 0 {
		capacity = DefaultRingCapacity
	}
	for i := range max(options.Lanes, 1) {
		s.lanes = append(s.lanes, &lane{scheduler: s, index: i, ring: ring.New[Job](capacity), yield: new(program.Yield)})
	}
	return s
}

// NewClock returns a clock that starts now. It counts from 1, because 0 means "no deadline".
func NewClock() func() int64 {
	start := time.Now()
	return func() int64 { return int64(time.Since(start)) + 1 }
}

// Now is the time by the scheduler's clock, in nanoseconds since it started; never 0.
func (s *Scheduler) Now() int64 { return s.clock() }

// NewModel registers a model version; the caller holds its first reference.
func (s *Scheduler) NewModel(options ModelOptions) (*Model, error) {
	if options.Compiler == nil {
		return nil, fmt.Errorf("model %q: no compiler", options.Name)
	}
	m := &Model{
		name: options.Name, compiler: options.Compiler, batchable: options.Batchable, policy: options.Policy, free: options.Free,
		batchTime: int64(options.BatchTime), credits: int64(options.Credits), weight: int64(options.Weight), clock: s.clock,
	}
	m.weight = max(m.weight, 1)
	if m.credits <= 0 {
		m.credits = DefaultCredits
	}
	if m.batchTime <= 0 {
		m.batchTime = int64(DefaultBatchTime)
	}
	if m.policy.MaxRows <= 0 {
		m.policy.MaxRows = DefaultMaxRows
	}
	if !m.batchable {
		m.policy.MaxRows = 1
	}
	for _, l := range s.lanes {
		m.queues = append(m.queues, newQueue(m, l))
	}
	m.references.Start()
	return m, nil
}

// Do runs the job and returns once it is answered: j.Err and j.Outputs are set. An error means that it was not run. After
// ErrCancelled and ErrTimeout the job belongs to the lane, which gives it back to its owner when nothing reads it any more;
// after any other error it is still the caller's. The caller holds a reference of the model until the job is reset.
func (s *Scheduler) Do(j *Job, cancel <-chan struct{}) error {
	l, err := s.submit(j)
	if err != nil {
		return err
	}
	switch {
	case s.wakeAlways:
		l.ring.Wake()
	case l.ring.Own() && l.drive(j, cancel):
		return nil
	}
	m := j.Model
	err = j.wait(cancel, s.clock)
	switch err {
	case ErrCancelled:
		m.counters.cancelled.Add(1)
	case ErrTimeout:
		m.counters.expired.Add(1)
	}
	return err
}

// submit takes a credit and pushes the job into the ring of a lane. The caller then tries to own the ring.
func (s *Scheduler) submit(j *Job) (*lane, error) {
	m := j.Model
	j.Arrived = s.clock()
	if !m.takeCredit() {
		m.counters.refused.Add(1)
		return nil, ErrBusy
	}
	if j.Deadline != 0 && j.Arrived+int64(m.Backlog()) > j.Deadline {
		m.returnCredit()
		m.counters.refused.Add(1)
		return nil, ErrHopeless
	}
	j.prepare()
	l := s.choose()
	switch l.ring.Push(j) {
	case ring.Full:
		m.returnCredit()
		m.counters.refused.Add(1)
		return nil, ErrBusy
	case ring.Closed:
		m.returnCredit()
		return nil, ErrClosed
	}
	l.want(m)
	return l, nil
}

// choose returns a lane that nobody runs, or else the one with the shortest ring.
func (s *Scheduler) choose() *lane {
	best := s.lanes[0]
	if len(s.lanes) == 1 || best.ring.Unowned() {
		return best
	}
	for _, l := range s.lanes[1:] {
		if l.ring.Unowned() {
			return l
		}
		if l.ring.Len() < best.ring.Len() {
			best = l
		}
	}
	return best
}

// Close ends the lanes. No job may be in flight and no compilation under way: models that were released are a sign of that.
func (s *Scheduler) Close() {
	for _, l := range s.lanes {
		l.ring.Close()
	}
	s.done.Wait()
}

package scheduler

import (
	"runtime"
	"sync/atomic"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/daemon/scheduler/ring"
)

// lane is a share of a device's time. All but the ring and the counters belongs to whoever owns the ring.
type lane struct {
	scheduler *Scheduler
	index     int
	ring      *ring.Ring[Job]

	driver  *Job     // the job whose handler runs the lane; nil where the lane's goroutine does
	active  []*queue // with a run under way in place, or jobs waiting
	running int      // runs under way, in place and on the device
	floor   int64    // virtual time that a queue starts from when it becomes active
	list    []*Job   // scratch
	spare   []*run   // not in use
	resting bool     // the last step found nothing to do, and nothing was taken out of the ring since
	starved bool     // the device has no room for another run at present
	ended   int64    // when the device last completed a run

	// A run goes on until the yield is asked for. Those who push ask, except for more of the model that runs.
	yield     *program.Yield
	exclusive atomic.Pointer[Model]

	driven, handedOver atomic.Int64
}

// queue is what one lane knows about one model.
type queue struct {
	model   *Model
	lane    *lane
	waiting batch.Queue[Job]
	listed  bool // in lane.active
	run     *run // under way in place; nil where none is
	// consumed is the queue's virtual time: what it used of the lane, divided by the model's weight.
	consumed int64
	// compiling says that a program is being made; stuck that nothing can run before it is there.
	compiling, stuck bool
	making           uint64 // hash of the shape key whose program is being made
	// durations of runs by the hash of their shape key. Shapes that share a hash share what is learnt, which costs nothing but accuracy.
	durations map[uint64]*batch.Durations
}

const (
	// A batch may take longer than the model's batch time, up to overloadedFactor times as long, where that is a small part, 1/patience, of
	// what its first request has waited: larger batches are more efficient, and under overload their delay hardly counts.
	patience         = 8
	overloadedFactor = 4
)

// maxDurations bounds the shapes of which a queue knows durations; beyond it all are forgotten.
const maxDurations = 1024

func newQueue(m *Model, l *lane) *queue {
	q := &queue{model: m, lane: l, durations: make(map[uint64]*batch.Durations)}
	q.waiting.MaxRows = func(first *Job, now int64) int {
		limit := min(max(m.batchTime, (now-first.Arrived)/patience), overloadedFactor*m.batchTime)
		return q.durationsOf(first).Rows(m.policy.MaxRows, limit)
	}
	q.waiting.Abandoned = func(j *Job) bool { return j.state.Load() == abandoned }
	q.waiting.Dropped = l.drop
	return q
}

// durationsOf returns what is known of runs for shapes like the job's.
func (q *queue) durationsOf(j *Job) *batch.Durations {
	d := q.durations[j.item.Hash]
	if d == nil {
		if len(q.durations) >= maxDurations {
			clear(q.durations)
		}
		d = new(batch.Durations)
		q.durations[j.item.Hash] = d
	}
	return d
}

// compilation is a program in the making, and then its outcome on the way back to the lane.
type compilation struct {
	queue  *queue
	hash   uint64
	key    []int64
	rows   int
	shapes [][]int64
	err    error
}

// serve is the lane's goroutine: it runs the lane whenever it is handed over, until the ring is closed and empty.
func (l *lane) serve() {
	for {
		l.ring.Await()
		for {
			for l.step() {
			}
			if l.ring.Drained() && len(l.active) == 0 {
				return
			}
			if l.ring.Disown() {
				break
			}
			if l.ring.IsClosed() {
				runtime.Gosched() // a producer is between reserving and publishing
			}
		}
	}
}

// drive runs the lane on the goroutine of a handler, which owns the ring, until its job is answered. It reports whether it
// was; otherwise the job waits for something that is not the lane's to do, or should be given up.
func (l *lane) drive(j *Job, cancel <-chan struct{}) bool {
	answered := !l.enter(j)
	if !answered {
		for l.turn(j, cancel) {
		}
		answered = l.exit(j)
	}
	l.leave()
	return answered
}

// enter makes the handler of j the driver. False means that another owner answered j between the handler's push and its
// owning; the answer is taken out of the wake slot, where the job's next use would find it.
func (l *lane) enter(j *Job) bool {
	if j.state.Load() == done {
		<-j.wake
		return false
	}
	l.driver = j
	l.driven.Add(1)
	return true
}

// turn makes one step for the driver and reports whether it should make another.
func (l *lane) turn(j *Job, cancel <-chan struct{}) bool {
	return l.step() && j.state.Load() != done && !isClosed(cancel) && (j.Deadline == 0 || l.scheduler.clock() <= j.Deadline)
}

// exit ends the driving, but not yet the ownership, and reports whether the job was answered.
func (l *lane) exit(j *Job) bool {
	l.driver = nil
	return j.state.Load() == done
}

// leave ends a handler's ownership: the lane's goroutine goes on with what is left over.
func (l *lane) leave() {
	if l.runnable() || !l.ring.Disown() {
		l.handedOver.Add(1)
		l.ring.HandOver()
	}
}

func isClosed(cancel <-chan struct{}) bool {
	select {
	case <-cancel:
		return true
	default:
		return false
	}
}

// runnable reports whether a step might find something to do.
func (l *lane) runnable() bool {
	if l.resting {
		return false
	}
	for _, q := range l.active {
		if q.run != nil || q.startable() {
			return true
		}
	}
	return false
}

// startable reports whether jobs wait for nothing but their turn.
func (q *queue) startable() bool { return !q.stuck && q.waiting.Len() > 0 }

// step takes what was pushed and chooses a queue, whose batch is submitted to the device, or runs in place for a quantum. It reports whether
// there was anything to do.
func (l *lane) step() bool {
	now := l.scheduler.clock()
	l.exclusive.Store(nil)
	l.yield.Clear()
	l.drain(now)
	q, began := l.choose(now)
	if q != nil {
		l.advance(q, now)
	}
	l.resting = q == nil && !began
	return !l.resting
}

// exclude lets a long run of the queue go on beyond its quantum where nobody else waits for the lane: each return from C costs far more
// than the call, because the goroutine may have to wait for a processor behind every handler that the answers woke.
func (l *lane) exclude(q *queue) {
	r := q.run
	r.frame.Yield = nil
	if r.program.CostNS < int64(l.scheduler.quantum)/4 || l.driver != nil && l.driver.Deadline != 0 {
		return
	}
	for _, other := range l.active {
		if other != q && (other.run != nil || other.startable()) {
			return
		}
	}
	// Announced first, looked second: a producer pushes first and looks for the announcement second.
	if l.exclusive.Store(q.model); l.ring.Len() == 0 {
		r.frame.Yield = l.yield
	}
}

// want tells the lane that something was pushed for the model.
func (l *lane) want(m *Model) {
	if l.exclusive.Load() != m {
		l.yield.Ask()
	}
}

// drain moves what was pushed into the queues.
func (l *lane) drain(now int64) {
	for j := l.ring.Pop(); j != nil; j = l.ring.Pop() {
		l.resting = false
		if j.notice != nil {
			j.notice.deliver(l)
			continue
		}
		q := j.Model.queues[l.index]
		q.waiting.Add(&j.item)
		q.stuck = false
		l.activate(q)
	}
	for _, q := range l.active {
		l.list = q.waiting.Expire(now, l.list[:0])
		for _, j := range l.list {
			l.refuse(j, ErrTimeout, now)
		}
		clear(l.list)
	}
}

// activate lists the queue, with no claim to time that passed while it had nothing to run.
func (l *lane) activate(q *queue) {
	if q.listed {
		return
	}
	q.listed = true
	q.consumed = max(q.consumed, l.floor)
	l.active = append(l.active, q)
}

// choose returns the queue that has consumed least of those that can run, with a run under way in place. Where its batch went to the device
// instead, or nothing can run, there is no queue to return; began tells which.
func (l *lane) choose(now int64) (_ *queue, began bool) {
	for {
		best := l.least(now)
		if best == nil {
			return nil, false
		}
		l.floor = max(l.floor, best.consumed)
		if best.run != nil {
			return best, false
		}
		switch l.start(best, now) {
		case inPlace:
			return best, true
		case onDevice:
			return nil, true
		}
		// The best could not start: it is stuck now, or its jobs are answered. Look again.
	}
}

// least returns the queue that has consumed least of those that have a run under way in place or can start one.
func (l *lane) least(now int64) (best *queue) {
	for i := 0; i < len(l.active); {
		q := l.active[i]
		if q.run == nil && q.waiting.Len() == 0 {
			l.deactivate(i)
			continue
		}
		i++
		can := q.run != nil || !l.starved && q.startable() && l.due(q, now)
		if can && (best == nil || q.consumed < best.consumed) {
			best = q
		}
	}
	return best
}

func (l *lane) deactivate(i int) {
	last := len(l.active) - 1
	l.active[i].listed = false
	l.active[i] = l.active[last]
	l.active[last] = nil
	l.active = l.active[:last]
}

// due reports whether the batcher wants to run something now.
func (l *lane) due(q *queue, now int64) bool {
	return q.waiting.Next(&q.model.policy, now, l.running > 0).Items > 0
}

// started says what came of an attempt to start a batch.
type started int

const (
	nothing  started = iota // the program is missing (and being made), the device is full, or every job was answered or abandoned
	inPlace                 // the queue has a run under way
	onDevice                // the batch was submitted
)

// start forms a batch and begins its run.
func (l *lane) start(q *queue, now int64) started {
	d := q.waiting.Next(&q.model.policy, now, l.running > 0)
	if d.Items == 0 {
		return nothing
	}
	first := d.First()
	p := q.model.programs.lookup(first.Hash, first.Key, d.Rows, now)
	if p == nil {
		d, p = l.substitute(q, d, now)
	}
	switch {
	case p == nil && first.Hash == q.making:
		q.waiting.Hold(first.Hash) // other shapes of the model may run meanwhile
		return nothing
	case p == nil:
		q.stuck = true // they lack a program too
		return nothing
	case p.Executor != nil:
		return l.submit(q, d, p, now)
	}
	return l.begin(q, d, p, now)
}

// substitute finds the largest beginning of a batch for which there is a program, and has the one made that is missing.
func (l *lane) substitute(q *queue, d batch.Decision[Job], now int64) (batch.Decision[Job], *cachedProgram) {
	first := d.First()
	wanted := d
	if d.Items > 1 {
		if fit := q.waiting.Shrink(d, batch.Ladder(d.Rows)); fit.Items > 0 {
			wanted = fit
		}
	}
	if !q.model.programs.has(first.Hash, first.Key, wanted.Rows) && !q.compiling {
		l.compile(q, first.Value, wanted.Rows)
	}
	for d = wanted; d.Items > 0; d = q.waiting.Shrink(d, d.Rows-1) {
		if p := q.model.programs.lookup(first.Hash, first.Key, d.Rows, now); p != nil {
			return d, p
		}
	}
	return d, nil
}

// compile has a program made off the lane. The outcome comes back through the ring.
func (l *lane) compile(q *queue, j *Job, rows int) {
	c := &compilation{queue: q, hash: j.item.Hash, key: append([]int64{}, j.item.Key...), rows: rows}
	for i := range j.Inputs {
		shape := append([]int64{}, j.Inputs[i].Shape...)
		if q.model.batchable {
			shape[0] = int64(rows)
		}
		c.shapes = append(c.shapes, shape)
	}
	if !q.model.Acquire() {
		panic("scheduler: a job is queued without a reference to its model")
	}
	q.compiling, q.making = true, c.hash
	l.scheduler.spawn(func() { l.makeProgram(c) })
}

// makeProgram runs off the lane.
func (l *lane) makeProgram(c *compilation) {
	m, start := c.queue.model, l.scheduler.clock()
	c.err = m.compile(c.hash, c.key, c.rows, c.shapes)
	m.counters.compilations.Add(1)
	m.counters.compileNS.Add(l.scheduler.clock() - start)
	l.tell(&Job{notice: c}, m)
	l.ring.Wake()
}

// tell pushes a message about a model into the ring. The caller then wakes the lane or owns it.
func (l *lane) tell(message *Job, m *Model) {
	for l.ring.Push(message) == ring.Full {
		runtime.Gosched()
	}
	l.want(m)
}

// room is the notice that the device may have room for a run again.
type room struct{}

func (room) deliver(l *lane) { l.starved = false }

// deliver takes the outcome of a compilation in.
func (c *compilation) deliver(l *lane) {
	q := c.queue
	q.compiling, q.stuck = false, false
	q.waiting.Unhold()
	l.starved = false
	if c.err != nil {
		now := l.scheduler.clock()
		l.list = q.waiting.RemoveKey(c.hash, c.key, l.list[:0])
		for _, j := range l.list {
			l.refuse(j, c.err, now)
		}
		clear(l.list)
	}
	q.model.Release()
}

// refuse answers a job that was not run.
func (l *lane) refuse(j *Job, err error, now int64) {
	if !j.claim() {
		l.drop(j)
		return
	}
	m := j.Model
	if err == ErrTimeout {
		m.counters.expired.Add(1)
	} else {
		m.counters.failed.Add(1)
	}
	l.answer(j, err, now)
}

// drop gives an abandoned job back to its owner.
func (l *lane) drop(j *Job) {
	j.Model.returnCredit()
	j.owner.ReleaseJob()
}

// answer completes a claimed job. The lane must not touch it afterwards.
func (l *lane) answer(j *Job, err error, now int64) {
	j.Err, j.Finished = err, now
	m := j.Model
	driver := j == l.driver
	m.returnCredit()
	if !j.state.CompareAndSwap(claimed, done) {
		j.owner.ReleaseJob()
		return
	}
	if !driver {
		j.wake <- struct{}{}
	}
}

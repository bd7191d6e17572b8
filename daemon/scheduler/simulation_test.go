package scheduler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/daemon/scheduler/staging"
)

// simulation runs handlers, a lane and compilations as state machines on one goroutine: a seed decides who moves next, also
// between a push and the look at the ownership, and between the two halves of parking. The clock is virtual, the code is the
// lane's own.
type simulation struct {
	random   *rand.Rand
	now      int64
	s        *Scheduler
	lane     *lane
	handlers []*simulatedHandler
	models   []*Model
	compiles []func()
	device   *fakeDevice // in every other simulation; its runs complete in any order
	runs     []func()    // submitted and not complete
	server   parking     // the lane's goroutine
	plant    bool        // park by looking first and freeing second
	slowest  int64       // queueing of the small model's requests
}

// parking is where an owner stands.
type parking int

const (
	away    parking = iota // does not own
	turning                // owns and makes steps
	looking                // about to park: between the two halves of Disown
)

// simulatedHandler sends one request after the other.
type simulatedHandler struct {
	job     *testJob
	left    int // requests to send
	state   handlerState
	parking parking
	pending bool // what a planted look saw
	cancel  chan struct{}
	rows    int
	start   float32
	back    bool // an abandoned job was returned
}

type handlerState int

const (
	idle handlerState = iota
	pushed
	driving
	waiting
	parkingAnswered // answered, still to park
	parkingWaiting  // not answered, still to park
	lost            // gave up; the lane will return the job
)

func newSimulation(t *testing.T, seed uint64, plant bool) *simulation {
	sim := &simulation{random: rand.New(rand.NewPCG(seed, 7)), now: 1, plant: plant}
	sim.s = newScheduler(Options{
		RingCapacity: 4 << sim.random.IntN(3),
		Staging:      staging.New(math.MaxInt64/2, 1<<16),
		Clock:        func() int64 { return sim.now },
		spawn:        func(work func()) { sim.compiles = append(sim.compiles, work) },
	})
	sim.lane = sim.s.lanes[0]
	sleep := func(d time.Duration) { sim.now += int64(d) }
	if seed%2 == 1 {
		sim.device = newFakeDevice(1+int64(sim.random.IntN(3)), func(run func()) { sim.runs = append(sim.runs, run) })
	}
	for i, cost := range []time.Duration{10 * time.Microsecond, 5 * time.Millisecond} {
		policy := batch.Policy{MaxRows: 1 + sim.random.IntN(4), MaxDelay: int64(sim.random.IntN(3)) * int64(time.Millisecond)}
		m, err := sim.s.NewModel(ModelOptions{
			Name: fmt.Sprint("model", i), Compiler: &fakeCompiler{cost: cost, sleep: sleep, device: sim.device}, Batchable: true, Policy: policy,
			Credits: 1 + sim.random.IntN(6),
		})
		if err != nil {
			t.Fatal(err)
		}
		sim.models = append(sim.models, m)
	}
	for range 2 + sim.random.IntN(5) {
		h := &simulatedHandler{job: newTestJob(t, sim.s.staging), left: 1 + sim.random.IntN(8)}
		h.job.recycle = func() { h.back = true }
		sim.handlers = append(sim.handlers, h)
	}
	return sim
}

// run lets random actors move until none can, and returns what went wrong.
func (sim *simulation) run(t *testing.T) error {
	for range 100_000 {
		var moves []func() error
		for _, h := range sim.handlers {
			if sim.canMove(h) {
				moves = append(moves, func() error { return sim.move(t, h) })
			}
		}
		if sim.server != away || sim.lane.ring.Offered() {
			moves = append(moves, sim.serve)
		}
		if len(sim.compiles) > 0 {
			moves = append(moves, sim.finishCompilation)
		}
		if len(sim.runs) > 0 {
			moves = append(moves, sim.completeRun)
		}
		if len(moves) == 0 {
			return sim.atRest()
		}
		sim.now += int64(sim.random.IntN(3000))
		if err := moves[sim.random.IntN(len(moves))](); err != nil {
			return err
		}
	}
	return fmt.Errorf("no end after 100,000 moves: a livelock")
}

func (sim *simulation) canMove(h *simulatedHandler) bool {
	switch h.state {
	case idle:
		return h.left > 0
	case waiting:
		return len(h.job.wake) > 0 || h.cancel != nil || h.job.Deadline != 0 && sim.now > h.job.Deadline
	case lost:
		return h.back
	}
	return true
}

// move makes one move of a handler; it follows Do.
func (sim *simulation) move(t *testing.T, h *simulatedHandler) error {
	switch h.state {
	case idle:
		h.left--
		sim.send(t, h)
	case pushed:
		h.state = waiting
		if sim.lane.ring.Own() {
			h.state = parkingAnswered
			if sim.lane.enter(h.job.Job) {
				h.state = driving
			}
		}
	case driving:
		if !sim.lane.turn(h.job.Job, h.cancel) {
			h.state = parkingWaiting
			if sim.lane.exit(h.job.Job) {
				h.state = parkingAnswered
			}
		}
	case parkingAnswered, parkingWaiting:
		if sim.park(&h.parking, &h.pending) != away {
			return nil
		}
		if h.state == parkingWaiting {
			h.state = waiting
			return nil
		}
		return sim.answered(h)
	case waiting:
		if len(h.job.wake) > 0 {
			<-h.job.wake
			return sim.answered(h)
		}
		if !h.job.abandon() {
			return sim.answered(h)
		}
		h.state = lost
	case lost:
		h.back, h.state = false, idle
		h.job.Reset()
	}
	return nil
}

func (sim *simulation) send(t *testing.T, h *simulatedHandler) {
	h.rows, h.start, h.cancel = 1+sim.random.IntN(2), float32(sim.random.IntN(1000)), nil
	h.job.fill(t, sim.models[sim.random.IntN(2)], h.rows, 1+sim.random.IntN(2), h.start)
	switch sim.random.IntN(6) {
	case 0:
		h.cancel = make(chan struct{})
		close(h.cancel)
	case 1:
		h.job.Deadline = sim.now + int64(sim.random.IntN(8_000_000))
	}
	if _, err := sim.s.submit(h.job.Job); err != nil {
		h.job.Reset()
		return
	}
	h.state = pushed
}

// answered checks a job that came back with an answer.
func (sim *simulation) answered(h *simulatedHandler) error {
	h.state = idle
	j := h.job
	if len(j.wake) != 0 {
		return fmt.Errorf("an answer is left in the wake slot")
	}
	if j.Err != nil {
		if j.Err != ErrTimeout || j.Deadline == 0 || sim.now < j.Deadline {
			return fmt.Errorf("answered with %w", j.Err)
		}
	} else if err := j.check(h.rows, int(j.Inputs[0].Shape[1]), h.start); err != nil {
		return err
	} else if j.Model == sim.models[0] {
		sim.slowest = max(sim.slowest, j.Started-j.Arrived)
	}
	j.Reset()
	return nil
}

// park follows leave, in two moves. It returns away once the ring is given up.
func (sim *simulation) park(at *parking, pending *bool) parking {
	l := sim.lane
	if *at != looking {
		if l.runnable() {
			l.ring.HandOver()
			return away
		}
		*at = looking
		if sim.plant {
			*pending = l.ring.Pending()
		} else {
			l.ring.Free()
		}
		return looking
	}
	*at = away
	if sim.plant {
		l.ring.Free()
	} else {
		*pending = l.ring.Pending()
	}
	if *pending && l.ring.Own() {
		l.ring.HandOver()
	}
	return away
}

// serve makes one move of the lane's goroutine.
func (sim *simulation) serve() error {
	switch sim.server {
	case away:
		sim.lane.ring.Await()
		sim.server = turning
	case turning:
		if !sim.lane.step() {
			sim.server = looking
			if !sim.plant {
				sim.lane.ring.Free()
			}
		}
	case looking:
		sim.server = away
		if sim.plant {
			sim.lane.ring.Free()
		} else if sim.lane.ring.Pending() && sim.lane.ring.Own() {
			sim.server = turning
		}
	}
	return nil
}

func (sim *simulation) finishCompilation() error {
	i := sim.random.IntN(len(sim.compiles))
	work := sim.compiles[i]
	if sim.lane.ring.Len() == sim.lane.ring.Cap() {
		return nil // it would wait for room
	}
	sim.compiles = append(sim.compiles[:i], sim.compiles[i+1:]...)
	work()
	return nil
}

// completeRun lets the device end one of the runs that were submitted.
func (sim *simulation) completeRun() error {
	i := sim.random.IntN(len(sim.runs))
	run := sim.runs[i]
	if sim.lane.ring.Len() == sim.lane.ring.Cap() {
		return nil // it would wait for room
	}
	sim.runs = append(sim.runs[:i], sim.runs[i+1:]...)
	run()
	return nil
}

// atRest checks that nothing is left once nobody can move.
func (sim *simulation) atRest() error {
	for i, h := range sim.handlers {
		if h.state != idle {
			return fmt.Errorf("handler %d waits for ever (state %d): a lost wake-up", i, h.state)
		}
	}
	if n := sim.lane.ring.Len(); n != 0 {
		return fmt.Errorf("%d jobs are left in the ring", n)
	}
	for _, m := range sim.models {
		if n := m.InFlight(); n != 0 {
			return fmt.Errorf("%s: %d credits are not returned", m.name, n)
		}
		if n := m.references.References(); n != 1 {
			return fmt.Errorf("%s: %d references", m.name, n)
		}
	}
	if sim.lane.running != 0 || sim.s.staging.InUse() != 0 {
		return fmt.Errorf("%d runs, %d bytes of staging in use", sim.lane.running, sim.s.staging.InUse())
	}
	if sim.device != nil && sim.device.taken.Load() != 0 {
		return fmt.Errorf("%d slots of the device are not returned", sim.device.taken.Load())
	}
	return nil
}

func TestSimulation(t *testing.T) {
	seeds := uint64(3000)
	if testing.Short() {
		seeds = 300
	}
	slowest := int64(0)
	for seed := range seeds {
		sim := newSimulation(t, seed, false)
		if err := sim.run(t); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		slowest = max(slowest, sim.slowest)
	}
	// The small model waits for the large one's quantum, at most for a few while its programs are made.
	if limit := int64(50 * time.Millisecond); slowest > limit {
		t.Errorf("a request of the small model waited %v", time.Duration(slowest))
	}
	t.Logf("%d seeds; the small model waited at most %v", seeds, time.Duration(slowest))
}

// TestSimulationFindsAPlantedLostWakeUp parks by looking before freeing.
func TestSimulationFindsAPlantedLostWakeUp(t *testing.T) {
	for seed := range uint64(1000) {
		if err := newSimulation(t, seed, true).run(t); err != nil {
			t.Logf("seed %d: %v", seed, err)
			return
		}
	}
	t.Error("the planted fault was not found")
}

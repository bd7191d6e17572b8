package scheduler

import (
	"github.com/inferd/inferd/daemon/scheduler/batch"
)

// submit hands a batch to the device, in a slot of its own. Its inputs are copied to the slot's memory: those are the places that the device reads.
func (l *lane) submit(q *queue, d batch.Decision[Job], p *cachedProgram, now int64) started {
	slot, err := p.Executor.Acquire()
	if slot == nil && err == nil {
		p.release()
		l.starved = true
		return nothing
	}
	r, wanted := l.take(q, d, p, now)
	if err == nil && wanted {
		r.slot, r.frame, r.submitted = slot, slot.Frame(), now
		if err = l.fill(r); err == nil {
			if err = slot.Submit(r); err == nil {
				return onDevice
			}
		}
	} else if slot != nil {
		slot.Release()
	}
	l.finish(r, err, now)
	return nothing
}

// fill copies the inputs of the run's jobs to its slot.
func (l *lane) fill(r *run) error {
	for _, j := range r.jobs {
		if err := checkInputs(j, r.program.Program, r.rows); err != nil {
			return err
		}
	}
	return r.copyInputs()
}

// Complete implements program.Completion. The device's goroutine runs the lane itself where nobody else does, which spares a hand-over.
func (r *run) Complete(err error) {
	l := r.queue.lane
	r.err = err
	l.tell(&r.message, r.queue.model)
	if l.ring.Own() {
		for l.step() {
		}
		l.leave()
	}
}

// deliver answers the jobs of a run that the device is done with.
func (r *run) deliver(l *lane) {
	now := l.scheduler.clock()
	// Runs queue up behind each other on the device: each is charged with what it added.
	r.compute = max(1, now-max(r.submitted, l.ended))
	l.ended, l.starved = now, false
	q := r.queue
	q.consumed += max(1, r.compute/q.model.weight)
	l.finish(r, r.err, now)
}

package scheduler

import (
	"errors"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/staging"
)

// finish answers the jobs of a run that is over and gives its memory back.
func (l *lane) finish(r *run, err error, now int64) {
	q := r.queue
	m := q.model
	r.arena.Release()
	r.arena = nil
	r.keep(err)
	row, rows, jobs := 0, r.rows, len(r.jobs)
	again := err != nil && jobs > 1 && mayRunAlone(err)
	if err == nil && r.compute > 0 {
		m.count(rows, jobs, r.compute)
		q.durationsOf(r.jobs[0]).Observe(rows, r.compute)
	}
	for i, j := range r.jobs {
		r.jobs[i] = nil
		jobRows := j.item.Rows
		switch {
		case again:
			l.separate(q, j)
		case j.state.Load() == abandoned:
			l.drop(j)
		default:
			failure := err
			if failure == nil && (jobs > 1 || r.slot != nil) {
				failure = r.scatter(j, row)
			}
			m.countJob(j, failure, now)
			l.answer(j, failure, now)
		}
		row += jobRows
	}
	r.gathered.Release()
	r.gathered = nil
	if r.slot != nil {
		r.slot.Release()
		r.slot = nil
	}
	r.program.release()
	r.program, r.queue, r.frame, r.err = nil, nil, nil, nil
	l.running--
	l.spare = append(l.spare, r)
}

// mayRunAlone reports whether a batch failed for what one of its jobs holds, or for its size: each job alone may succeed.
func mayRunAlone(err error) bool {
	var data *program.DataError
	var size *CompileError
	var memory *staging.ExhaustedError
	return errors.As(err, &data) || errors.As(err, &size) || errors.As(err, &memory) && memory.Size > memory.Limit
}

// separate queues a job of a failed batch again, by itself: the data of another job may have been at fault.
func (l *lane) separate(q *queue, j *Job) {
	if !j.state.CompareAndSwap(claimed, queued) {
		l.drop(j)
		return
	}
	j.item.Alone = true
	q.waiting.Add(&j.item)
	l.activate(q)
}

// keep leaves the blocks that the run's steps made (bytes of strings) with the jobs whose outputs refer to them.
func (r *run) keep(err error) {
	if len(r.frame.Keep) == 0 {
		return
	}
	if err != nil {
		r.frame.Reset()
		return
	}
	if len(r.jobs) == 1 {
		r.jobs[0].kept, r.frame.Keep = r.frame.Keep, r.jobs[0].kept[:0]
		return
	}
	shared := &keptBlocks{blocks: r.frame.Keep}
	shared.users.Store(int64(len(r.jobs)))
	for _, j := range r.jobs {
		j.shared = shared
	}
	r.frame.Keep = nil
}

// count records a run.
func (m *Model) count(rows, jobs int, compute int64) {
	m.counters.executions.Add(1)
	m.counters.rows.Add(int64(rows))
	smooth(&m.requestNS, compute/int64(jobs))
	b := &m.batchCounts[min(rows, maxBatchCount-1)]
	b.executions.Add(1)
	b.computeNS.Add(compute)
}

// countJob records a request that is about to be answered.
func (m *Model) countJob(j *Job, err error, now int64) {
	if err != nil {
		m.counters.failed.Add(1)
		return
	}
	m.counters.succeeded.Add(1)
	m.counters.queueNS.Add(j.Started - j.Arrived)
	m.counters.computeNS.Add(now - j.Started)
	m.counters.succeededNS.Add(now - j.Arrived)
}

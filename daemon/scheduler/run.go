package scheduler

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/daemon/scheduler/staging"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// run is one execution of a program for a batch. A queue has one and uses it again and again.
type run struct {
	jobs    []*Job
	program *cachedProgram
	frame   program.Frame
	cursor  program.Cursor
	rows    int
	compute int64 // time spent in the program so far
	// arena is the program's scratch memory; gathered holds inputs and outputs where the batch has several jobs.
	arena, gathered *staging.Buffer
}

// begin takes the batch and binds its memory to the program. False means that nothing is left to run.
func (l *lane) begin(q *queue, d batch.Decision[Job], p *cachedProgram, now int64) bool {
	r := &q.run
	r.program, r.rows, r.cursor, r.compute = p, d.Rows, program.Cursor{}, 0
	r.jobs = q.waiting.Take(d, r.jobs[:0])
	wanted := 0
	for _, j := range r.jobs {
		if j.claim() {
			wanted++
			j.Started, j.BatchRows = now, d.Rows
		}
	}
	q.busy = true
	l.running++
	if wanted == 0 {
		l.finish(q, nil, now)
		return false
	}
	if err := l.bind(r); err != nil {
		l.finish(q, err, now)
		return false
	}
	return true
}

// bind points the program's operands at the job's own staging, or gathers several jobs' rows in the lane's.
func (l *lane) bind(r *run) (err error) {
	p := r.program
	if p.ArenaBytes > l.scheduler.maxArena {
		return &CompileError{fmt.Errorf("a run needs %d bytes of scratch memory, more than %d", p.ArenaBytes, l.scheduler.maxArena)}
	}
	if n := p.BaseCount(); cap(r.frame.Bases) < n {
		r.frame.Bases = make([]unsafe.Pointer, n)
	} else {
		r.frame.Bases = r.frame.Bases[:n]
	}
	if r.arena, err = l.scheduler.staging.Get(max(p.ArenaBytes, program.StatusBytes)); err != nil {
		return err
	}
	r.frame.Bases[step.BaseArena] = r.arena.Pointer()
	for _, j := range r.jobs {
		if err := checkInputs(j, p.Program, r.rows); err != nil {
			return err
		}
	}
	if len(r.jobs) == 1 {
		return r.bindSingle(r.jobs[0])
	}
	return r.gather(l.scheduler.staging)
}

// checkInputs makes sure that no kernel reads beyond the job's memory.
func checkInputs(j *Job, p *program.Program, rows int) error {
	if len(j.Inputs) != len(p.Inputs) {
		return fmt.Errorf("%d inputs for a program of %d", len(j.Inputs), len(p.Inputs))
	}
	for i := range p.Inputs {
		if want := share(p.Inputs[i].Bytes, j.item.Rows, rows); j.Inputs[i].Bytes < want {
			return fmt.Errorf("input %q has %d bytes, the program reads %d", p.Inputs[i].Name, j.Inputs[i].Bytes, want)
		}
	}
	return nil
}

// share is the part of the bytes (or elements of dimension 0) that belongs to some of the rows.
func share(total int64, rows, of int) int64 {
	if rows == of {
		return total
	}
	return total / int64(of) * int64(rows)
}

// bindSingle lets the program read and write the job's own staging.
func (r *run) bindSingle(j *Job) error {
	p := r.program
	bases := r.frame.Bases[step.BaseBindings:]
	for i := range p.Inputs {
		bases[i] = j.Inputs[i].Address
	}
	if err := j.allocateOutputs(p.Program, 1, 1); err != nil {
		return err
	}
	for i := range p.Outputs {
		bases[len(p.Inputs)+i] = j.Outputs[i].Address
	}
	return nil
}

// allocateOutputs gives the job memory for its rows of the program's outputs.
func (j *Job) allocateOutputs(p *program.Program, rows, of int) error {
	total, dims := int64(0), 0
	for i := range p.Outputs {
		total += align(share(p.Outputs[i].Bytes, rows, of))
		dims += len(p.Outputs[i].Shape)
	}
	address, err := j.Allocate(total)
	if err != nil {
		return err
	}
	if cap(j.dims) < dims {
		j.dims = make([]int64, 0, dims)
	}
	for i := range p.Outputs {
		port := &p.Outputs[i]
		start := len(j.dims)
		j.dims = append(j.dims, port.Shape...)
		shape := j.dims[start:len(j.dims):len(j.dims)]
		if rows != of {
			shape[0] = share(shape[0], rows, of)
		}
		bytes := share(port.Bytes, rows, of)
		j.Outputs = append(j.Outputs, Tensor{Address: address, Bytes: bytes, Shape: shape})
		address = unsafe.Add(address, align(bytes))
	}
	return nil
}

// gather copies the jobs' inputs row after row, and reserves memory for the outputs of all.
func (r *run) gather(pool *staging.Pool) (err error) {
	p := r.program
	total := int64(0)
	for i := range p.Inputs {
		total += align(p.Inputs[i].Bytes)
	}
	for i := range p.Outputs {
		if shape := p.Outputs[i].Shape; len(shape) == 0 || shape[0]%int64(r.rows) != 0 {
			return fmt.Errorf("output %q of shape %v does not divide into %d rows", p.Outputs[i].Name, shape, r.rows)
		}
		total += align(p.Outputs[i].Bytes)
	}
	if r.gathered, err = pool.Get(total); err != nil {
		return err
	}
	at := r.gathered.Pointer()
	bases := r.frame.Bases[step.BaseBindings:]
	for i := range p.Inputs {
		bases[i] = at
		to := unsafe.Slice((*byte)(at), p.Inputs[i].Bytes)
		for _, j := range r.jobs {
			n := share(p.Inputs[i].Bytes, j.item.Rows, r.rows)
			copy(to, unsafe.Slice((*byte)(j.Inputs[i].Address), n))
			to = to[n:]
		}
		at = unsafe.Add(at, align(p.Inputs[i].Bytes))
	}
	for i := range p.Outputs {
		bases[len(p.Inputs)+i] = at
		at = unsafe.Add(at, align(p.Outputs[i].Bytes))
	}
	return nil
}

// scatter copies its rows of the outputs to every job that is still wanted.
func (r *run) scatter(j *Job, row int) error {
	p := r.program
	if err := j.allocateOutputs(p.Program, j.item.Rows, r.rows); err != nil {
		return err
	}
	bases := r.frame.Bases[step.BaseBindings+len(p.Inputs):]
	for i := range p.Outputs {
		from := unsafe.Add(bases[i], share(p.Outputs[i].Bytes, row, r.rows))
		n := j.Outputs[i].Bytes
		copy(unsafe.Slice((*byte)(j.Outputs[i].Address), n), unsafe.Slice((*byte)(from), n))
	}
	return nil
}

// advance runs the queue's program for a quantum.
func (l *lane) advance(q *queue, now int64) {
	r := &q.run
	l.exclude(q)
	cursor, over, err := r.execute(l.scheduler.quantum)
	end := l.scheduler.clock()
	r.compute += end - now
	q.consumed += max(1, (end-now)/q.model.weight)
	if !over && err == nil {
		r.cursor = cursor
		return
	}
	l.finish(q, err, end)
}

// execute runs the program for a quantum. A panic (of a step in Go) fails the batch, not the daemon.
func (r *run) execute(quantum time.Duration) (cursor program.Cursor, over bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &PanicError{"running a batch", fault, debug.Stack()}
		}
	}()
	return r.program.Run(&r.frame, r.cursor, quantum)
}

// finish answers the jobs of a run that is over and gives its memory back.
func (l *lane) finish(q *queue, err error, now int64) {
	r, m := &q.run, q.model
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
			if failure == nil && jobs > 1 {
				failure = r.scatter(j, row)
			}
			m.countJob(j, failure, now)
			l.answer(j, failure, now)
		}
		row += jobRows
	}
	r.gathered.Release()
	r.gathered = nil
	r.program.release()
	r.program = nil
	q.busy = false
	l.running--
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

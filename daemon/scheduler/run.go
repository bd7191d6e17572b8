package scheduler

import (
	"fmt"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/daemon/scheduler/staging"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// run is one execution of a program for a batch, in place or on the device. A lane uses it again and again.
type run struct {
	queue   *queue
	jobs    []*Job
	program *cachedProgram
	frame   *program.Frame // own, or the slot's
	own     program.Frame
	cursor  program.Cursor
	rows    int
	compute int64 // time spent in the program so far
	// arena is the program's scratch memory; gathered holds inputs and outputs where the batch has several jobs.
	arena, gathered *staging.Buffer

	// On the device: its slot, when it was submitted, and what came of it.
	slot      program.Slot
	submitted int64
	err       error
	message   Job // the notice that it is over
}

// take makes a run of the batch, whose jobs it claims. False means that none of them is wanted any more.
func (l *lane) take(q *queue, d batch.Decision[Job], p *cachedProgram, now int64) (*run, bool) {
	r := l.spareRun()
	r.queue, r.program, r.rows, r.cursor, r.compute, r.frame = q, p, d.Rows, program.Cursor{}, 0, &r.own
	r.jobs = q.waiting.Take(d, r.jobs[:0])
	l.running++
	wanted := false
	for _, j := range r.jobs {
		if j.claim() {
			wanted = true
			// The lane looks at the clock once a turn, and a job may have come since.
			j.Started, j.BatchRows = max(now, j.Arrived), d.Rows
		}
	}
	return r, wanted
}

// spareRun returns a run that is not in use.
func (l *lane) spareRun() *run {
	if last := len(l.spare) - 1; last >= 0 {
		r := l.spare[last]
		l.spare = l.spare[:last]
		return r
	}
	r := new(run)
	r.message.notice = r
	return r
}

// begin binds the memory of a batch to the program, which then runs in place.
func (l *lane) begin(q *queue, d batch.Decision[Job], p *cachedProgram, now int64) started {
	r, wanted := l.take(q, d, p, now)
	var err error
	if wanted {
		err = l.bind(r)
	}
	if !wanted || err != nil {
		l.finish(r, err, now)
		return nothing
	}
	q.run = r
	return inPlace
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

// gather reserves memory for the inputs and outputs of all jobs and copies the inputs there.
func (r *run) gather(pool *staging.Pool) (err error) {
	p := r.program
	total := int64(0)
	for i := range p.Inputs {
		total += align(p.Inputs[i].Bytes)
	}
	for i := range p.Outputs {
		total += align(p.Outputs[i].Bytes)
	}
	if r.gathered, err = pool.Get(total); err != nil {
		return err
	}
	at := r.gathered.Pointer()
	bases := r.frame.Bases[step.BaseBindings:]
	for i := range p.Inputs {
		bases[i] = at
		at = unsafe.Add(at, align(p.Inputs[i].Bytes))
	}
	for i := range p.Outputs {
		bases[len(p.Inputs)+i] = at
		at = unsafe.Add(at, align(p.Outputs[i].Bytes))
	}
	return r.copyInputs()
}

// copyInputs copies the jobs' inputs, row after row, to where the program reads them.
func (r *run) copyInputs() error {
	p := r.program
	for i := range p.Outputs {
		if shape := p.Outputs[i].Shape; len(r.jobs) > 1 && (len(shape) == 0 || shape[0]%int64(r.rows) != 0) {
			return fmt.Errorf("output %q of shape %v does not divide into %d rows", p.Outputs[i].Name, shape, r.rows)
		}
	}
	bases := r.frame.Bases[step.BaseBindings:]
	for i := range p.Inputs {
		to := unsafe.Slice((*byte)(bases[i]), p.Inputs[i].Bytes)
		for _, j := range r.jobs {
			n := share(p.Inputs[i].Bytes, j.item.Rows, r.rows)
			copy(to, unsafe.Slice((*byte)(j.Inputs[i].Address), n))
			to = to[n:]
		}
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
	r := q.run
	l.exclude(q)
	cursor, over, err := r.execute(l.scheduler.quantum)
	end := l.scheduler.clock()
	r.compute += end - now
	q.consumed += max(1, (end-now)/q.model.weight)
	if !over && err == nil {
		r.cursor = cursor
		return
	}
	q.run = nil
	l.finish(r, err, end)
}

// execute runs the program for a quantum. A panic (of a step in Go) fails the batch, not the daemon.
func (r *run) execute(quantum time.Duration) (cursor program.Cursor, over bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &PanicError{"running a batch", fault, debug.Stack()}
		}
	}()
	return r.program.Run(r.frame, r.cursor, quantum)
}

//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"runtime/debug"
	"unsafe"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// run is a program in one slot: prepared once, submitted often.
type run struct {
	executor   *executor
	slot       *slot
	frame      program.Frame
	sequences  []*cuda.Sequence // by stage; nil for the host's
	generation int              // of the slot's memory that the sequences are resolved to; 0: none
	done       program.Completion
}

func newRun(e *executor, s *slot) *run {
	return &run{
		executor: e, slot: s, sequences: make([]*cuda.Sequence, len(e.assembly.Stages)),
		frame: program.Frame{Bases: make([]unsafe.Pointer, e.program.BaseCount())},
	}
}

// prepareAlone takes the slot, whoever uses it at present, and prepares the run in it.
func (r *run) prepareAlone() error {
	<-r.slot.free
	defer r.slot.release()
	if err := r.slot.grow(r.executor.program.DeviceArenaBytes, r.executor.layout.pinnedBytes); err != nil {
		return err
	}
	return r.prepare(true)
}

// prepare resolves the program to the slot's addresses, where that was not done for its present memory. The caller owns the slot. At the first time
// the program runs once, on whatever lies in its memory: libraries load their own kernels at the first call, which a graph cannot hold.
func (r *run) prepare(first bool) error {
	if r.generation == r.slot.generation && r.generation != 0 {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	r.place()
	for i := range r.executor.assembly.Stages {
		stage := &r.executor.assembly.Stages[i]
		if stage.Host != nil {
			continue
		}
		r.sequences[i] = r.slot.stream.NewSequence()
		if err := r.fill(r.sequences[i], stage, i); err != nil {
			return errors.Join(err, r.close())
		}
		if first {
			if err := r.try(r.sequences[i]); err != nil {
				return errors.Join(err, r.close())
			}
		}
		if err := r.sequences[i].Capture(); err != nil {
			if r.executor.device.driver.Lost() {
				return errors.Join(err, r.close())
			}
			r.executor.device.log.Warn("a program runs without a CUDA graph", "device", r.executor.device.name, "error", err)
		}
	}
	r.generation = r.slot.generation
	return nil
}

// try runs a sequence and waits for it.
func (r *run) try(q *cuda.Sequence) error {
	if err := q.Submit(r.slot.event); err != nil {
		return err
	}
	return r.slot.event.Wait(0)
}

// place points the frame at the slot's pinned memory.
func (r *run) place() {
	base := r.slot.pinned
	r.frame.Bases[step.BaseArena] = base
	for i, offset := range r.executor.layout.ports {
		r.frame.Bases[step.BaseBindings+i] = unsafe.Add(base, offset)
	}
}

// fill appends the operations of one stage: copies in, kernels, copies out.
func (r *run) fill(q *cuda.Sequence, stage *device.Stage, index int) error {
	d, bases := r.executor.device, []uintptr{0, uintptr(r.slot.arena)}
	if r.executor.raises && r.isFirst(index) {
		q.Fill(r.slot.arena, 0, program.StatusBytes)
	}
	for _, t := range stage.In {
		q.CopyToDevice(r.slot.arena+cuda.Address(t.Device.Offset), r.host(t.Host), t.Bytes)
	}
	for _, code := range stage.Code {
		for _, o := range code.([]operation) {
			if err := o.issue(d, q, bases); err != nil {
				return err
			}
		}
	}
	for _, t := range stage.Out {
		q.CopyToHost(r.host(t.Host), r.slot.arena+cuda.Address(t.Device.Offset), t.Bytes)
	}
	if r.executor.raises {
		q.CopyToHost(r.status(), r.slot.arena, program.StatusBytes)
	}
	return nil
}

// isFirst reports whether a stage is the first one on the device.
func (r *run) isFirst(index int) bool {
	for _, stage := range r.executor.assembly.Stages[:index] {
		if stage.Host == nil {
			return false
		}
	}
	return true
}

// host returns the address of a place relative to the frame.
func (r *run) host(o step.Operand) unsafe.Pointer { return unsafe.Add(r.frame.Bases[o.Base], o.Offset) }

func (r *run) status() unsafe.Pointer { return unsafe.Add(r.slot.pinned, r.executor.layout.status) }

// Frame implements program.Slot.
func (r *run) Frame() *program.Frame { return &r.frame }

// Release implements program.Slot.
func (r *run) Release() { r.slot.release() }

// Submit implements program.Slot. A program of one stage on the device, which most are, costs one call of the driver.
func (r *run) Submit(done program.Completion) error {
	r.done = done
	r.frame.Begin()
	if len(r.sequences) == 1 && r.sequences[0] != nil {
		if err := r.submit(0); err != nil {
			return err
		}
		r.slot.work <- r
		return nil
	}
	go r.runStages()
	return nil
}

// submit hands a stage to the device. Where that succeeds, wait follows.
func (r *run) submit(stage int) error {
	d := r.executor.device
	d.busy.begin()
	err := r.sequences[stage].Submit(r.slot.event)
	if err != nil {
		d.busy.end()
	}
	return d.fault(err)
}

// wait waits for what was submitted.
func (r *run) wait() error {
	d := r.executor.device
	defer d.busy.end()
	return d.fault(r.slot.event.Wait(spin))
}

// complete is called once the device has done what was submitted last.
func (r *run) complete(err error) {
	if err == nil {
		err = r.outcome()
	}
	r.done.Complete(err)
}

// outcome is an error where a step found the content of an input at fault.
func (r *run) outcome() error {
	if r.executor.raises {
		r.frame.AddStatus(r.status())
	}
	return r.frame.DataError()
}

// runStages runs the stages one after the other, those of the host on this goroutine.
func (r *run) runStages() {
	r.complete(r.stages())
}

func (r *run) stages() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("internal fault while running a batch: %v\n%s", fault, debug.Stack())
		}
	}()
	for i, stage := range r.executor.assembly.Stages {
		if stage.Host == nil {
			if err := r.submit(i); err != nil {
				return err
			}
			if err := r.wait(); err != nil {
				return err
			}
			continue
		}
		for at, tile, over := int64(0), int64(0), false; !over; {
			if at, tile, over, err = stage.Host.Run(&r.frame, at, tile, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// close frees the sequences.
func (r *run) close() error {
	var failures []error
	for i, q := range r.sequences {
		if q != nil {
			failures = append(failures, q.Close())
			r.sequences[i] = nil
		}
	}
	r.generation = 0
	return errors.Join(failures...)
}

//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
)

// executor runs one program in the device's slots.
type executor struct {
	device   *Device
	program  *program.Program
	assembly device.Assembly
	layout   layout
	runs     []*run // by slot
	next     atomic.Uint32
	raises   bool // some kernel may raise a counter of the status
}

// Assemble implements device.Asynchronous.
func (d *Device) Assemble(p *program.Program, a device.Assembly) (program.Executor, error) {
	e := &executor{device: d, program: p, assembly: a, layout: newLayout(p)}
	for _, stage := range a.Stages {
		for _, code := range stage.Code {
			for _, o := range code.([]operation) {
				e.raises = e.raises || o.raises()
			}
		}
	}
	for _, s := range d.slots {
		e.runs = append(e.runs, newRun(e, s))
	}
	for _, r := range e.runs {
		if err := r.prepareAlone(); err != nil {
			e.closeRuns()
			return nil, d.fault(fmt.Errorf("prepare a program: %w", err))
		}
	}
	return e, nil
}

// Acquire implements program.Executor. It begins at another slot each time, so that runs spread.
func (e *executor) Acquire() (program.Slot, error) {
	first := int(e.next.Add(1))
	for i := range e.runs {
		r := e.runs[(first+i)%len(e.runs)]
		if !r.slot.tryTake() {
			continue
		}
		// A program that came later may have made the slot's memory grow.
		if err := r.prepare(false); err != nil {
			r.slot.release()
			return nil, e.device.fault(err)
		}
		return r, nil
	}
	return nil, nil
}

// Close implements program.Executor.
func (e *executor) Close() {
	e.closeRuns()
	for _, stage := range e.assembly.Stages {
		if stage.Host != nil {
			stage.Host.Close()
		}
	}
}

func (e *executor) closeRuns() {
	var failures []error
	for _, r := range e.runs {
		failures = append(failures, r.close())
	}
	if err := errors.Join(failures...); err != nil && !e.device.driver.Lost() {
		e.device.log.Warn("closing a program of a GPU", "device", e.device.name, "error", err)
	}
}

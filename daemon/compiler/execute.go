package compiler

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Runner runs one program for one caller, for tools and tests; the daemon's lanes have frames of their own. Not safe for concurrent use.
type Runner struct {
	program *program.Program
	frame   *program.Frame
	blocks  []*memory.Block // the arena, then the ports; nil where the slot has them
	strings []*memory.Block // of inputs
	slot    program.Slot    // nil where the program runs in place
	ended   chan error
	// submitting is how long the last submission to the slot's device took.
	submitting time.Duration
}

// NewRunner takes a slot, or allocates a frame, for the program. The caller keeps the program open until Close.
func NewRunner(p *program.Program) (*Runner, error) {
	r := &Runner{program: p, ended: make(chan error, 1), strings: make([]*memory.Block, len(p.Inputs))}
	if p.Executor != nil {
		return r, r.takeSlot()
	}
	r.frame = &program.Frame{Bases: make([]unsafe.Pointer, p.BaseCount())}
	sizes := []int64{p.ArenaBytes}
	for _, port := range append(p.Inputs[:len(p.Inputs):len(p.Inputs)], p.Outputs...) {
		sizes = append(sizes, port.Bytes)
	}
	for i, size := range sizes {
		block, err := memory.Allocate(int(size))
		if err != nil {
			r.Close()
			return nil, err
		}
		r.blocks = append(r.blocks, block)
		r.frame.Bases[step.BaseArena+i] = block.Pointer()
	}
	return r, nil
}

func (r *Runner) takeSlot() (err error) {
	if r.slot, err = r.program.Executor.Acquire(); err != nil {
		return err
	}
	if r.slot == nil {
		return errors.New("all slots of the device are in use")
	}
	r.frame = r.slot.Frame()
	return nil
}

// Close frees the frame.
func (r *Runner) Close() {
	if r.frame != nil {
		r.frame.Reset()
	}
	for _, block := range append(r.blocks, r.strings...) {
		block.Free()
	}
	r.blocks, r.strings = nil, nil
	if r.slot != nil {
		r.slot.Release()
		r.slot = nil
	}
}

// Run copies the inputs in, runs the program to its end and returns copies of the outputs.
func (r *Runner) Run(inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	if err := r.SetInputs(inputs); err != nil {
		return nil, err
	}
	if err := r.Compute(); err != nil {
		return nil, err
	}
	return r.Outputs(), nil
}

// SetInputs copies the inputs to where the program reads them. Strings must stay alive until the run is over.
func (r *Runner) SetInputs(inputs []*tensor.Tensor) error {
	if len(inputs) != len(r.program.Inputs) {
		return fmt.Errorf("%d inputs for a program of %d", len(inputs), len(r.program.Inputs))
	}
	for i, port := range r.program.Inputs {
		if want := tensor.Describe(port.DType, port.Shape); inputs[i].String() != want {
			return fmt.Errorf("input %q is %v, the program wants %s", port.Name, inputs[i], want)
		}
		if port.DType != tensor.String {
			copy(r.port(i, port.Bytes), inputs[i].Data)
			continue
		}
		if err := r.setStrings(i, port.Bytes, inputs[i].Strings); err != nil {
			return fmt.Errorf("input %q: %w", port.Name, err)
		}
	}
	return nil
}

// setStrings lays out records and bytes in C memory, and copies the records to where the program reads them.
func (r *Runner) setStrings(i int, records int64, texts []string) error {
	size := len(texts) * tensor.StringSize
	for _, text := range texts {
		size += len(text)
	}
	block, err := memory.Allocate(size)
	if err != nil {
		return err
	}
	tensor.PackStrings(block.Bytes(), texts)
	r.strings[i].Free()
	r.strings[i] = block
	copy(r.port(i, records), block.Bytes()[:records])
	return nil
}

// port returns the memory of input i, or of an output behind the inputs.
func (r *Runner) port(i int, bytes int64) []byte {
	return unsafe.Slice((*byte)(r.frame.Bases[step.BaseBindings+i]), bytes)
}

// Complete implements program.Completion.
func (r *Runner) Complete(err error) { r.ended <- err }

// Compute runs the program once on the inputs that were set.
func (r *Runner) Compute() error {
	r.frame.Reset()
	if r.slot != nil {
		began := time.Now()
		if err := r.slot.Submit(r); err != nil {
			return err
		}
		r.submitting = time.Since(began)
		return <-r.ended
	}
	cursor := program.Cursor{}
	for done := false; !done; {
		var err error
		if cursor, done, err = r.program.Run(r.frame, cursor, 0); err != nil {
			return err
		}
	}
	return nil
}

// Submitting is how long the last run took to hand over to a device that works by itself; 0 where the program runs in place.
func (r *Runner) Submitting() time.Duration { return r.submitting }

// Outputs copies the outputs of the last run.
func (r *Runner) Outputs() []*tensor.Tensor {
	outputs := make([]*tensor.Tensor, len(r.program.Outputs))
	for i, port := range r.program.Outputs {
		t := tensor.New(port.DType, port.Shape...)
		from := r.port(len(r.program.Inputs)+i, port.Bytes)
		if port.DType == tensor.String {
			t.Strings = tensor.UnpackStrings(from)
		} else {
			copy(t.Data, from)
		}
		outputs[i] = t
	}
	return outputs
}

// Bind makes input i of a program that runs in place read from C memory of the caller's instead of the frame's own. For strings it holds records.
func (r *Runner) Bind(i int, memory unsafe.Pointer) { r.frame.Bases[step.BaseBindings+i] = memory }

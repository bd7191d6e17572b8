package device

import (
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Asynchronous is a device that works by itself, on memory of its own: a GPU. Its kernels' operands are relative to its own arena; Link is not called.
type Asynchronous interface {
	Device
	// Assemble makes what runs a program of which the ports and the host's arena are known. The executor closes the stages' segments; on an
	// error they stay with the caller.
	Assemble(p *program.Program, a Assembly) (program.Executor, error)
}

// Assembly is a program in stages, which run one after the other. The device's arena, like the host's, begins with the counters of package program's
// status.
type Assembly struct{ Stages []Stage }

// Stage is a run of steps on one side.
type Stage struct {
	// Host is code on the host; nil where the stage is one of the device.
	Host program.Segment
	// Code is what the device's kernels emitted, in order. In are values that lie on the host and that the device's stages read from here on;
	// Out are values made here that the host reads later.
	Code    []Code
	In, Out []Transfer
}

// Transfer copies a value between a place relative to the frame's bases and one in the device's arena.
type Transfer struct {
	Host, Device step.Operand
	Bytes        int64
}

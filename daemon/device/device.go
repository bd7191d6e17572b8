// Package device is the interface between the compiler and whatever runs a program: the CPU's kernels, a GPU, or the pure Go reference.
//
// In: nodes with known shapes. Out: kernels, and from them segments of a program. It imports no device.
package device

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Info describes a device for people, metadata and metrics.
type Info struct {
	Name        string // cpu, reference, cuda:0
	Kind        string // KindCPU or KindGPU
	Description string // for instance "2 threads, avx2"
	Threads     int
}

// The kinds of devices, as Triton's instance groups name them.
const (
	KindCPU = "KIND_CPU"
	KindGPU = "KIND_GPU"
)

// Failing is a device that can be lost while the daemon runs.
type Failing interface {
	Device
	// OnFailure sets what is called, once, from any goroutine, when the device is lost.
	OnFailure(lost func(err error))
}

// Device chooses kernels and links them. It is safe for concurrent use.
type Device interface {
	Info() Info
	// Fuses reports whether the device has a kernel for a fused operator (a name from package op, without domain).
	Fuses(operator string) bool
	// NewWeights returns the store of one model version's packed weights on this device.
	NewWeights() Weights
	// Select chooses a kernel for a node whose shapes are known. It returns a *NoKernelError where it has none.
	Select(n *graph.Node, weights Weights) (Kernel, error)
	// Link makes a segment of code that kernels of this device emitted, in order.
	Link(code []Code) (program.Segment, error)
	// Close releases the device. No program may be running.
	Close()
}

// Weights holds a model version's constants in the form that kernels read, each form once, for all programs of the version. It is safe
// for concurrent use.
type Weights interface {
	// Adopt declares the constants of the prepared graph, which all programs share.
	Adopt(constants []*graph.Value)
	// Fork returns a store for one program: it keeps that program's own constants and leaves adopted ones to this store.
	Fork() Weights
	// Constant returns the place of the constant's elements as they are, copied to the device at the first call.
	Constant(v *graph.Value) (step.Operand, error)
	// Holds reports whether the store has the constant in at least one form.
	Holds(v *graph.Value) bool
	// Bytes is the device memory held.
	Bytes() int64
	// Close frees everything but, in a fork, the adopted constants. No program that uses the store may be running.
	Close()
}

// Evaluator computes a node at compile time. It is safe for concurrent use.
type Evaluator interface {
	Evaluate(n *graph.Node, inputs []*tensor.Tensor) ([]*tensor.Tensor, error)
}

// SealedConstantBytes is the size up to which a constant's elements stay in the host's memory once the first program is complete. Of larger ones
// only the forms that the store holds remain, so a kernel's choice of form must not depend on a program's shapes.
const SealedConstantBytes = 64 << 10

// Kernel is the implementation chosen for one node.
type Kernel interface {
	// Name tells the kernel, its element type and its instruction set, for instance linear_f32_avx2.
	Name() string
	// WorkspaceBytes is arena memory that the kernel needs while it runs, beyond per-thread scratch.
	WorkspaceBytes() int64
	// InPlace reports whether output 0 may take the memory of input i (same bytes, read before written).
	InPlace(input int) bool
	// Emit writes the kernel's code for operands at known places.
	Emit(at Operands) (Code, error)
}

// Operands says where the values of a node lie.
type Operands interface {
	// Input returns the place of input i; a constant is copied to the device at the first call. Absent inputs give the zero operand.
	Input(i int) (step.Operand, error)
	Output(i int) step.Operand
	Workspace() step.Operand
}

// Code is what a kernel emitted; only the device that made it understands it.
type Code any

// NoKernelError says why a device has no kernel for a node.
type NoKernelError struct{ Reason string }

func (e *NoKernelError) Error() string { return e.Reason }

// Package step is the Go side of the contract between the planner and the C kernels: the step record.
//
// In: what a planner decided about one operator (kernel, tiles, operands, parameters). Out: records laid out exactly as
// struct inferd_step in kernels/cpu/abi/step.h, which package runtime runs. It imports nothing.
package step

import (
	"math"
	"unsafe"
)

const (
	// Operands is the number of operand slots of a step.
	Operands = 16
	// Parameters is the number of parameter slots of a step.
	Parameters = 40
)

// Bases that operands are relative to. The program's inputs follow BaseArena, then its outputs.
const (
	// BaseAbsolute means that the operand's offset is an address: weights, or with offset 0 an absent operand.
	BaseAbsolute = 0
	// BaseArena is the scratch memory that holds the values between steps.
	BaseArena = 1
	// BaseBindings is the base of the program's first input.
	BaseBindings = 2
)

// Operand says where a value lies: Offset bytes after base number Base.
type Operand struct {
	Base   int64
	Offset int64
}

// Absolute returns the operand at a fixed address in C memory.
func Absolute(p unsafe.Pointer) Operand { return Operand{BaseAbsolute, int64(uintptr(p))} }

// Kernel is a C function of type inferd_kernel.
type Kernel unsafe.Pointer

// Step mirrors struct inferd_step. It holds addresses of C memory only, never of Go memory.
type Step struct {
	Kernel       Kernel
	Tiles        int64
	ScratchBytes int64 // per thread
	CostNS       int64 // estimate for the whole step on one thread
	Operand      [Operands]Operand
	Parameter    [Parameters]int64
}

// SetFloat stores a float parameter, read in C with inferd_parameter_double.
func (s *Step) SetFloat(index int, value float64) {
	s.Parameter[index] = int64(math.Float64bits(value))
}

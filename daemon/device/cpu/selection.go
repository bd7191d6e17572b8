package cpu

import (
	"fmt"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selector chooses the kernel for a node.
type selector func(s *selection) (*kernel, error)

// selection is a node in the course of getting its kernel.
type selection struct {
	node.Node
	level   isa.Level
	threads int
	weights *weights.Store
}

// kernel is a chosen kernel: a name for people and the planner that makes its steps once the operands have their places.
type kernel struct {
	name      string
	workspace int64
	inPlace   func(input int) bool // nil: never
	emit      func(at device.Operands) ([]step.Step, error)
}

// nothing is the kernel of a node whose output has no elements.
var nothing = &kernel{name: "nothing", emit: func(device.Operands) ([]step.Step, error) { return nil, nil }}

// Name implements device.Kernel.
func (k *kernel) Name() string { return k.name }

// WorkspaceBytes implements device.Kernel.
func (k *kernel) WorkspaceBytes() int64 { return k.workspace }

// InPlace implements device.Kernel.
func (k *kernel) InPlace(input int) bool { return k.inPlace != nil && k.inPlace(input) }

// Emit implements device.Kernel.
func (k *kernel) Emit(at device.Operands) (device.Code, error) {
	steps, err := k.emit(at)
	if err != nil {
		return nil, err
	}
	return steps, nil
}

// named completes a kernel's name with the element type and the instruction set.
func (s *selection) named(name string, dtype tensor.DType) string {
	short := map[tensor.DType]string{tensor.Float32: "f32", tensor.Int64: "i64", tensor.Int32: "i32", tensor.Bool: "b8", tensor.String: "string"}
	suffix, ok := short[dtype]
	if !ok {
		suffix = dtype.String()
	}
	return fmt.Sprintf("%s_%s_%v", name, suffix, s.level)
}

// wantFloat32 refuses a node with an input of another type.
func (s *selection) wantFloat32() error {
	for i, v := range s.Inputs {
		if v != nil && v.DType != tensor.Float32 {
			return node.NoKernel("input %d is %v; the CPU kernel of %s is for float32", i, v.DType, s.QualifiedOp())
		}
	}
	return nil
}

//go:build cuda

package cuda

import (
	"errors"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selector chooses the kernel for a node.
type selector func(s *selection) (*chosen, error)

// selection is a node in the course of getting its kernel.
type selection struct {
	node.Node
	device  *Device
	weights *weights.Store
}

// chosen is a kernel that was chosen: a name for people, and what plans its operations once the operands have their places.
type chosen struct {
	name      string
	workspace int64
	inPlace   func(input int) bool // nil: never
	emit      func(at device.Operands) ([]operation, error)
}

// operation is one thing that a stage does on the device.
type operation interface {
	// issue appends the operation to a sequence, given where the bases of its operands lie.
	issue(d *Device, q *cuda.Sequence, bases []uintptr) error
	// raises reports whether the operation may raise a counter of the program's status.
	raises() bool
}

// Name implements device.Kernel.
func (c *chosen) Name() string { return c.name }

// WorkspaceBytes implements device.Kernel.
func (c *chosen) WorkspaceBytes() int64 { return c.workspace }

// InPlace implements device.Kernel.
func (c *chosen) InPlace(input int) bool { return c.inPlace != nil && c.inPlace(input) }

// Emit implements device.Kernel.
func (c *chosen) Emit(at device.Operands) (device.Code, error) {
	operations, err := c.emit(at)
	if err != nil {
		return nil, err
	}
	return operations, nil
}

// refusal makes a planner's refusal one of the device, so that another device runs the node.
func refusal(err error) error {
	var unsupported *kernel.UnsupportedError
	if errors.As(err, &unsupported) {
		return node.NoKernel("%s", unsupported.Reason)
	}
	return err
}

// types are the elements that kernels know.
var types = map[tensor.DType]kernel.Type{
	tensor.Float32: kernel.Float32, tensor.Float16: kernel.Float16, tensor.BFloat16: kernel.BFloat16, tensor.Int8: kernel.Int8,
	tensor.Uint8: kernel.Uint8, tensor.Bool: kernel.Uint8, tensor.Int32: kernel.Int32, tensor.Int64: kernel.Int64,
}

// typeOf returns the element type of input i.
func (s *selection) typeOf(i int) (kernel.Type, error) { return knownType(s.Inputs[i].DType) }

func knownType(dtype tensor.DType) (kernel.Type, error) {
	t, ok := types[dtype]
	if !ok {
		return 0, node.NoKernel("there are no CUDA kernels for %v", dtype)
	}
	return t, nil
}

// wantOneFloat returns the floating-point type that all inputs have.
func (s *selection) wantOneFloat() (kernel.Type, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return 0, err
	}
	for i, v := range s.Inputs {
		if v != nil && (v.DType != s.Inputs[0].DType || !t.IsFloat()) {
			return 0, node.NoKernel("input %d is %v; the CUDA kernel of %s is for one floating-point type", i, v.DType, s.QualifiedOp())
		}
	}
	return t, nil
}

// planned wraps a planner that needs no more than operands: it is tried here with operands of no place, because only now another device can take over.
func (s *selection) planned(name string, t kernel.Type, plan func(at device.Operands) ([]kernel.Launch, error)) (*chosen, error) {
	return s.plannedAs(name+"_"+t.String()+"_cuda", plan)
}

// plannedAs is planned with the whole name given.
func (s *selection) plannedAs(name string, plan func(at device.Operands) ([]kernel.Launch, error)) (*chosen, error) {
	if _, err := plan(nowhere{s.Node.Node}); err != nil {
		return nil, err
	}
	return &chosen{name: name, emit: func(at device.Operands) ([]operation, error) {
		launches, err := plan(at)
		if err != nil {
			return nil, err
		}
		return operationsOf(launches), nil
	}}, nil
}

// plannedUnary is planned for a kernel that reads input 0 alone.
func (s *selection) plannedUnary(name string, t kernel.Type, plan func(x step.Operand, at device.Operands) ([]kernel.Launch, error)) (*chosen, error) {
	return s.planned(name, t, func(at device.Operands) ([]kernel.Launch, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		return plan(x, at)
	})
}

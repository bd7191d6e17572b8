// Package node reads nodes for devices: what an operator means once its shapes are known, in terms that every device's planner can use.
//
// In: a node with known shapes. Out: sizes, strides, axes, copies, windows, or why no kernel of any device could take it.
package node

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Node is a node whose shapes are known.
type Node struct{ *graph.Node }

// Shape returns the shape of input i; nil where the input is absent.
func (n Node) Shape(i int) []int64 { return shapeOf(n.Input(i)) }

// OutputShape returns the shape of output i; nil where the output is left out.
func (n Node) OutputShape(i int) []int64 { return shapeOf(n.Output(i)) }

func shapeOf(v *graph.Value) []int64 {
	if v == nil {
		return nil
	}
	shape, _ := v.KnownShape()
	return shape
}

// ConstantInts returns the elements of a small integer input that is known, or ok false.
func (n Node) ConstantInts(i int) ([]int64, bool) {
	v := n.Input(i)
	if v == nil {
		return nil, false
	}
	return v.KnownContent()
}

// ConstantFloat returns the only element of a float32 input; the fallback where the input is absent; ok false where it depends on data.
func (n Node) ConstantFloat(i int, fallback float32) (value float32, ok bool) {
	v := n.Input(i)
	if v == nil {
		return fallback, true
	}
	if v.Constant == nil || v.DType != tensor.Float32 || v.Constant.Elements() != 1 {
		return 0, false
	}
	return tensor.Slice[float32](v.Constant)[0], true
}

// Rows returns the shape of input 0 as rows and columns.
func (n Node) Rows() (rows, columns int) {
	shape := n.Shape(0)
	if len(shape) == 0 {
		return 1, 1
	}
	last := len(shape) - 1
	return int(Product(shape[:last])), int(shape[last])
}

// NoKernel says why no kernel of a device runs a node.
func NoKernel(format string, args ...any) error {
	return &device.NoKernelError{Reason: fmt.Sprintf(format, args...)}
}

// Places resolves the places of several inputs.
func Places(at device.Operands, inputs ...int) ([]step.Operand, error) {
	list := make([]step.Operand, len(inputs))
	for k, i := range inputs {
		operand, err := at.Input(i)
		if err != nil {
			return nil, err
		}
		list[k] = operand
	}
	return list, nil
}

// Product multiplies dimensions; shapes were checked for overflow before a kernel is chosen.
func Product(dims []int64) int64 {
	p := int64(1)
	for _, dim := range dims {
		p *= dim
	}
	return p
}

// NormalAxis counts a negative axis from the end.
func NormalAxis(axis int64, rank int) int {
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis)
}

// StatusOperand is a counter of the program's status, which steps raise where data is at fault.
func StatusOperand(counter int64) step.Operand {
	return step.Operand{Base: step.BaseArena, Offset: counter}
}

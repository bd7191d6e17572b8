//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// around divides a shape at an axis: the product of what comes before it, its size, the product of what comes after it. A scalar is one element.
func around(shape []int64, axis int64) (before, size, after int64) {
	if len(shape) == 0 {
		return 1, 1, 1
	}
	at := node.NormalAxis(axis, len(shape))
	return node.Product(shape[:at]), shape[at], node.Product(shape[at+1:])
}

// selectTopK runs TopK. Its order is that of ONNX whether or not it is asked for.
func selectTopK(s *selection) (*chosen, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	if s.Output(0) == nil || s.Output(1) == nil {
		return nil, node.NoKernel("an output is left out")
	}
	plan := kernel.TopK{Type: t, Smallest: s.Int("largest", 1) == 0}
	plan.Before, plan.Size, plan.After = around(s.Shape(0), s.Int("axis", -1))
	_, plan.K, _ = around(s.OutputShape(0), s.Int("axis", -1))
	c, err := s.plannedUnary("top_k", t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y, p.Positions, p.Workspace = x, at.Output(0), at.Output(1), at.Workspace()
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.workspace = plan.WorkspaceBytes()
	return c, nil
}

// selectCumulativeSum runs CumSum along a constant axis.
func selectCumulativeSum(s *selection) (*chosen, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	axis, ok := s.ConstantInts(1)
	if !ok || len(axis) != 1 {
		return nil, node.NoKernel("the axis depends on data")
	}
	plan := kernel.CumulativeSum{Type: t, Exclusive: s.Int("exclusive", 0) != 0, Reverse: s.Int("reverse", 0) != 0}
	plan.Before, plan.Size, plan.After = around(s.Shape(0), axis[0])
	return s.plannedUnary("cumulative_sum", t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y = x, at.Output(0)
		return p.Plan()
	})
}

//go:build cuda

package cuda

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

var reductions = map[string]kernel.ReduceOp{
	"ReduceSum": kernel.ReduceSum, "ReduceMean": kernel.ReduceMean, "ReduceMax": kernel.ReduceMax, "ReduceMin": kernel.ReduceMin,
	"ReduceProd": kernel.ReduceProd, "ReduceL1": kernel.ReduceL1, "ReduceL2": kernel.ReduceL2, "ReduceSumSquare": kernel.ReduceSumSquare,
	"ReduceLogSum": kernel.ReduceLogSum, "ArgMax": kernel.ReduceArgMax, "ArgMin": kernel.ReduceArgMin,
}

// selectReduce runs the reductions whose axes are constant.
func selectReduce(s *selection) (*chosen, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	plan := kernel.Reduce{Op: reductions[s.Op], Type: t, Shape: s.Shape(0), Last: s.Int("select_last_index", 0) != 0}
	if plan.Axes, err = s.Axes(); err != nil {
		return nil, err
	}
	if len(plan.Axes) == 0 && len(plan.Shape) > 0 {
		return s.elementwise(op.Chain{{Op: "Identity", Args: []int{0}}}, []int{0})
	}
	slices.Sort(plan.Axes)
	plan.Axes = slices.Compact(plan.Axes)
	c, err := s.plannedUnary("reduce", t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y, p.Workspace = x, at.Output(0), at.Workspace()
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.workspace = plan.WorkspaceBytes()
	return c, nil
}

package cpu

import (
	"errors"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/reduce"
	"github.com/inferd/inferd/kernels/cpu/step"
)

var reductions = map[string]reduce.Op{
	"ReduceSum": reduce.Sum, "ReduceMean": reduce.Mean, "ReduceMax": reduce.Max, "ReduceMin": reduce.Min, "ReduceProd": reduce.Prod,
	"ReduceL1": reduce.L1, "ReduceL2": reduce.L2, "ReduceSumSquare": reduce.SumSquare, "ArgMax": reduce.ArgMax, "ArgMin": reduce.ArgMin,
}

// selectReduce runs the reductions whose axes are constant.
func selectReduce(s *selection) (*kernel, error) {
	shape := s.Shape(0)
	r := reduce.Reduce{Op: reductions[s.Op], Type: reduce.Type(s.Inputs[0].DType), Shape: shape, Last: s.Int("select_last_index", 0) != 0}
	axes, err := s.Axes()
	if err != nil {
		return nil, err
	}
	if r.Axes = axes; len(axes) == 0 && len(shape) > 0 {
		return selectCopy(s)
	}
	planned, err := r.Plan(s.level)
	if errors.Is(err, reduce.ErrUnsupported) {
		return nil, node.NoKernel("%v", err)
	}
	if err != nil {
		return nil, err
	}
	return &kernel{name: s.named(s.Op, s.Inputs[0].DType), emit: func(at device.Operands) ([]step.Step, error) {
		if planned.Operand[reduce.OperandX], err = at.Input(0); err != nil {
			return nil, err
		}
		planned.Operand[reduce.OperandY] = at.Output(0)
		return []step.Step{planned}, nil
	}}, nil
}

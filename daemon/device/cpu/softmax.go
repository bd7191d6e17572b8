package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/softmax"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectSoftmax runs Softmax and LogSoftmax.
func selectSoftmax(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	shape := s.Shape(0)
	if len(shape) == 0 {
		return nil, node.NoKernel("the input is a scalar")
	}
	plan := softmax.Softmax{Shape: shape, Axis: node.NormalAxis(s.Int("axis", -1), len(shape)), Log: s.Op == "LogSoftmax"}
	return &kernel{
		name:    s.named("softmax", tensor.Float32),
		inPlace: func(input int) bool { return input == 0 },
		emit: func(at device.Operands) ([]step.Step, error) {
			if node.Product(shape) == 0 {
				return nil, nil
			}
			planned, err := plan.Plan(s.level)
			if err != nil {
				return nil, err
			}
			if planned.Operand[softmax.OperandX], err = at.Input(0); err != nil {
				return nil, err
			}
			planned.Operand[softmax.OperandY] = at.Output(0)
			return []step.Step{planned}, nil
		},
	}, nil
}

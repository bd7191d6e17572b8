package cpu

import (
	"strings"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/movement"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectCopy runs operators that only move elements, and Identity, Reshape and their kin where the bytes must move.
func selectCopy(s *selection) (*kernel, error) {
	copies, err := s.Copies()
	if err != nil {
		return nil, err
	}
	return &kernel{name: s.named(strings.ToLower(s.Op), s.Inputs[0].DType), emit: func(at device.Operands) ([]step.Step, error) {
		var steps []step.Step
		for _, c := range copies {
			if node.Product(c.Dims) == 0 {
				continue
			}
			planned, err := c.Plan(s.level)
			if err != nil {
				return nil, err
			}
			source, err := at.Input(c.Input)
			if err != nil {
				return nil, err
			}
			planned.Operand[movement.OperandSource] = source
			planned.Operand[movement.OperandDestination] = at.Output(c.Output)
			steps = append(steps, planned)
		}
		return steps, nil
	}}, nil
}

func selectGather(s *selection) (*kernel, error) {
	read := s.Gather()
	g := movement.Gather{Outer: read.Outer, Axis: read.Axis, Count: read.Count, RowBytes: read.RowBytes, IndexSize: read.IndexBytes}
	return &kernel{name: s.named("gather", s.Inputs[0].DType), emit: func(at device.Operands) ([]step.Step, error) {
		if g.Outer*g.Count*g.RowBytes == 0 {
			return nil, nil
		}
		planned, err := g.Plan(s.level)
		if err != nil {
			return nil, err
		}
		inputs, err := node.Places(at, 0, 1)
		if err != nil {
			return nil, err
		}
		planned.Operand[movement.OperandData], planned.Operand[movement.OperandIndices] = inputs[0], inputs[1]
		planned.Operand[movement.OperandOutput], planned.Operand[movement.OperandStatus] = at.Output(0), node.StatusOperand(program.StatusIndexOutOfRange)
		return []step.Step{planned}, nil
	}}, nil
}

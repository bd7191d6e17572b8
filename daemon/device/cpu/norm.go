package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/norm"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectLayerNormalization runs ONNX's LayerNormalization.
func selectLayerNormalization(s *selection) (*kernel, error) { return s.normalization(false) }

// selectFusedLayerNormalization runs op.FusedLayerNormalization.
func selectFusedLayerNormalization(s *selection) (*kernel, error) { return s.normalization(true) }

func (s *selection) normalization(fused bool) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	l, err := s.LayerNormalization(fused)
	if err != nil {
		return nil, err
	}
	n := norm.Norm{Rows: l.Rows, Width: l.Width, Epsilon: float64(l.Epsilon)}
	return &kernel{
		name:    s.named("layer_normalization", tensor.Float32),
		inPlace: func(input int) bool { return input == l.X && s.Output(1) == nil },
		emit: func(at device.Operands) ([]step.Step, error) {
			if n.Rows*n.Width == 0 {
				return nil, nil
			}
			planned, err := n.Plan(s.level)
			if err != nil {
				return nil, err
			}
			for _, part := range []struct{ operand, input int }{
				{norm.OperandX, l.X}, {norm.OperandResidual, l.Residual}, {norm.OperandScale, l.Scale}, {norm.OperandBias, l.Bias},
			} {
				if part.input < 0 {
					continue
				}
				if planned.Operand[part.operand], err = at.Input(part.input); err != nil {
					return nil, err
				}
			}
			planned.Operand[norm.OperandY] = at.Output(0)
			if l.Sum >= 0 {
				planned.Operand[norm.OperandSum] = at.Output(l.Sum)
			}
			return []step.Step{planned}, nil
		},
	}, nil
}

package cpu

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/norm"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectLayerNormalization runs ONNX's LayerNormalization: X, scale, bias? -> Y.
func selectLayerNormalization(s *selection) (*kernel, error) {
	if s.Output(1) != nil || s.Output(2) != nil {
		return nil, noKernel("mean or inverse deviation is asked for")
	}
	shape := s.shape(0)
	axis := normalAxis(s.Int("axis", -1), len(shape))
	return s.normalization(norm.Norm{Rows: product(shape[:axis]), Width: product(shape[axis:]), Epsilon: float64(s.Float("epsilon", 1e-5))},
		normOperands{x: 0, residual: -1, scale: 1, bias: 2, sum: -1})
}

// selectFusedLayerNormalization runs op.FusedLayerNormalization: X, residual?, scale, bias? -> Y, sum?.
func selectFusedLayerNormalization(s *selection) (*kernel, error) {
	shape := s.shape(0)
	last := len(shape) - 1
	return s.normalization(norm.Norm{Rows: product(shape[:last]), Width: shape[last], Epsilon: float64(s.Float("epsilon", 1e-5))},
		normOperands{x: 0, residual: 1, scale: 2, bias: 3, sum: 1})
}

// normOperands says which inputs, and which output for the sum, play which part; -1 is absent.
type normOperands struct{ x, residual, scale, bias, sum int }

func (s *selection) normalization(n norm.Norm, o normOperands) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	width := n.Width
	for _, v := range []*graph.Value{s.Input(o.scale), s.Input(o.bias)} {
		if v != nil && product(knownShape(v)) != width {
			return nil, noKernel("scale or bias has shape %v, want %d elements", knownShape(v), width)
		}
	}
	return &kernel{
		name:    s.named("layer_normalization", tensor.Float32),
		inPlace: func(input int) bool { return input == o.x && s.Output(1) == nil },
		emit: func(at device.Operands) ([]step.Step, error) {
			if n.Rows*n.Width == 0 {
				return nil, nil
			}
			planned, err := n.Plan(s.level)
			if err != nil {
				return nil, err
			}
			for _, part := range []struct{ operand, input int }{
				{norm.OperandX, o.x}, {norm.OperandResidual, o.residual}, {norm.OperandScale, o.scale}, {norm.OperandBias, o.bias},
			} {
				if part.input < 0 {
					continue
				}
				if planned.Operand[part.operand], err = at.Input(part.input); err != nil {
					return nil, err
				}
			}
			planned.Operand[norm.OperandY] = at.Output(0)
			if o.sum >= 0 {
				planned.Operand[norm.OperandSum] = at.Output(o.sum)
			}
			return []step.Step{planned}, nil
		},
	}, nil
}

func knownShape(v *graph.Value) []int64 {
	shape, _ := v.KnownShape()
	return shape
}

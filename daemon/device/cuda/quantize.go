//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectQuantize runs QuantizeLinear and DequantizeLinear whose scales are one number or lie along an axis.
func selectQuantize(s *selection) (*chosen, error) {
	q, err := s.Quantization()
	if err != nil {
		return nil, err
	}
	plan := kernel.Quantize{Before: q.Before, Scales: q.Scales, After: q.After}
	float, narrow, name := s.Inputs[0].DType, s.Output(0).DType, "quantize"
	if s.Op == "DequantizeLinear" {
		float, narrow, name, plan.Dequantize = narrow, float, "dequantize", true
	}
	if s.Inputs[1].DType != float {
		return nil, node.NoKernel("the scales are %v, the elements %v", s.Inputs[1].DType, float)
	}
	if plan.Float, err = knownType(float); err != nil {
		return nil, err
	}
	if plan.Narrow, err = knownType(narrow); err != nil {
		return nil, err
	}
	inputs := []int{0, 1}
	if q.HasZero {
		inputs = append(inputs, 2)
	}
	return s.planned(name+"_"+plan.Float.String(), plan.Narrow, func(at device.Operands) ([]kernel.Launch, error) {
		places, err := node.Places(at, inputs...)
		if err != nil {
			return nil, err
		}
		p := plan
		if p.X, p.Scale, p.Y = places[0], places[1], at.Output(0); q.HasZero {
			p.Zero = places[2]
		}
		return p.Plan()
	})
}

// selectDynamicQuantize runs DynamicQuantizeLinear.
func selectDynamicQuantize(s *selection) (*chosen, error) {
	if s.Inputs[0].DType != tensor.Float32 {
		return nil, node.NoKernel("the input is %v; the CUDA kernel is for float32", s.Inputs[0].DType)
	}
	if s.Output(1) == nil || s.Output(2) == nil {
		return nil, node.NoKernel("the scale or the zero point is left out")
	}
	plan := kernel.DynamicQuantize{Count: node.Product(s.Shape(0))}
	c, err := s.plannedUnary("dynamic_quantize", kernel.Float32, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y, p.Scale, p.Zero, p.Workspace = x, at.Output(0), at.Output(1), at.Output(2), at.Workspace()
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.workspace = plan.WorkspaceBytes()
	return c, nil
}

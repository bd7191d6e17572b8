package cpu

import (
	"errors"

	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/quantize"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectQuantize runs QuantizeLinear from float32 to eight bits, with one scale or with one for each position of an axis.
func selectQuantize(s *selection) (*kernel, error) {
	if division := op.DivisionType(s.Node.Node); division != tensor.Float32 {
		return nil, node.NoKernel("it divides in %v", division)
	}
	return s.conversion(0, s.Output(0).DType, quantize.Linear.Quantize)
}

// selectDequantize runs DequantizeLinear from eight bits and from int32 to float32, with one scale or with one for each position of an axis.
func selectDequantize(s *selection) (*kernel, error) {
	if to := s.Output(0).DType; to != tensor.Float32 {
		return nil, node.NoKernel("the result is %v", to)
	}
	return s.conversion(1, s.Inputs[0].DType, quantize.Linear.Dequantize)
}

// conversion makes the kernel of a conversion between integers and float32, which the inputs from the given one up to the scale have.
func (s *selection) conversion(first int, integers tensor.DType, plan func(quantize.Linear, isa.Level) (step.Step, error)) (*kernel, error) {
	for i := first; i < 2; i++ {
		if from := s.Inputs[i].DType; from != tensor.Float32 {
			return nil, node.NoKernel("input %d is %v", i, from)
		}
	}
	scaled, err := s.Scaled()
	if err != nil {
		return nil, err
	}
	if node.Product(s.Shape(0)) == 0 {
		return nothing, nil
	}
	planned, err := plan(quantize.Linear{Type: quantize.Type(integers), Before: scaled.Before, Scales: scaled.Scales, After: scaled.After}, s.level)
	if errors.Is(err, quantize.ErrUnsupported) {
		return nil, node.NoKernel("%v", err)
	}
	if err != nil {
		return nil, err
	}
	return &kernel{name: s.named(s.Op, integers), emit: func(at device.Operands) ([]step.Step, error) {
		inputs, err := node.Places(at, 0, 1, 2)
		if err != nil {
			return nil, err
		}
		planned.Operand[quantize.OperandX], planned.Operand[quantize.OperandScale], planned.Operand[quantize.OperandZero] = inputs[0], inputs[1], inputs[2]
		planned.Operand[quantize.OperandY] = at.Output(0)
		return []step.Step{planned}, nil
	}}, nil
}

// selectDynamicQuantize runs DynamicQuantizeLinear.
func selectDynamicQuantize(s *selection) (*kernel, error) {
	for i := range 3 {
		if s.Output(i) == nil {
			return nil, node.NoKernel("an output is left out")
		}
	}
	steps, err := quantize.Dynamic(s.level, node.Product(s.Shape(0)))
	if err != nil {
		return nil, err
	}
	return &kernel{name: s.named(s.Op, tensor.Uint8), workspace: quantize.DynamicBytes, emit: func(at device.Operands) ([]step.Step, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		for i := range steps {
			steps[i].Operand[quantize.OperandX], steps[i].Operand[quantize.OperandExtremes] = x, at.Workspace()
		}
		last := &steps[1].Operand
		last[quantize.OperandY], last[quantize.OperandScale], last[quantize.OperandZero] = at.Output(0), at.Output(1), at.Output(2)
		return steps[:], nil
	}}, nil
}

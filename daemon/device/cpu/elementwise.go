package cpu

import (
	"errors"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/elementwise"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectElementwise runs an element-wise operator, or op.FusedElementwise, as a chain.
func selectElementwise(s *selection) (*kernel, error) {
	program, inputs, err := s.Chain()
	if err != nil {
		return nil, err
	}
	if len(program) == 0 {
		return selectCopy(s)
	}
	instructions := make([]elementwise.Instruction, len(program))
	for i, in := range program {
		instructions[i] = elementwise.Instruction{Op: in.Op, Args: in.Args, Alpha: in.Alpha, Beta: in.Beta, To: elementwise.Type(in.To)}
	}
	return s.chain(s.Op, inputs, instructions)
}

// chain makes the kernel of a chain over the first inputs of the node.
func (s *selection) chain(name string, inputs int, instructions []elementwise.Instruction) (*kernel, error) {
	c := elementwise.Chain{Dims: s.OutputShape(0), Instructions: instructions}
	for i := range inputs {
		in, err := s.chainInput(i, c.Dims)
		if err != nil {
			return nil, err
		}
		c.Inputs = append(c.Inputs, in)
	}
	// The chain is compiled here, not while emitting, because only now another device can take over; its operands are set later.
	planned, err := elementwise.Plan(s.level, c, s.allocate)
	if errors.Is(err, elementwise.ErrUnsupported) {
		return nil, node.NoKernel("%v", err)
	}
	if err != nil {
		return nil, err
	}
	return &kernel{
		name:    s.named(name, s.Output(0).DType),
		inPlace: func(input int) bool { return input < inputs && elementwise.InPlace(c, input) },
		emit: func(at device.Operands) ([]step.Step, error) {
			if node.Product(c.Dims) == 0 {
				return nil, nil
			}
			for i := range c.Inputs {
				if c.Inputs[i].Constant != nil {
					continue
				}
				operand, err := at.Input(i)
				if err != nil {
					return nil, err
				}
				planned.Operand[i] = operand
			}
			planned.Operand[elementwise.OperandOutput] = at.Output(0)
			return []step.Step{planned}, nil
		},
	}, nil
}

func (s *selection) chainInput(i int, dims []int64) (elementwise.Input, error) {
	v := s.Input(i)
	if v == nil {
		return elementwise.Input{}, node.NoKernel("input %d is left out", i)
	}
	if v.Constant != nil && v.DType == tensor.Float32 && v.Constant.Elements() == 1 {
		return elementwise.Input{Type: elementwise.Float32, Constant: &tensor.Slice[float32](v.Constant)[0]}, nil
	}
	strides, ok := layout.Broadcast(s.Shape(i), dims)
	if !ok {
		return elementwise.Input{}, node.NoKernel("input %d of shape %v does not broadcast to %v", i, s.Shape(i), dims)
	}
	return elementwise.Input{Type: elementwise.Type(v.DType), Strides: strides}, nil
}

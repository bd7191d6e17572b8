package cpu

import (
	"errors"
	"math"

	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/elementwise"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectChain runs op.FusedElementwise.
func selectChain(s *selection) (*kernel, error) {
	program, ok := s.Attributes["chain"].(op.Chain)
	if !ok {
		return nil, noKernel("the chain is missing")
	}
	instructions := make([]elementwise.Instruction, len(program))
	for i, in := range program {
		instructions[i] = elementwise.Instruction{Op: in.Op, Args: in.Args, Alpha: in.Alpha, Beta: in.Beta}
	}
	return s.chain("elementwise", len(s.Inputs), instructions)
}

// selectElementwise runs a single element-wise operator as a chain of its own.
func selectElementwise(s *selection) (*kernel, error) {
	inputs := len(s.Inputs)
	if s.Op == "Pow" && s.Inputs[0].DType != s.Inputs[1].DType {
		return nil, noKernel("base and exponent are of different types")
	}
	in := elementwise.Instruction{Op: s.Op}
	switch s.Op {
	case "Cast":
		in.To = elementwise.Type(s.Output(0).DType)
	case "HardSigmoid":
		in.Alpha, in.Beta = s.Float("alpha", 0.2), s.Float("beta", 0.5)
	case "LeakyRelu":
		in.Alpha = s.Float("alpha", 0.01)
	case "Elu":
		in.Alpha = s.Float("alpha", 1)
	case "Gelu":
		if s.Text("approximate", "none") == "tanh" {
			in.Op = "GeluTanh"
		}
	case "Clip":
		low, lowOK := s.limit(1, -math.MaxFloat32)
		high, highOK := s.limit(2, math.MaxFloat32)
		if !lowOK || !highOK {
			return nil, noKernel("the limits depend on data")
		}
		in.Alpha, in.Beta, inputs = low, high, 1
	}
	switch {
	case inputs > 2 && in.Op != "Where":
		return s.chain(s.Op, inputs, leftToRight(in.Op, inputs))
	case inputs == 1 && (in.Op == "Min" || in.Op == "Max"):
		return selectCopy(s)
	}
	for i := range inputs {
		in.Args = append(in.Args, i)
	}
	return s.chain(s.Op, inputs, []elementwise.Instruction{in})
}

// limit is the constant scalar of an optional input.
func (s *selection) limit(i int, fallback float32) (float32, bool) {
	v := s.Input(i)
	if v == nil {
		return fallback, true
	}
	if v.Constant == nil || v.DType != tensor.Float32 || v.Constant.Elements() != 1 {
		return 0, false
	}
	return tensor.Slice[float32](v.Constant)[0], true
}

// leftToRight applies a binary operator to many inputs.
func leftToRight(name string, inputs int) []elementwise.Instruction {
	var list []elementwise.Instruction
	left := 0
	for i := 1; i < inputs; i++ {
		list = append(list, elementwise.Instruction{Op: name, Args: []int{left, i}})
		left = inputs + len(list) - 1
	}
	return list
}

// chain makes the kernel of a chain over the first inputs of the node.
func (s *selection) chain(name string, inputs int, instructions []elementwise.Instruction) (*kernel, error) {
	c := elementwise.Chain{Dims: s.outputShape(0), Instructions: instructions}
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
		return nil, noKernel("%v", err)
	}
	if err != nil {
		return nil, err
	}
	return &kernel{
		name:    s.named(name, s.Output(0).DType),
		inPlace: func(input int) bool { return input < inputs && elementwise.InPlace(c, input) },
		emit: func(at device.Operands) ([]step.Step, error) {
			if product(c.Dims) == 0 {
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
		return elementwise.Input{}, noKernel("input %d is left out", i)
	}
	if v.Constant != nil && v.DType == tensor.Float32 && v.Constant.Elements() == 1 {
		return elementwise.Input{Type: elementwise.Float32, Constant: &tensor.Slice[float32](v.Constant)[0]}, nil
	}
	strides, ok := layout.Broadcast(s.shape(i), dims)
	if !ok {
		return elementwise.Input{}, noKernel("input %d of shape %v does not broadcast to %v", i, s.shape(i), dims)
	}
	return elementwise.Input{Type: elementwise.Type(v.DType), Strides: strides}, nil
}

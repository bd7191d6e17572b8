//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	loops "github.com/inferd/inferd/kernels/cpu/layout"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectElementwise runs an element-wise operator, or op.FusedElementwise, as a chain.
func selectElementwise(s *selection) (*chosen, error) {
	program, inputs, err := s.elementwiseChain()
	if err != nil {
		return nil, err
	}
	return s.elementwise(program, inputs)
}

// elementwise makes the kernel of a chain over the given inputs of the node.
func (s *selection) elementwise(program op.Chain, inputs []int) (*chosen, error) {
	t, err := knownType(s.Output(0).DType)
	if err != nil {
		return nil, err
	}
	plan := kernel.Elementwise{Dims: s.OutputShape(0)}
	for _, in := range program {
		instruction := kernel.ElementwiseInstruction{Op: s.kernelOperator(in.Op), Args: in.Args, Alpha: in.Alpha, Beta: in.Beta, ToBool: in.To == tensor.Bool}
		if in.Op == "Cast" {
			if instruction.To, err = knownType(in.To); err != nil {
				return nil, err
			}
		}
		plan.Instructions = append(plan.Instructions, instruction)
	}
	for _, i := range inputs {
		in, err := s.elementwiseInput(i, plan.Dims)
		if err != nil {
			return nil, err
		}
		plan.Inputs = append(plan.Inputs, in)
	}
	return s.elementwisePlan(plan, inputs, t)
}

// elementwisePlan makes the kernel of a planned chain whose first inputs are the given ones of the node.
func (s *selection) elementwisePlan(plan kernel.Elementwise, inputs []int, t kernel.Type) (*chosen, error) {
	c, err := s.planned("elementwise", t, func(at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.Inputs = append([]kernel.ElementwiseInput(nil), plan.Inputs...)
		for k, i := range inputs {
			if p.Inputs[k].Constant != nil {
				continue
			}
			var err error
			if p.Inputs[k].X, err = at.Input(i); err != nil {
				return nil, err
			}
		}
		p.Output = at.Output(0)
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.inPlace = func(input int) bool {
		for k, i := range inputs {
			if i == input {
				return plan.InPlace(k)
			}
		}
		return false
	}
	return c, nil
}

// elementwiseChain returns the node as a chain over some of its inputs.
func (s *selection) elementwiseChain() (op.Chain, []int, error) {
	if s.Op == "Clip" {
		if chain, inputs := s.clip(); chain != nil {
			return chain, inputs, nil
		}
	}
	if program := s.unaryWithAttributes(); program != nil {
		return program, []int{0}, nil
	}
	program, count, err := s.Chain()
	if err != nil {
		return nil, nil, err
	}
	inputs := make([]int, count)
	for i := range inputs {
		inputs[i] = i
	}
	if len(program) == 0 || s.Op == "Sum" && count == 1 {
		program = op.Chain{{Op: "Identity", Args: []int{0}}}
	}
	return program, inputs, nil
}

// kernelOperator is the name that kernels have for an operator.
func (s *selection) kernelOperator(name string) string {
	switch {
	case name == "Sum":
		return "Add"
	case name == "Mod" && s.Int("fmod", 0) != 0:
		return "Remainder"
	}
	return name
}

// unaryWithAttributes returns a chain over input 0 for operators whose attributes node.Chain does not read.
func (s *selection) unaryWithAttributes() op.Chain {
	in := op.ChainInstruction{Op: s.Op, Args: []int{0}}
	switch s.Op {
	case "CastLike":
		in.Op, in.To = "Cast", s.Output(0).DType
	case "Celu", "Swish", "ThresholdedRelu":
		in.Alpha = s.Float("alpha", 1)
	case "Selu":
		in.Alpha, in.Beta = s.Float("alpha", 1.67326319217681884765625), s.Float("gamma", 1.05070102214813232421875)
	case "Shrink":
		in.Alpha, in.Beta = s.Float("lambd", 0.5), s.Float("bias", 0)
	case "IsInf":
		in.Alpha, in.Beta = float32(s.Int("detect_positive", 1)), float32(s.Int("detect_negative", 1))
	default:
		return nil
	}
	return op.Chain{in}
}

// clip makes Clip with limits that are not constants of float32 a maximum and a minimum with the limits, which broadcast.
func (s *selection) clip() (chain op.Chain, inputs []int) {
	_, low := s.ConstantFloat(1, 0)
	_, high := s.ConstantFloat(2, 0)
	if low && high && s.Inputs[0].DType == tensor.Float32 {
		return nil, nil
	}
	inputs = []int{0}
	for i := 1; i <= 2; i++ {
		if s.Input(i) != nil {
			inputs = append(inputs, i)
		}
	}
	register := 0
	for k, i := range inputs[1:] {
		chain = append(chain, op.ChainInstruction{Op: []string{"", "Max", "Min"}[i], Args: []int{register, k + 1}})
		register = len(inputs) + k
	}
	if chain == nil {
		chain = op.Chain{{Op: "Identity", Args: []int{0}}}
	}
	return chain, inputs
}

func (s *selection) elementwiseInput(i int, dims []int64) (in kernel.ElementwiseInput, err error) {
	v := s.Input(i)
	if v == nil {
		return in, node.NoKernel("input %d is left out", i)
	}
	if in.Type, err = s.typeOf(i); err != nil {
		return in, err
	}
	in.Bool = v.DType == tensor.Bool
	if v.Constant != nil && v.DType == tensor.Float32 && v.Constant.Elements() == 1 && v.Constant.Data != nil {
		in.Constant = &tensor.Slice[float32](v.Constant)[0]
		return in, nil
	}
	strides, ok := loops.Broadcast(s.Shape(i), dims)
	if !ok {
		return in, node.NoKernel("input %d of shape %v does not broadcast to %v", i, s.Shape(i), dims)
	}
	in.Strides = strides
	return in, nil
}

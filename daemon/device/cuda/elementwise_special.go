//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectMean runs Mean: the sum of the inputs divided by their number.
func selectMean(s *selection) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	count := len(s.Inputs)
	switch {
	case count == 1:
		return s.elementwise(op.Chain{{Op: "Identity", Args: []int{0}}}, []int{0})
	case t != kernel.Float32:
		return nil, node.NoKernel("the inputs are %v", t)
	}
	plan, inputs := kernel.Elementwise{Dims: s.OutputShape(0)}, make([]int, count)
	for i := range inputs {
		in, err := s.elementwiseInput(i, plan.Dims)
		if err != nil {
			return nil, err
		}
		inputs[i], plan.Inputs = i, append(plan.Inputs, in)
	}
	divisor := float32(count)
	plan.Inputs = append(plan.Inputs, kernel.ElementwiseInput{Type: kernel.Float32, Constant: &divisor})
	sum := 0
	for i := 1; i < count; i++ {
		plan.Instructions = append(plan.Instructions, kernel.ElementwiseInstruction{Op: "Add", Args: []int{sum, i}})
		sum = count + i // behind the constant, which is register count
	}
	plan.Instructions = append(plan.Instructions, kernel.ElementwiseInstruction{Op: "Div", Args: []int{sum, count}})
	return s.elementwisePlan(plan, inputs, t)
}

// selectPower runs Pow. An exponent of another type than the base is a constant, or is converted first.
func selectPower(s *selection) (*chosen, error) {
	base, exponent := s.Inputs[0], s.Inputs[1]
	if base.DType == exponent.DType {
		return selectElementwise(s)
	}
	if base.DType == tensor.Float32 {
		if list, ok := s.ConstantInts(1); ok && len(list) == 1 {
			in, err := s.elementwiseInput(0, s.OutputShape(0))
			if err != nil {
				return nil, err
			}
			power := float32(list[0])
			plan := kernel.Elementwise{
				Dims: s.OutputShape(0), Inputs: []kernel.ElementwiseInput{in, {Type: kernel.Float32, Constant: &power}},
				Instructions: []kernel.ElementwiseInstruction{{Op: "Pow", Args: []int{0, 1}}},
			}
			return s.elementwisePlan(plan, []int{0}, kernel.Float32)
		}
	}
	if t, err := s.typeOf(0); err != nil || !t.IsFloat() {
		return nil, node.NoKernel("base and exponent are %v and %v", base.DType, exponent.DType)
	}
	return s.elementwise(op.Chain{{Op: "Cast", Args: []int{1}, To: s.Output(0).DType}, {Op: "Pow", Args: []int{0, 2}}}, []int{0, 1})
}

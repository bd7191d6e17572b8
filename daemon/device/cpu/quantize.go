package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/elementwise"
	"github.com/inferd/inferd/kernels/cpu/integer"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// limits are the least and the largest number of the types that are quantised to.
var limits = map[tensor.DType][2]float32{
	tensor.Uint8: {0, 255}, tensor.Int8: {-128, 127}, tensor.Uint16: {0, 65535}, tensor.Int16: {-32768, 32767},
}

// scaledChain begins the chain of QuantizeLinear or DequantizeLinear: x, the scale and the zero point as [Before, Scales, After].
func (s *selection) scaledChain() (c elementwise.Chain, err error) {
	scaled, err := s.Scaled()
	if err != nil {
		return c, err
	}
	if s.Inputs[1].DType != tensor.Float32 {
		return c, node.NoKernel("the scale is %v", s.Inputs[1].DType)
	}
	c.Dims = []int64{scaled.Before, scaled.Scales, scaled.After}
	each := []int64{0, 1, 0}
	if scaled.Scales == 1 {
		each[1] = 0
	}
	c.Inputs = []elementwise.Input{
		{Type: elementwise.Type(s.Inputs[0].DType), Strides: []int64{scaled.Scales * scaled.After, scaled.After, 1}},
		{Type: elementwise.Float32, Strides: each},
	}
	if zero := s.Input(2); zero != nil {
		c.Inputs = append(c.Inputs, elementwise.Input{Type: elementwise.Type(zero.DType), Strides: each})
	}
	return c, nil
}

// instruct appends an instruction and returns its register.
func instruct(c *elementwise.Chain, in elementwise.Instruction) int {
	c.Instructions = append(c.Instructions, in)
	return len(c.Inputs) + len(c.Instructions) - 1
}

// widened appends a cast of a register to float32.
func widened(c *elementwise.Chain, register int) int {
	return instruct(c, elementwise.Instruction{Op: "Cast", Args: []int{register}, To: elementwise.Float32})
}

// selectQuantize runs QuantizeLinear: saturate(round(x / scale) + zero).
func selectQuantize(s *selection) (*kernel, error) {
	to := s.Output(0).DType
	bounds, ok := limits[to]
	if !ok || s.Inputs[0].DType != tensor.Float32 {
		return nil, node.NoKernel("%v is quantised to %v", s.Inputs[0].DType, to)
	}
	c, err := s.scaledChain()
	if err != nil {
		return nil, err
	}
	x := instruct(&c, elementwise.Instruction{Op: "Div", Args: []int{0, 1}})
	x = instruct(&c, elementwise.Instruction{Op: "Round", Args: []int{x}})
	if len(c.Inputs) > 2 {
		x = instruct(&c, elementwise.Instruction{Op: "Add", Args: []int{x, widened(&c, 2)}})
	}
	x = instruct(&c, elementwise.Instruction{Op: "Clip", Args: []int{x}, Alpha: bounds[0], Beta: bounds[1]})
	instruct(&c, elementwise.Instruction{Op: "Cast", Args: []int{x}, To: elementwise.Type(to)})
	return s.plannedChain("quantize", c)
}

// selectDequantize runs DequantizeLinear: (x - zero) * scale.
func selectDequantize(s *selection) (*kernel, error) {
	from := s.Inputs[0].DType
	if s.Output(0).DType != tensor.Float32 || from == tensor.Int32 && s.Input(2) != nil {
		return nil, node.NoKernel("%v is dequantised to %v", from, s.Output(0).DType)
	}
	c, err := s.scaledChain()
	if err != nil {
		return nil, err
	}
	x := widened(&c, 0)
	if len(c.Inputs) > 2 {
		x = instruct(&c, elementwise.Instruction{Op: "Sub", Args: []int{x, widened(&c, 2)}})
	}
	instruct(&c, elementwise.Instruction{Op: "Mul", Args: []int{x, 1}})
	return s.plannedChain("dequantize", c)
}

// selectDynamicQuantize runs DynamicQuantizeLinear.
func selectDynamicQuantize(s *selection) (*kernel, error) {
	for i := range 3 {
		if s.Output(i) == nil {
			return nil, node.NoKernel("an output is left out")
		}
	}
	plan := integer.DynamicQuantize{Level: integer.LevelOf(s.level), Count: int(node.Product(s.Shape(0)))}
	return &kernel{
		name: s.named("dynamic_quantize", tensor.Uint8), workspace: plan.WorkspaceBytes(),
		emit: func(at device.Operands) ([]step.Step, error) {
			x, err := at.Input(0)
			if err != nil {
				return nil, err
			}
			p := plan
			p.X, p.Y, p.Scale, p.Zero, p.Workspace = x, at.Output(0), at.Output(1), at.Output(2), at.Workspace()
			return p.Steps(), nil
		},
	}, nil
}

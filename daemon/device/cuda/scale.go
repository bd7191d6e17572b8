//go:build cuda

package cuda

import (
	"unsafe"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	loops "github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectScaler runs Scaler as a chain: (X - offset) * scale, the attributes being rows, or one value each.
func selectScaler(s *selection) (*chosen, error) {
	const x, offset, scale, inputs = 0, 1, 2, 3
	plan, err := s.mlChain()
	if err != nil {
		return nil, err
	}
	for _, attribute := range []string{"offset", "scale"} {
		in, err := s.rowAttribute(attribute, plan.Dims)
		if err != nil {
			return nil, err
		}
		plan.Inputs = append(plan.Inputs, in)
	}
	values := x
	if plan.Inputs[x].Type != kernel.Float32 {
		plan.Instructions = append(plan.Instructions, kernel.ElementwiseInstruction{Op: "Cast", Args: []int{x}, To: kernel.Float32})
		values = inputs
	}
	difference := inputs + len(plan.Instructions)
	plan.Instructions = append(plan.Instructions,
		kernel.ElementwiseInstruction{Op: "Sub", Args: []int{values, offset}}, kernel.ElementwiseInstruction{Op: "Mul", Args: []int{difference, scale}})
	return s.elementwisePlan(plan, []int{x}, kernel.Float32)
}

// selectBinarizer runs Binarizer as a chain: 1 where X is above the threshold, else 0.
func selectBinarizer(s *selection) (*chosen, error) {
	plan, err := s.mlChain()
	if err != nil {
		return nil, err
	}
	threshold := s.Float("threshold", 0)
	plan.Inputs = append(plan.Inputs, kernel.ElementwiseInput{Type: kernel.Float32, Constant: &threshold})
	plan.Instructions = []kernel.ElementwiseInstruction{{Op: "Greater", Args: []int{0, 1}}, {Op: "Cast", Args: []int{2}, To: kernel.Float32}}
	return s.elementwisePlan(plan, []int{0}, kernel.Float32)
}

// mlChain begins a chain over input 0 that gives float32.
func (s *selection) mlChain() (plan kernel.Elementwise, err error) {
	if s.Output(0).DType != tensor.Float32 {
		return plan, node.NoKernel("the output is %v", s.Output(0).DType)
	}
	plan.Dims = s.OutputShape(0)
	in, err := s.elementwiseInput(0, plan.Dims)
	plan.Inputs = []kernel.ElementwiseInput{in}
	return plan, err
}

// rowAttribute returns floats of an attribute, one for each column of dims or one for all, as an input of a chain.
func (s *selection) rowAttribute(name string, dims []int64) (in kernel.ElementwiseInput, err error) {
	list := s.Floats(name)
	in.Type = kernel.Float32
	if len(list) == 1 {
		in.Constant = &list[0]
		return in, nil
	}
	var ok bool
	if in.Strides, ok = loops.Broadcast([]int64{int64(len(list))}, dims); !ok || len(list) == 0 {
		return in, node.NoKernel("attribute %q has %d values for rows of %v", name, len(list), dims)
	}
	in.X, err = weights.PackShared(s.weights, unsafe.SliceData(list), name, func() (step.Operand, weights.Form, error) {
		return s.device.upload(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), 4*len(list)))
	})
	return in, err
}

// selectNormalizer divides rows by their norm.
func selectNormalizer(s *selection) (*chosen, error) {
	norm, ok := map[string]kernel.LpNorm{"MAX": kernel.LpLargest, "L1": kernel.LpSum, "L2": kernel.LpRoot}[s.Text("norm", "MAX")]
	if !ok {
		return nil, node.NoKernel("unknown norm %q", s.Text("norm", "MAX"))
	}
	if s.Inputs[0].DType != tensor.Float32 {
		return nil, node.NoKernel("the input is %v", s.Inputs[0].DType)
	}
	rows, columns := s.Rows()
	return s.lp(kernel.Lp{Norm: norm, Outer: int64(rows), Width: int64(columns), Inner: 1})
}

// selectLpNormalization divides the lines along an axis by their norm.
func selectLpNormalization(s *selection) (*chosen, error) {
	shape := s.Shape(0)
	if len(shape) == 0 {
		return nil, node.NoKernel("the input is a scalar")
	}
	p := kernel.Lp{Norm: kernel.LpRoot}
	p.Outer, p.Width, p.Inner = around(shape, s.Int("axis", -1))
	if s.Int("p", 2) == 1 {
		p.Norm = kernel.LpSum
	}
	return s.lp(p)
}

func (s *selection) lp(plan kernel.Lp) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	plan.Type = t
	c, err := s.plannedUnary("lp", t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y = x, at.Output(0)
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.inPlace = func(int) bool { return true }
	return c, nil
}

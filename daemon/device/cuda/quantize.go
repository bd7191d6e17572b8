//go:build cuda

package cuda

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectQuantize runs QuantizeLinear and DequantizeLinear.
func selectQuantize(s *selection) (*chosen, error) {
	scaled, err := s.Scaled()
	if err != nil {
		return nil, err
	}
	x, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	y, err := knownType(s.Output(0).DType)
	if err != nil {
		return nil, err
	}
	name, plan := "quantize", kernel.Quantize{Float: x, Narrow: y, Before: scaled.Before, Scales: scaled.Scales, After: scaled.After}
	if s.Op == "DequantizeLinear" {
		name, plan.Dequantize, plan.Float, plan.Narrow = "dequantize", true, y, x
	}
	if division := op.DivisionType(s.Node.Node); !plan.Dequantize && division != tensor.Float32 {
		return nil, node.NoKernel("it divides in %v", division)
	}
	if scale := s.Inputs[1].DType; types[scale] != plan.Float {
		return nil, node.NoKernel("the scale is %v beside %v", scale, plan.Float)
	}
	return s.plannedAs(fmt.Sprintf("%s_%v_%v_cuda", name, plan.Float, plan.Narrow), func(at device.Operands) ([]kernel.Launch, error) {
		inputs, err := node.Places(at, 0, 1, 2)
		if err != nil {
			return nil, err
		}
		p := plan
		p.X, p.Scale, p.Zero, p.Y = inputs[0], inputs[1], inputs[2], at.Output(0)
		return p.Plan()
	})
}

// selectDynamicQuantize runs DynamicQuantizeLinear.
func selectDynamicQuantize(s *selection) (*chosen, error) {
	for i := range 3 {
		if s.Output(i) == nil {
			return nil, node.NoKernel("an output is left out")
		}
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

// selectQuantizedLinear runs op.FusedQuantizedLinear.
func selectQuantizedLinear(s *selection) (*chosen, error) {
	a, y := s.Shape(op.QuantizedA), s.OutputShape(0)
	k, n := a[len(a)-1], y[len(y)-1]
	w := kernel.IntegerWeights{Outputs: n, Groups: 1, GroupChannels: k, KernelHeight: 1, KernelWidth: 1, Transposed: s.Int("transpose_b", 0) == 0}
	i, err := s.readInteger(&w)
	if err != nil {
		return nil, err
	}
	plan := kernel.IntegerGemm{Integer: i, M: node.Product(a[:len(a)-1]), N: n, K: k, HasZeros: w.HasZeros, Multiprocessors: int64(s.device.driver.Info().Multiprocessors)}
	return s.plannedInteger("quantized_linear", i.Output, func(i kernel.Integer, a, y step.Operand) ([]kernel.Launch, error) {
		p := plan
		p.Integer, p.A, p.C = placed(p.Integer, i), a, y
		return p.Plan()
	})
}

// selectQuantizedConv runs op.FusedQuantizedConv.
func selectQuantizedConv(s *selection) (*chosen, error) {
	x, weight, y, window := s.Shape(op.QuantizedA), s.Shape(op.QuantizedB), s.OutputShape(0), s.Window()
	w := kernel.IntegerWeights{
		Outputs: weight[0], Groups: s.Int("group", 1), GroupChannels: weight[1], KernelHeight: weight[2], KernelWidth: weight[3],
	}
	i, err := s.readInteger(&w)
	if err != nil {
		return nil, err
	}
	plan := kernel.IntegerConv{
		Integer: i, IntegerWeights: w, Images: x[0], Height: x[1], Width: x[2], OutputHeight: y[1], OutputWidth: y[2],
		Strides:   [2]int64{int64(window.Strides[0]), int64(window.Strides[1])},
		Dilations: [2]int64{int64(window.Dilations[0]), int64(window.Dilations[1])},
		PadTop:    int64(window.PadTop), PadLeft: int64(window.PadLeft), Multiprocessors: int64(s.device.driver.Info().Multiprocessors),
	}
	return s.plannedInteger("quantized_conv", i.Output, func(i kernel.Integer, x, y step.Operand) ([]kernel.Launch, error) {
		p := plan
		p.Integer, p.X, p.Y = placed(p.Integer, i), x, y
		return p.Plan()
	})
}

// readInteger reads what products of integers share, and packs the weights.
func (s *selection) readInteger(w *kernel.IntegerWeights) (i kernel.Integer, err error) {
	read, err := s.QuantizedProduct()
	if err != nil {
		return i, err
	}
	w.Unsigned = read.UnsignedB
	i = kernel.Integer{UnsignedA: read.UnsignedA, IntegerBias: read.IntegerBias, Activation: read.Activation, ResidualLast: read.ResidualLast}
	if i.Output, err = knownType(s.Output(0).DType); err != nil {
		return i, err
	}
	b := s.Inputs[op.QuantizedB]
	form := fmt.Sprintf("integers in %d groups, transposed %v", w.Groups, w.Transposed)
	for _, input := range []int{op.QuantizedBScale, op.QuantizedBZero} { // they are packed along
		if v := s.Input(input); v != nil {
			form += fmt.Sprintf(", %p", v.Constant)
		}
	}
	packed, err := weights.Pack(s.weights, b, form, func() (packedIntegers, weights.Form, error) {
		place, held, err := s.device.upload(w.Pack(b.Constant.Data, read.Zeros, read.Scales))
		return packedIntegers{place, w.AnyZero(read.Zeros)}, held, err
	})
	i.Packed, w.HasZeros = packed.place, packed.hasZeros
	return i, err
}

// packedIntegers are packed weights, and what later programs cannot see any more: whether they have zero points other than 0.
type packedIntegers struct {
	place    step.Operand
	hasZeros bool
}

// placed returns the product with the places of at.
func placed(i, at kernel.Integer) kernel.Integer {
	i.AScale, i.AZero, i.Bias, i.Residual, i.YScale, i.YZero = at.AScale, at.AZero, at.Bias, at.Residual, at.YScale, at.YZero
	return i
}

// plannedInteger is planned for a product of integers; plan gets the places of its operands.
func (s *selection) plannedInteger(name string, output kernel.Type, plan func(places kernel.Integer, a, y step.Operand) ([]kernel.Launch, error)) (*chosen, error) {
	c, err := s.plannedAs(fmt.Sprintf("%s_i8_%v_cuda", name, output), func(at device.Operands) ([]kernel.Launch, error) {
		in, err := node.Places(at, op.QuantizedA, op.QuantizedAScale, op.QuantizedAZero, op.QuantizedBias, op.QuantizedResidual, op.QuantizedYScale, op.QuantizedYZero)
		if err != nil {
			return nil, err
		}
		return plan(kernel.Integer{AScale: in[1], AZero: in[2], Bias: in[3], Residual: in[4], YScale: in[5], YZero: in[6]}, in[0], at.Output(0))
	})
	if err != nil {
		return nil, err
	}
	// A residual is read by the thread that writes the element in its place.
	c.inPlace = func(input int) bool { return input == op.QuantizedResidual }
	return c, nil
}

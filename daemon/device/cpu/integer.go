package cpu

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/integer"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectQuantizedLinear runs op.FusedQuantizedLinear.
func selectQuantizedLinear(s *selection) (*kernel, error) {
	a, y := s.Shape(op.QuantizedA), s.OutputShape(0)
	k, n := a[len(a)-1], y[len(y)-1]
	w := integer.Weights{Outputs: int(n), Groups: 1, GroupChannels: int(k), KernelHeight: 1, KernelWidth: 1, Transposed: s.Int("transpose_b", 0) == 0}
	var p integer.Product
	p.Matrix(int(node.Product(a[:len(a)-1])))
	return s.integerProduct("quantized_linear", p, w)
}

// selectQuantizedConv runs op.FusedQuantizedConv.
func selectQuantizedConv(s *selection) (*kernel, error) {
	x, weight, y, window := s.Shape(op.QuantizedA), s.Shape(op.QuantizedB), s.OutputShape(0), s.Window()
	w := integer.Weights{
		Outputs: int(weight[0]), Groups: int(s.Int("group", 1)), GroupChannels: int(weight[1]), KernelHeight: int(weight[2]), KernelWidth: int(weight[3]),
	}
	return s.integerProduct("quantized_conv", integer.Product{
		Images: int(x[0]), Height: int(x[1]), Width: int(x[2]), OutputHeight: int(y[1]), OutputWidth: int(y[2]),
		StrideHeight: window.Strides[0], StrideWidth: window.Strides[1], DilationHeight: window.Dilations[0], DilationWidth: window.Dilations[1],
		PadTop: window.PadTop, PadLeft: window.PadLeft,
	}, w)
}

// outputs are the results that products of integers have.
var outputs = map[tensor.DType]integer.Output{
	tensor.Int32: integer.Int32, tensor.Float32: integer.Float32, tensor.Uint8: integer.Uint8, tensor.Int8: integer.Int8,
}

// integerProduct makes the kernel of a product whose sizes are known.
func (s *selection) integerProduct(name string, p integer.Product, w integer.Weights) (*kernel, error) {
	read, err := s.QuantizedProduct()
	if err != nil {
		return nil, err
	}
	dtype := s.Output(0).DType
	output, ok := outputs[dtype]
	if !ok {
		return nil, node.NoKernel("the result is %v", dtype)
	}
	if node.Product(s.OutputShape(0)) == 0 {
		return nothing, nil
	}
	p.UnsignedA, p.IntegerBias, p.Activation, p.ResidualLast, p.Output = read.UnsignedA, read.IntegerBias, read.Activation, read.ResidualLast, output
	w.Unsigned, w.Zeros, w.Scales = read.UnsignedB, read.Zeros, read.Scales
	if p.Weights, err = s.packIntegers(w); err != nil {
		return nil, err
	}
	return &kernel{
		name: s.named(name, dtype),
		// A residual's elements are read before those in their place are written.
		inPlace: func(input int) bool { return input == op.QuantizedResidual },
		emit: func(at device.Operands) ([]step.Step, error) {
			in, err := node.Places(at, op.QuantizedA, op.QuantizedAScale, op.QuantizedAZero, op.QuantizedBias, op.QuantizedResidual, op.QuantizedYScale, op.QuantizedYZero)
			if err != nil {
				return nil, err
			}
			q := p
			q.A, q.AScale, q.AZero, q.Bias, q.Residual, q.YScale, q.YZero, q.C = in[0], in[1], in[2], in[3], in[4], in[5], in[6], at.Output(0)
			planned, err := q.Step()
			return []step.Step{planned}, err
		},
	}, nil
}

// packIntegers packs the weights, with their scales and zero points, once for all programs.
func (s *selection) packIntegers(w integer.Weights) (*integer.Packed, error) {
	b := s.Inputs[op.QuantizedB]
	form := fmt.Sprintf("integers in %d groups, transposed %v", w.Groups, w.Transposed)
	for _, input := range []int{op.QuantizedBScale, op.QuantizedBZero} {
		if v := s.Input(input); v != nil {
			form += fmt.Sprintf(", %p", v.Constant)
		}
	}
	return weights.Pack(s.weights, b, form, func() (*integer.Packed, weights.Form, error) {
		w.Data = b.Constant.Data
		p, err := integer.Pack(integer.LevelOf(s.level), w)
		if err != nil {
			return nil, weights.Form{}, err
		}
		return p, weights.Form{Bytes: int64(p.Bytes()), Free: p.Free}, nil
	})
}

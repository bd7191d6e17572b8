package cpu

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/gemm8"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectQuantizedLinear runs op.FusedQuantizedLinear.
func selectQuantizedLinear(s *selection) (*kernel, error) {
	read, err := s.QuantizedProduct()
	if err != nil {
		return nil, err
	}
	a, y := s.Shape(op.QuantizedA), s.OutputShape(0)
	k, n := int(a[len(a)-1]), int(y[len(y)-1])
	w := gemm8.Weights{Signed: !read.UnsignedB, K: k, N: n, Row: n, Column: 1, Zeros: read.Zeros}
	transposed := s.Int("transpose_b", 0) != 0
	if transposed {
		w.Row, w.Column = 1, k
	}
	packed, err := packQuantized(s, fmt.Sprintf("gemm8 %d %d %v", k, n, transposed), func(data []byte) (*gemm8.Packed, error) {
		w.Data = data
		return gemm8.Pack(s.level, w)
	})
	if err != nil {
		return nil, err
	}
	m := int(node.Product(a[:len(a)-1]))
	return s.quantizedKernel("quantized_linear", read, func(a, y step.Operand, e gemm8.Epilogue) (step.Step, error) {
		return gemm8.Product{M: m, Packed: packed, A: a, C: y, Epilogue: e}.Step()
	})
}

// selectQuantizedConv runs op.FusedQuantizedConv.
func selectQuantizedConv(s *selection) (*kernel, error) {
	read, err := s.QuantizedProduct()
	if err != nil {
		return nil, err
	}
	params := s.convParams()
	layer, err := packQuantized(s, fmt.Sprintf("gemm8 %+v", params), func(data []byte) (*gemm8.Layer, error) {
		return gemm8.PackLayer(s.level, params, data, !read.UnsignedB, read.Zeros)
	})
	if err != nil {
		return nil, err
	}
	x := s.Shape(op.QuantizedA)
	return s.quantizedKernel("quantized_conv", read, func(a, y step.Operand, e gemm8.Epilogue) (step.Step, error) {
		return layer.Plan(gemm8.Use{Batch: int(x[0]), Height: int(x[1]), Width: int(x[2]), Input: a, Output: y, Epilogue: e})
	})
}

// quantizedKernel makes the kernel of a product of integers.
func (s *selection) quantizedKernel(name string, read node.QuantizedProduct, plan func(a, y step.Operand, e gemm8.Epilogue) (step.Step, error)) (*kernel, error) {
	dtype := s.Output(0).DType
	switch dtype {
	case tensor.Float32, tensor.Uint8, tensor.Int8, tensor.Int32:
	default:
		return nil, node.NoKernel("the result is %v", dtype)
	}
	if node.Product(s.OutputShape(0)) == 0 {
		return nothing, nil
	}
	e := gemm8.Epilogue{
		Signed: !read.UnsignedA, Output: gemm8.Type(dtype), FloatBias: !read.IntegerBias, Activation: read.Activation, ResidualLast: read.ResidualLast,
	}
	if s.Input(op.QuantizedBScale) != nil { // its elements may be gone
		e.ScaleEach = node.Product(s.Shape(op.QuantizedBScale)) > 1
	}
	return &kernel{
		name: s.named(name, dtype),
		// A residual's elements are read before those in their place are written.
		inPlace: func(input int) bool { return input == op.QuantizedResidual },
		emit: func(at device.Operands) ([]step.Step, error) {
			in, err := node.Places(at, op.QuantizedA, op.QuantizedAScale, op.QuantizedAZero, op.QuantizedBScale, op.QuantizedBias, op.QuantizedResidual, op.QuantizedYScale, op.QuantizedYZero)
			if err != nil {
				return nil, err
			}
			e := e
			e.AScale, e.AZero, e.BScale, e.Bias, e.Residual, e.YScale, e.YZero = in[1], in[2], in[3], in[4], in[5], in[6], in[7]
			planned, err := plan(in[0], at.Output(0), e)
			return []step.Step{planned}, err
		},
	}, nil
}

// packed is packed weights of any layout.
type packed interface {
	Bytes() int
	Free()
}

// packQuantized packs the weights, with their zero points, once for all programs.
func packQuantized[T packed](s *selection, form string, pack func(data []byte) (T, error)) (T, error) {
	b := s.Inputs[op.QuantizedB]
	if zero := s.Input(op.QuantizedBZero); zero != nil {
		form += fmt.Sprintf(" zeros %p", zero.Constant)
	}
	return weights.Pack(s.weights, b, form, func() (T, weights.Form, error) {
		p, err := pack(b.Constant.Data)
		if err != nil {
			return p, weights.Form{}, err
		}
		return p, weights.Form{Bytes: int64(p.Bytes()), Free: p.Free}, nil
	})
}

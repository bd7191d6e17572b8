package cpu

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// packMatrix packs a constant matrix, [k, n] or where transposed [n, k].
func (s *selection) packMatrix(v *graph.Value, k, n int, transposed bool) (*gemm.Packed, error) {
	return weights.Pack(s.weights, v, fmt.Sprintf("gemm %d %d %v", k, n, transposed), func() (*gemm.Packed, weights.Form, error) {
		row, column := n, 1
		if transposed {
			row, column = 1, k
		}
		p, err := gemm.Pack(s.level, tensor.Slice[float32](v.Constant), k, n, row, column)
		if err != nil {
			return nil, weights.Form{}, err
		}
		return p, weights.Form{Bytes: int64(p.Bytes()), Free: p.Free}, nil
	})
}

// selectLinear runs op.FusedLinear: a matrix product with constant weights and everything that follows it in one pass.
func selectLinear(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	fused, err := s.Activation()
	if err != nil {
		return nil, err
	}
	x, y := s.Shape(0), s.OutputShape(0)
	k, n := x[len(x)-1], y[len(y)-1]
	if node.Product(y) == 0 {
		return nothing, nil
	}
	weights, err := s.packMatrix(s.Inputs[1], int(k), int(n), s.Int("transpose_b", 0) != 0)
	if err != nil {
		return nil, err
	}
	product := gemm.Product{
		Level: s.level, M: int(node.Product(x[:len(x)-1])), N: int(n), K: int(k), Packed: weights,
		ResidualLast: s.Int("residual_after", 0) != 0, Alpha: s.Float("alpha", 1), Activation: fused,
	}
	return &kernel{
		name:    s.named("linear", tensor.Float32),
		inPlace: func(input int) bool { return input == 3 },
		emit: func(at device.Operands) ([]step.Step, error) {
			inputs, err := node.Places(at, 0, 2, 3)
			if err != nil {
				return nil, err
			}
			product.A = gemm.Matrix{Operand: inputs[0], Row: int(k), Column: 1}
			product.C = gemm.Matrix{Operand: at.Output(0), Row: int(n), Column: 1}
			product.Bias = inputs[1]
			product.Residual = gemm.Matrix{Operand: inputs[2], Row: int(n), Column: 1}
			planned, err := product.Step()
			return []step.Step{planned}, err
		},
	}, nil
}

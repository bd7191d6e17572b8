package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectMatMul runs products that no pass has fused: both operands vary, or something stands in the way.
func selectMatMul(s *selection) (*kernel, error) {
	p, err := s.MatMul()
	if err != nil {
		return nil, err
	}
	return s.product("matmul", p)
}

// selectGemm runs Gemm with alpha, beta and transposed operands.
func selectGemm(s *selection) (*kernel, error) {
	p, err := s.Gemm()
	if err != nil {
		return nil, err
	}
	return s.product("gemm", p)
}

// product makes the kernel of a product. Constant operands are read as they are.
func (s *selection) product(name string, read node.MatrixProduct) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	if node.Product(s.OutputShape(0)) == 0 {
		return nothing, nil
	}
	p := gemm.Product{
		Level: s.level, M: int(read.M), N: int(read.N), K: int(read.K), Batch: ints(read.Batch), Alpha: read.Alpha,
		A: matrix(read.A), B: matrix(read.B), C: matrix(read.C),
	}
	return &kernel{name: s.named(name, tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		inputs, err := node.Places(at, 0, 1)
		if err != nil {
			return nil, err
		}
		p.A.Operand, p.B.Operand, p.C.Operand = inputs[0], inputs[1], at.Output(0)
		if read.HasSum {
			p.Residual = matrix(read.Sum)
			if p.Residual.Operand, err = at.Input(2); err != nil {
				return nil, err
			}
		}
		planned, err := p.Step()
		return []step.Step{planned}, err
	}}, nil
}

func matrix(m node.Matrix) gemm.Matrix {
	return gemm.Matrix{Row: int(m.Row), Column: int(m.Column), Batch: ints(m.Batch)}
}

func ints(list [3]int64) [3]int { return [3]int{int(list[0]), int(list[1]), int(list[2])} }

package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectMatMul runs products that no pass has fused: both operands vary, or something stands in the way.
func selectMatMul(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	a, b := s.shape(0), s.shape(1)
	if len(a) < 2 || len(b) < 2 {
		return nil, noKernel("an operand is a vector")
	}
	out := s.outputShape(0)
	if len(out) > 5 {
		return nil, noKernel("%d batch dimensions, the kernel has 3", len(out)-2)
	}
	m, k, n := a[len(a)-2], a[len(a)-1], b[len(b)-1]
	p := gemm.Product{Level: s.level, M: int(m), N: int(n), K: int(k), Alpha: 1}
	if product(out) == 0 {
		return nothing, nil
	}
	batch := out[:len(out)-2]
	aBatch, okA := layout.Broadcast(a[:len(a)-2], batch)
	bBatch, okB := layout.Broadcast(b[:len(b)-2], batch)
	if !okA || !okB {
		return nil, noKernel("batch dimensions %v and %v do not broadcast", a, b)
	}
	p.A = gemm.Matrix{Row: int(k), Column: 1, Batch: batchStrides(aBatch, m*k)}
	p.B = gemm.Matrix{Row: int(n), Column: 1, Batch: batchStrides(bBatch, k*n)}
	p.C = gemm.Matrix{Row: int(n), Column: 1, Batch: batchStrides(layout.Contiguous(batch), m*n)}
	for i, size := range batch {
		p.Batch[3-len(batch)+i] = int(size)
	}
	return s.product("matmul", p, false)
}

// batchStrides scales strides counted in matrices and puts them last.
func batchStrides(strides []int64, elements int64) (list [3]int) {
	for i, stride := range strides {
		list[3-len(strides)+i] = int(stride * elements)
	}
	return list
}

// selectGemm runs Gemm with alpha, beta and transposed operands.
func selectGemm(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	a, out := s.shape(0), s.outputShape(0)
	m, n := out[0], out[1]
	k := product(a) / max(m, 1)
	p := gemm.Product{Level: s.level, M: int(m), N: int(n), K: int(k), Alpha: s.Float("alpha", 1)}
	p.A = gemm.Matrix{Row: int(k), Column: 1}
	if s.Int("transA", 0) != 0 {
		p.A = gemm.Matrix{Row: 1, Column: int(m)}
	}
	p.B = gemm.Matrix{Row: int(n), Column: 1}
	if s.Int("transB", 0) != 0 {
		p.B = gemm.Matrix{Row: 1, Column: int(k)}
	}
	p.C = gemm.Matrix{Row: int(n), Column: 1}
	if s.Input(2) == nil {
		return s.product("gemm", p, false)
	}
	if s.Float("beta", 1) != 1 {
		return nil, noKernel("beta is %v", s.Float("beta", 1))
	}
	strides, ok := layout.Broadcast(s.shape(2), out)
	if !ok {
		return nil, noKernel("C of shape %v does not broadcast to %v", s.shape(2), out)
	}
	p.Residual = gemm.Matrix{Row: int(strides[0]), Column: int(strides[1])}
	return s.product("gemm", p, true)
}

// product makes the kernel of a planned product over inputs 0, 1 and, as residual, 2. Constant operands are read as they are.
func (s *selection) product(name string, p gemm.Product, residual bool) (*kernel, error) {
	if p.M*p.N == 0 {
		return nothing, nil
	}
	return &kernel{name: s.named(name, tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		inputs, err := places(at, 0, 1)
		if err != nil {
			return nil, err
		}
		p.A.Operand, p.B.Operand, p.C.Operand = inputs[0], inputs[1], at.Output(0)
		if residual {
			if p.Residual.Operand, err = at.Input(2); err != nil {
				return nil, err
			}
		}
		planned, err := p.Step()
		return []step.Step{planned}, err
	}}, nil
}

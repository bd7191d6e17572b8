//go:build cuda

package cuda

import (
	"errors"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// product is a matrix product, whatever operator it was: everything but where its operands lie.
type product struct {
	kernel.Gemm
	a, b, bias, residual int           // inputs; absent where there is no such input
	packed               *step.Operand // B in the form that packMatrix made, nil where input b is read as it is
}

// absent is the number of an input that a product does not have.
const absent = -1

// selectMatMul runs products that no pass has fused.
func selectMatMul(s *selection) (*chosen, error) {
	read, err := s.MatMul()
	if err != nil {
		return nil, err
	}
	return s.readProduct("matmul", read)
}

// selectGemm runs Gemm with alpha, beta and transposed operands.
func selectGemm(s *selection) (*chosen, error) {
	read, err := s.Gemm()
	if err != nil {
		return nil, err
	}
	return s.readProduct("gemm", read)
}

// readProduct makes the kernel of a product of inputs 0 and 1.
func (s *selection) readProduct(name string, read node.MatrixProduct) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	p := product{Gemm: s.newGemm(t, read.M, read.N, read.K), b: 1, bias: absent, residual: absent}
	p.Batch, p.A, p.B, p.C, p.Alpha = read.Batch, gemmMatrix(read.A), gemmMatrix(read.B), gemmMatrix(read.C), read.Alpha
	if s.Input(1).Constant != nil && len(s.Shape(1)) == 2 {
		if err := s.packB(&p); err != nil {
			return nil, err
		}
		// One matrix for all: the batch is more rows.
		p.M, p.Batch, p.A.Batch, p.B.Batch, p.C.Batch = p.M*node.Product(p.Batch[:]), [3]int64{1, 1, 1}, [3]int64{}, [3]int64{}, [3]int64{}
	}
	switch {
	case read.HasSum && read.Sum.Row == 0 && read.Sum.Column == 1:
		p.bias = 2
	case read.HasSum:
		p.residual, p.ResidualRow, p.ResidualColumn = 2, read.Sum.Row, read.Sum.Column
	}
	return s.product(name, p)
}

// newGemm begins a product of one matrix.
func (s *selection) newGemm(t kernel.Type, m, n, k int64) kernel.Gemm {
	g := kernel.Gemm{
		Type: t, TensorFloat: t == kernel.Float32 && s.Int("tf32", 0) != 0, M: m, N: n, K: k, Batch: [3]int64{1, 1, 1},
		C: kernel.GemmMatrix{Row: n, Column: 1}, Multiprocessors: int64(s.device.driver.Info().Multiprocessors),
	}
	g.Alpha, g.WarpGroups = 1, s.device.warpGroups
	return g
}

func gemmMatrix(m node.Matrix) kernel.GemmMatrix {
	return kernel.GemmMatrix{Row: m.Row, Column: m.Column, Batch: m.Batch}
}

// product computes a product with cuBLASLt where that is there and can, else with our own kernels.
func (s *selection) product(name string, p product) (*chosen, error) {
	c, err := s.libraryProduct(name, p)
	var none *device.NoKernelError
	if errors.As(err, &none) {
		return s.ownProduct(name, p)
	}
	return c, err
}

// ownProduct computes a product with the kernels of kernels/cuda.
func (s *selection) ownProduct(name string, p product) (*chosen, error) {
	p.Split = p.packed != nil
	c, err := s.planned(name, p.Type, func(at device.Operands) ([]kernel.Launch, error) {
		g, err := p.placed(at)
		if err != nil {
			return nil, err
		}
		return g.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.workspace = p.WorkspaceBytes()
	// A residual is read by the thread that writes the element in its place.
	c.inPlace = func(input int) bool { return input == p.residual && p.ResidualRow == p.C.Row && p.ResidualColumn == 1 }
	return c, nil
}

// placed returns the product with its operands' places.
func (p product) placed(at device.Operands) (g kernel.Gemm, err error) {
	g = p.Gemm
	g.C.Operand, g.Sums = at.Output(0), at.Workspace()
	for _, in := range []struct {
		input int
		to    *step.Operand
	}{{p.a, &g.A.Operand}, {p.b, &g.B.Operand}, {p.bias, &g.Bias}, {p.residual, &g.Residual}} {
		if in.input == p.b && p.packed != nil {
			*in.to = *p.packed
			continue
		}
		if in.input == absent {
			continue
		}
		if *in.to, err = at.Input(in.input); err != nil {
			return g, err
		}
	}
	return g, nil
}

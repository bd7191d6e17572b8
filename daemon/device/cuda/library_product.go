//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/activation"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// libraryTypes are the types that the library multiplies.
var libraryTypes = map[kernel.Type]cublas.Type{kernel.Float32: cublas.Float32, kernel.Float16: cublas.Float16, kernel.BFloat16: cublas.BFloat16}

// libraryEpilogues are what the library can do to a product, without and with a bias. Its GELU is the approximation.
var libraryEpilogues = map[activation.Kind][2]cublas.Epilogue{
	activation.None: {cublas.None, cublas.Bias}, activation.Relu: {cublas.ReLU, cublas.ReLUBias}, activation.GELUTanh: {cublas.GELU, cublas.GELUBias},
}

// libraryProduct makes the kernel of a product that cuBLASLt computes in one call, or in a few.
func (s *selection) libraryProduct(name string, p product) (*chosen, error) {
	if s.device.library == nil {
		return nil, node.NoKernel("there is no cuBLASLt")
	}
	if p.M*p.N*p.K*node.Product(p.Batch[:]) == 0 {
		return nil, node.NoKernel("a product of no elements")
	}
	hasBias, hasResidual := s.has(p.bias), s.has(p.residual)
	calls, err := p.libraryCalls()
	if err != nil {
		return nil, err
	}
	m := calls.matmul
	m.Type, m.TensorFloat32, m.Alpha = libraryTypes[p.Type], p.TensorFloat, p.Alpha
	if m.Epilogue, err = p.libraryEpilogue(hasBias); err != nil {
		return nil, err
	}
	if hasResidual {
		if err := p.addResidual(&m); err != nil {
			return nil, err
		}
	}
	choice, err := s.device.chooseAlgorithm(m)
	if err != nil {
		return nil, err
	}
	return &chosen{
		name: name + "_" + p.Type.String() + "_cublaslt", workspace: choice.Workspace,
		// The library reads a residual where it writes the element.
		inPlace: func(input int) bool { return input == p.residual && m.C == m.D },
		emit:    func(at device.Operands) ([]operation, error) { return p.emitCalls(at, choice, calls.offsets) },
	}, nil
}

// has reports whether the node has an input.
func (s *selection) has(input int) bool { return input != absent && s.Input(input) != nil }

func (p *product) libraryEpilogue(hasBias bool) (cublas.Epilogue, error) {
	known, ok := libraryEpilogues[p.Activation.Kind]
	if !ok {
		return 0, node.NoKernel("cuBLASLt has no epilogue %v", p.Activation.Kind)
	}
	if hasBias {
		return known[1], nil
	}
	return known[0], nil
}

// addResidual lets the library add a matrix ahead of the activation.
func (p *product) addResidual(m *cublas.Matmul) error {
	switch {
	case p.ResidualLast && p.Activation.Kind != activation.None:
		return node.NoKernel("the residual is added after the activation")
	case p.ResidualColumn != 1 || p.ResidualRow < p.N || m.Batch > 1:
		return node.NoKernel("the residual has its elements %d and %d apart", p.ResidualRow, p.ResidualColumn)
	}
	m.Beta, m.C = 1, cublas.Matrix{Stride: p.ResidualRow}
	return nil
}

func (p *product) emitCalls(at device.Operands, choice *cublas.Choice, offsets []offsets) ([]operation, error) {
	placed, err := p.placed(at)
	if err != nil {
		return nil, err
	}
	call := libraryCall{
		choice: choice, a: placed.A.Operand, b: placed.B.Operand, c: placed.Residual, output: placed.C.Operand, bias: placed.Bias, workspace: at.Workspace(),
	}
	var list []operation
	for _, o := range offsets {
		call.offsets = o
		list = append(list, call)
	}
	return list, nil
}

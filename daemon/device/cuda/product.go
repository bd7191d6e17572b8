//go:build cuda

package cuda

import (
	"errors"

	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/activation"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// either returns a selector of the library's kernels, and of our own where the library has none.
func either(library, own selector) selector {
	return func(s *selection) (*chosen, error) {
		c, err := library(s)
		var none *device.NoKernelError
		if errors.As(err, &none) {
			return own(s)
		}
		return c, err
	}
}

// selectLibraryMatMul runs MatMul with cuBLASLt.
func selectLibraryMatMul(s *selection) (*chosen, error) {
	read, err := s.MatMul()
	if err != nil {
		return nil, err
	}
	return s.libraryProduct("matmul", libraryProduct{MatrixProduct: read, bias: absentInput, residual: absentInput})
}

// selectLibraryGemm runs Gemm with cuBLASLt.
func selectLibraryGemm(s *selection) (*chosen, error) {
	read, err := s.Gemm()
	if err != nil {
		return nil, err
	}
	p := libraryProduct{MatrixProduct: read, bias: absentInput, residual: absentInput}
	wide := read.Sum.Column == 1 || read.N == 1
	switch {
	case !read.HasSum:
	case read.Sum.Row == 0 && wide:
		p.bias = 2
	case read.Sum.Row == read.N && wide:
		p.residual = 2
	default:
		return nil, node.NoKernel("C of shape %v is neither a row nor a matrix", s.Shape(2))
	}
	return s.libraryProduct("gemm", p)
}

// selectLibraryLinear runs op.FusedLinear with cuBLASLt.
func selectLibraryLinear(s *selection) (*chosen, error) {
	x, y := s.Shape(0), s.OutputShape(0)
	m, k, n := node.Product(x[:len(x)-1]), x[len(x)-1], y[len(y)-1]
	p := libraryProduct{
		MatrixProduct: node.MatrixProduct{
			M: m, N: n, K: k, Batch: [3]int64{1, 1, 1}, A: node.Matrix{Row: k, Column: 1}, B: node.Matrix{Row: n, Column: 1}, C: node.Matrix{Row: n, Column: 1},
			Alpha: s.Float("alpha", 1),
		},
		bias: absentInput, residual: absentInput, activation: s.Text("activation", ""),
	}
	if s.Int("transpose_b", 0) != 0 {
		p.B = node.Matrix{Row: 1, Column: k}
	}
	if s.Input(2) != nil {
		p.bias = 2
	}
	if s.Input(3) != nil {
		p.residual = 3
		if p.activation != "" && s.Int("residual_after", 0) != 0 {
			return nil, node.NoKernel("the residual is added after the activation")
		}
	}
	return s.libraryProduct("linear", p)
}

// absentInput is the number of an input that a product does not have.
const absentInput = -1

// libraryProduct is a product in terms of the node: inputs 0 and 1, a vector and a matrix that are added, what follows.
type libraryProduct struct {
	node.MatrixProduct
	bias, residual int
	activation     string
}

// libraryTypes are the types that the library multiplies.
var libraryTypes = map[kernel.Type]cublas.Type{kernel.Float32: cublas.Float32, kernel.Float16: cublas.Float16, kernel.BFloat16: cublas.BFloat16}

// epilogue returns the library's name for what follows the product.
func (p *libraryProduct) epilogue() (cublas.Epilogue, error) {
	hasBias := p.bias != absentInput
	for _, known := range []struct {
		activation    string
		plain, biased cublas.Epilogue
	}{
		{"", cublas.None, cublas.Bias}, {activation.Relu.String(), cublas.ReLU, cublas.ReLUBias}, {activation.GELUTanh.String(), cublas.GELU, cublas.GELUBias},
	} {
		switch {
		case known.activation == p.activation && hasBias:
			return known.biased, nil
		case known.activation == p.activation:
			return known.plain, nil
		}
	}
	return 0, node.NoKernel("cuBLASLt has no epilogue %q", p.activation)
}

// libraryProduct makes the kernel of a product, one call of the library or a few.
func (s *selection) libraryProduct(name string, p libraryProduct) (*chosen, error) {
	if s.device.library == nil {
		return nil, node.NoKernel("there is no cuBLASLt")
	}
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	epilogue, err := p.epilogue()
	if err != nil {
		return nil, err
	}
	// From here on shapes decide, and the form of a constant must not depend on them.
	s.asIs = true
	if p.M*p.N*p.K*node.Product(p.Batch[:]) == 0 {
		return nil, node.NoKernel("a product of no elements")
	}
	calls, err := p.calls(t.Size())
	if err != nil {
		return nil, err
	}
	m := calls.matmul
	m.Type, m.TensorFloat32, m.Epilogue = libraryTypes[t], s.Int("tf32", 0) != 0, epilogue
	if p.residual != absentInput {
		m.Beta, m.C = 1, m.D
	}
	choice, err := s.device.chooseAlgorithm(m)
	if err != nil {
		return nil, err
	}
	return &chosen{
		name: name + "_" + t.String() + "_cublaslt", workspace: choice.Workspace,
		// The library reads a residual where it writes the element.
		inPlace: func(input int) bool { return input == p.residual },
		emit:    func(at device.Operands) ([]operation, error) { return p.emit(at, choice, calls.offsets) },
	}, nil
}

func (p *libraryProduct) emit(at device.Operands, choice *cublas.Choice, offsets []offsets) ([]operation, error) {
	inputs := []int{0, 1}
	for _, i := range []int{p.bias, p.residual} {
		if i != absentInput {
			inputs = append(inputs, i)
		}
	}
	places, err := node.Places(at, inputs...)
	if err != nil {
		return nil, err
	}
	call := libraryCall{choice: choice, a: places[0], b: places[1], output: at.Output(0), workspace: at.Workspace()}
	for k, i := range inputs[2:] {
		if i == p.bias {
			call.bias = places[2+k]
		} else {
			call.c = places[2+k]
		}
	}
	var list []operation
	for _, o := range offsets {
		call.aOffset, call.bOffset, call.cOffset, call.dOffset = o.a, o.b, o.d, o.d
		list = append(list, call)
	}
	return list, nil
}

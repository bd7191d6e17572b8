//go:build cuda

package cublas

// #include "product.h"
import "C"

import (
	"errors"
	"fmt"
	"strconv"
)

// Type is the type of a product's elements.
type Type int

// The types. Sums are in float32, those of Int8 in int32, which is then the type of the results too.
const (
	Float32 Type = iota
	Float16
	BFloat16
	Int8
)

var typeInfo = [...]struct {
	name                    string
	operands, results       C.cudaDataType_t
	scale                   C.cudaDataType_t
	compute                 C.cublasComputeType_t
	operandSize, resultSize int64
}{
	Float32:  {"f32", C.CUDA_R_32F, C.CUDA_R_32F, C.CUDA_R_32F, C.CUBLAS_COMPUTE_32F, 4, 4},
	Float16:  {"f16", C.CUDA_R_16F, C.CUDA_R_16F, C.CUDA_R_32F, C.CUBLAS_COMPUTE_32F, 2, 2},
	BFloat16: {"bf16", C.CUDA_R_16BF, C.CUDA_R_16BF, C.CUDA_R_32F, C.CUBLAS_COMPUTE_32F, 2, 2},
	Int8:     {"i8", C.CUDA_R_8I, C.CUDA_R_32I, C.CUDA_R_32I, C.CUBLAS_COMPUTE_32I, 1, 4},
}

// String is the short name, for instance f32.
func (t Type) String() string { return typeInfo[t].name }

// Epilogue is what is done to alpha*A*B + beta*C.
type Epilogue int

// The epilogues. A bias is a vector with an element for each column, added before the activation. GELU is the approximation with tanh, the only one that the
// library has.
const (
	None Epilogue = iota
	Bias
	ReLU
	ReLUBias
	GELU
	GELUBias
)

var epilogueInfo = [...]struct {
	name  string
	value C.cublasLtEpilogue_t
}{
	None: {"none", C.CUBLASLT_EPILOGUE_DEFAULT}, Bias: {"bias", C.CUBLASLT_EPILOGUE_BIAS}, ReLU: {"relu", C.CUBLASLT_EPILOGUE_RELU},
	ReLUBias: {"relu_bias", C.CUBLASLT_EPILOGUE_RELU_BIAS}, GELU: {"gelu", C.CUBLASLT_EPILOGUE_GELU}, GELUBias: {"gelu_bias", C.CUBLASLT_EPILOGUE_GELU_BIAS},
}

// String is the epilogue's name, for instance relu_bias.
func (e Epilogue) String() string { return epilogueInfo[e].name }

// HasBias reports whether the epilogue adds a vector.
func (e Epilogue) HasBias() bool { return e == Bias || e == ReLUBias || e == GELUBias }

// Matrix is how the elements of a matrix lie: row-major, rows Stride elements apart. Transposed says that the memory holds the transpose so. Matrices of a
// batch are BatchStride elements apart; 0 repeats the matrix.
type Matrix struct {
	Stride      int64
	Transposed  bool
	BatchStride int64
}

// String is short: the stride, t where transposed, and the distance of matrices behind a plus.
func (m Matrix) String() string {
	text := strconv.FormatInt(m.Stride, 10)
	if m.Transposed {
		text += "t"
	}
	if m.BatchStride != 0 {
		text += "+" + strconv.FormatInt(m.BatchStride, 10)
	}
	return text
}

// Matmul is a matrix product D[M, N] = epilogue(Alpha * A[M, K] * B[K, N] + Beta * C[M, N]), or a batch of such. C and D are not transposed; they may be the same
// memory where they lie in the same way.
type Matmul struct {
	Type Type
	// TensorFloat32 allows the tensor cores to round the factors of float32 to 10 bits of fraction.
	TensorFloat32 bool
	M, N, K       int64
	Batch         int64 // 0 counts as 1
	A, B, C, D    Matrix
	Alpha, Beta   float32 // where Type is Int8, integers
	Epilogue      Epilogue
}

// key names the product: whatever an algorithm may depend on.
func (m Matmul) key(workspace int64) string {
	tensorFloat := ""
	if m.TensorFloat32 {
		tensorFloat = " tf32"
	}
	beta := ""
	if m.Beta != 0 {
		beta = fmt.Sprintf(" c%v", m.C)
	}
	return fmt.Sprintf("%v%s %dx%dx%d*%d a%v b%v%s d%v %v w%d", m.Type, tensorFloat, m.M, m.N, m.K, m.Batch, m.A, m.B, beta, m.D, m.Epilogue, workspace)
}

// normal fills in what may be left out, and refuses what is no product.
func (m Matmul) normal() (Matmul, error) {
	m.Batch = max(m.Batch, 1)
	if m.Beta == 0 {
		m.C = m.D
	}
	if m.M <= 0 || m.N <= 0 || m.K <= 0 {
		return m, fmt.Errorf("a product of %d x %d x %d", m.M, m.N, m.K)
	}
	if m.C.Transposed || m.D.Transposed {
		return m, errors.New("a product whose results are transposed")
	}
	for _, each := range []struct {
		name string
		m    Matrix
		wide int64
	}{{"A", m.A, width(m.A, m.M, m.K)}, {"B", m.B, width(m.B, m.K, m.N)}, {"C", m.C, m.N}, {"D", m.D, m.N}} {
		if each.m.Stride < each.wide || each.m.BatchStride < 0 {
			return m, fmt.Errorf("%s has rows of %d elements, %d apart", each.name, each.wide, each.m.Stride)
		}
	}
	return m, nil
}

// width is the length of the rows in memory of a matrix.
func width(m Matrix, rows, columns int64) int64 {
	if m.Transposed {
		return rows
	}
	return columns
}

// extent is the number of elements from the first to the last one of a matrix, of all matrices of the batch.
func (m Matmul) extent(x Matrix, rows, columns int64) int64 {
	if x.Transposed {
		rows, columns = columns, rows
	}
	return (m.Batch-1)*x.BatchStride + (rows-1)*x.Stride + columns
}

// problem puts the product in the library's terms. The library is column-major: what lies row-major is the transpose to it, so it computes
// D^T = B^T * A^T, its A being our B and its bias, one element a row, ours, one a column.
func (m Matmul) problem() C.struct_inferd_cublas_problem {
	info := typeInfo[m.Type]
	p := C.struct_inferd_cublas_problem{
		operands: info.operands, results: info.results, scale: info.scale, compute: info.compute, epilogue: epilogueInfo[m.Epilogue].value,
		transpose_a: operation(m.B), transpose_b: operation(m.A),
		m: C.int64_t(m.N), n: C.int64_t(m.M), k: C.int64_t(m.K), batch: C.int64_t(m.Batch),
		lda: C.int64_t(m.B.Stride), ldb: C.int64_t(m.A.Stride), ldc: C.int64_t(m.C.Stride), ldd: C.int64_t(m.D.Stride),
		stride_a: C.int64_t(m.B.BatchStride), stride_b: C.int64_t(m.A.BatchStride), stride_c: C.int64_t(m.C.BatchStride), stride_d: C.int64_t(m.D.BatchStride),
		alpha: C.double(m.Alpha), beta: C.double(m.Beta),
	}
	if m.Type == Float32 && m.TensorFloat32 {
		p.compute = C.CUBLAS_COMPUTE_32F_FAST_TF32
	}
	return p
}

func operation(m Matrix) C.int32_t {
	if m.Transposed {
		return C.CUBLAS_OP_T
	}
	return C.CUBLAS_OP_N
}

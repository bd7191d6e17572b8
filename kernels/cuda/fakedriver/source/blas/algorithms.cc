// Which algorithms there are for a product.
#include "objects.h"

#include <string.h>

namespace blas {
namespace {

bool known_types(const cublasLtMatmulDescOpaque *o, cudaDataType_t operands, cudaDataType_t results)
{
	if (operands == CUDA_R_8I) // as the library has it for column-major matrices: the first factor transposed, the second one not
		return results == CUDA_R_32I && o->scale == CUDA_R_32I && o->compute == CUBLAS_COMPUTE_32I && o->transpose_a == CUBLAS_OP_T && o->transpose_b == CUBLAS_OP_N;
	bool real = operands == CUDA_R_32F || operands == CUDA_R_16F || operands == CUDA_R_16BF;
	return real && results == operands && o->scale == CUDA_R_32F && (o->compute == CUBLAS_COMPUTE_32F || o->compute == CUBLAS_COMPUTE_32F_FAST_TF32);
}

bool is_well(const cublasLtMatrixLayoutOpaque *l, cudaDataType_t type, int64_t rows, int64_t columns, int32_t batch)
{
	return l->type == type && l->rows == rows && l->columns == columns && l->leading >= rows && l->batch == batch && l->stride >= 0;
}

} // namespace

bool fits(const cublasLtMatmulDescOpaque *o, const cublasLtMatrixLayoutOpaque *a, const cublasLtMatrixLayoutOpaque *b, const cublasLtMatrixLayoutOpaque *c,
	const cublasLtMatrixLayoutOpaque *d)
{
	int64_t m = d->rows, n = d->columns, k = o->transpose_a ? a->rows : a->columns;
	if (m <= 0 || n <= 0 || k <= 0 || d->batch < 1 || !known_types(o, a->type, d->type))
		return false;
	if (a->type == CUDA_R_8I && (m % 4 || k % 4 || a->leading % 4 || b->leading % 4 || o->epilogue != CUBLASLT_EPILOGUE_DEFAULT))
		return false;
	return is_well(a, a->type, o->transpose_a ? k : m, o->transpose_a ? m : k, d->batch) &&
		is_well(b, a->type, o->transpose_b ? n : k, o->transpose_b ? k : n, d->batch) && is_well(c, d->type, m, n, d->batch) && is_well(d, d->type, m, n, d->batch) &&
		(d->batch == 1 || d->stride > 0);
}

size_t workspace_of(const cublasLtMatmulAlgo_t *algorithm) { return algorithm->data[0] == 2 ? kWorkspaceBytes : 0; }

} // namespace blas

extern "C" {

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t o, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
	cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, cublasLtMatmulPreference_t preference, int most, cublasLtMatmulHeuristicResult_t results[], int *count)
{
	cublasStatus_t entered = blas::enter(__func__, true);
	if (entered != CUBLAS_STATUS_SUCCESS)
		return entered;
	*count = 0;
	if (!handle || most < 1)
		return CUBLAS_STATUS_INVALID_VALUE;
	if (!blas::fits(o, a, b, c, d))
		return CUBLAS_STATUS_NOT_SUPPORTED;
	for (uint64_t id = 1; id <= blas::kAlgorithms && *count < most; id++) {
		cublasLtMatmulHeuristicResult_t *r = &results[*count];
		memset(r, 0, sizeof *r);
		r->algo.data[0] = id;
		r->algo.data[7] = cublasLtGetVersion();
		r->workspaceSize = blas::workspace_of(&r->algo);
		*count += r->workspaceSize <= preference->workspace_bytes;
	}
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t o, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
	cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, const cublasLtMatmulAlgo_t *algorithm, cublasLtMatmulHeuristicResult_t *result)
{
	cublasStatus_t entered = blas::enter(__func__, true);
	if (entered != CUBLAS_STATUS_SUCCESS)
		return entered;
	if (!handle || algorithm->data[0] < 1 || algorithm->data[0] > blas::kAlgorithms || algorithm->data[7] != cublasLtGetVersion())
		return CUBLAS_STATUS_INVALID_VALUE;
	if (!blas::fits(o, a, b, c, d))
		return CUBLAS_STATUS_NOT_SUPPORTED;
	result->workspaceSize = blas::workspace_of(algorithm);
	result->state = CUBLAS_STATUS_SUCCESS;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algorithm, cublasLtMatmulAlgoConfigAttributes_t attribute, void *value,
	size_t bytes, size_t *written)
{
	if (bytes != 4)
		return CUBLAS_STATUS_INVALID_VALUE;
	int32_t number = attribute == CUBLASLT_ALGO_CONFIG_ID ? static_cast<int32_t>(algorithm->data[0]) : 1;
	memcpy(value, &number, sizeof number);
	*written = sizeof number;
	return CUBLAS_STATUS_SUCCESS;
}
}

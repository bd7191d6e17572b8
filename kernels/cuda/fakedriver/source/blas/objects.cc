// Making, changing and ending the library's objects.
#include "objects.h"

#include <string.h>

namespace {

template <typename T> cublasStatus_t make(T **handle, T *made)
{
	inferd_fake_count(1);
	*handle = made;
	return CUBLAS_STATUS_SUCCESS;
}

template <typename T> cublasStatus_t end(T *handle)
{
	if (!handle)
		return CUBLAS_STATUS_INVALID_VALUE;
	inferd_fake_count(-1);
	delete handle;
	return CUBLAS_STATUS_SUCCESS;
}

template <typename T> cublasStatus_t set(T *to, const void *value, size_t bytes)
{
	if (!value || bytes != sizeof *to)
		return CUBLAS_STATUS_INVALID_VALUE;
	memcpy(to, value, bytes);
	return CUBLAS_STATUS_SUCCESS;
}

} // namespace

cublasStatus_t blas::status_of(CUresult code)
{
	switch (code) {
	case CUDA_SUCCESS:
		return CUBLAS_STATUS_SUCCESS;
	case CUDA_ERROR_OUT_OF_MEMORY:
		return CUBLAS_STATUS_ALLOC_FAILED;
	case CUDA_ERROR_INVALID_CONTEXT:
		return CUBLAS_STATUS_NOT_INITIALIZED;
	default:
		return CUBLAS_STATUS_EXECUTION_FAILED;
	}
}

cublasStatus_t blas::enter(const char *function, bool needs_context) { return status_of(inferd_fake_enter(function, needs_context)); }

// Functions that need no context can fail all the same.
#define ENTER(needs_context) \
	cublasStatus_t entered = blas::enter(__func__, needs_context); \
	if (entered != CUBLAS_STATUS_SUCCESS) \
		return entered

extern "C" {

size_t cublasLtGetVersion(void) { return 130100; }

const char *cublasLtGetStatusName(cublasStatus_t status)
{
	switch (status) {
	case CUBLAS_STATUS_SUCCESS:
		return "CUBLAS_STATUS_SUCCESS";
	case CUBLAS_STATUS_NOT_INITIALIZED:
		return "CUBLAS_STATUS_NOT_INITIALIZED";
	case CUBLAS_STATUS_ALLOC_FAILED:
		return "CUBLAS_STATUS_ALLOC_FAILED";
	case CUBLAS_STATUS_INVALID_VALUE:
		return "CUBLAS_STATUS_INVALID_VALUE";
	case CUBLAS_STATUS_NOT_SUPPORTED:
		return "CUBLAS_STATUS_NOT_SUPPORTED";
	case CUBLAS_STATUS_EXECUTION_FAILED:
		return "CUBLAS_STATUS_EXECUTION_FAILED";
	default:
		return "unknown cublasLt status";
	}
}

const char *cublasLtGetStatusString(cublasStatus_t status) { return status == CUBLAS_STATUS_SUCCESS ? "success" : "the fake library refuses"; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle)
{
	ENTER(true);
	return make(handle, new cublasLtContext());
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) { return end(handle); }

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *operation, cublasComputeType_t compute, cudaDataType_t scale)
{
	ENTER(false);
	auto *made = new cublasLtMatmulDescOpaque();
	made->compute = compute;
	made->scale = scale;
	return make(operation, made);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) { return end(operation); }

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t o, cublasLtMatmulDescAttributes_t attribute, const void *value, size_t bytes)
{
	switch (attribute) {
	case CUBLASLT_MATMUL_DESC_TRANSA:
		return set(&o->transpose_a, value, bytes);
	case CUBLASLT_MATMUL_DESC_TRANSB:
		return set(&o->transpose_b, value, bytes);
	case CUBLASLT_MATMUL_DESC_EPILOGUE:
		return set(&o->epilogue, value, bytes);
	case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
		return set(&o->bias, value, bytes);
	}
	return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type, uint64_t rows, uint64_t columns, int64_t leading)
{
	ENTER(false);
	auto *made = new cublasLtMatrixLayoutOpaque();
	made->type = type;
	made->rows = static_cast<int64_t>(rows);
	made->columns = static_cast<int64_t>(columns);
	made->leading = leading;
	return make(layout, made);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) { return end(layout); }

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t l, cublasLtMatrixLayoutAttribute_t attribute, const void *value, size_t bytes)
{
	switch (attribute) {
	case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
		return set(&l->batch, value, bytes);
	case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
		return set(&l->stride, value, bytes);
	}
	return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
	ENTER(false);
	return make(preference, new cublasLtMatmulPreferenceOpaque());
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) { return end(preference); }

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t attribute, const void *value, size_t bytes)
{
	switch (attribute) {
	case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
		return set(&p->workspace_bytes, value, bytes);
	case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
		return set(&p->reduction, value, bytes);
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
	case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
		return set(&p->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value, bytes);
	}
	return CUBLAS_STATUS_INVALID_VALUE;
}
}

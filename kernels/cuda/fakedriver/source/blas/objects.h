// The objects behind the library's handles.
#ifndef INFERD_FAKE_BLAS_OBJECTS_H
#define INFERD_FAKE_BLAS_OBJECTS_H

#include <control.h>
#include <cublaslt.h>

struct cublasLtContext {
	int unused;
};

struct cublasLtMatmulDescOpaque {
	cublasComputeType_t compute;
	cudaDataType_t scale;
	int32_t transpose_a = CUBLAS_OP_N, transpose_b = CUBLAS_OP_N;
	uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
	const void *bias = nullptr;
};

struct cublasLtMatrixLayoutOpaque {
	cudaDataType_t type;
	int64_t rows, columns, leading;
	int32_t batch = 1;
	int64_t stride = 0;
};

struct cublasLtMatmulPreferenceOpaque {
	uint64_t workspace_bytes = 0;
	uint32_t reduction = 7;
	uint32_t alignment[4] = {256, 256, 256, 256};
};

namespace blas {

// What a function returns that is to fail, or CUBLAS_STATUS_SUCCESS.
cublasStatus_t enter(const char *function, bool needs_context);

// What a failure of the driver is to the library.
cublasStatus_t status_of(CUresult code);

// The algorithms there are. The first one is the better guess, and slower; the second one needs workspace.
constexpr uint64_t kAlgorithms = 2;
constexpr size_t kWorkspaceBytes = 4096;

// Whether the layouts fit together and the types are ones that can be computed.
bool fits(const cublasLtMatmulDescOpaque *o, const cublasLtMatrixLayoutOpaque *a, const cublasLtMatrixLayoutOpaque *b, const cublasLtMatrixLayoutOpaque *c,
	const cublasLtMatrixLayoutOpaque *d);

size_t workspace_of(const cublasLtMatmulAlgo_t *algorithm);

} // namespace blas

#endif

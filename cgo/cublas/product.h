// A product with everything resolved: what a sequence calls for every request.
#ifndef INFERD_CUBLAS_PRODUCT_H
#define INFERD_CUBLAS_PRODUCT_H

#include "loader.h"

// A product in the library's own terms: column-major D[m, n] = epilogue(alpha * op(A) * op(B) + beta * C).
struct inferd_cublas_problem {
	cudaDataType_t operands, results, scale;
	cublasComputeType_t compute;
	cublasLtEpilogue_t epilogue;
	int32_t transpose_a, transpose_b;
	int64_t m, n, k, batch;
	int64_t lda, ldb, ldc, ldd;                     // elements from one column to the next
	int64_t stride_a, stride_b, stride_c, stride_d; // elements from one matrix of the batch to the next; 0 repeats it
	double alpha, beta;
};

// A scalar of the scale type.
union inferd_cublas_scalar {
	float real;
	int32_t integer;
};

struct inferd_cublas_product {
	cublasLtHandle_t handle;
	cublasLtMatmulDesc_t operation;
	cublasLtMatrixLayout_t a_layout, b_layout, c_layout, d_layout;
	union inferd_cublas_scalar alpha, beta;
	const void *a, *b, *c;
	void *d;
	cublasLtMatmulAlgo_t algorithm;
	void *workspace;
	size_t workspace_bytes;
};

// Makes a product without addresses and algorithm. On failure nothing is left.
cublasStatus_t inferd_cublas_product_new(cublasLtHandle_t handle, const struct inferd_cublas_problem *problem, struct inferd_cublas_product **made);

void inferd_cublas_product_free(struct inferd_cublas_product *product);

// Sets the vector that the epilogue adds.
cublasStatus_t inferd_cublas_set_bias(struct inferd_cublas_product *product, const void *bias);

// Lists algorithms for operands that are aligned so, best guess first.
cublasStatus_t inferd_cublas_candidates(const struct inferd_cublas_product *product, uint64_t workspace_bytes, uint32_t alignment, int most,
	cublasLtMatmulHeuristicResult_t results[], int *count);

// Asks whether an algorithm, of whatever origin, can compute the product, and how much workspace it needs.
cublasStatus_t inferd_cublas_check(const struct inferd_cublas_product *product, const cublasLtMatmulAlgo_t *algorithm, size_t *workspace_bytes);

// Reads how an algorithm is configured; what it does not tell is -1.
struct inferd_cublas_configuration {
	int32_t id, tile, stages, split;
};
struct inferd_cublas_configuration inferd_cublas_configuration_of(const cublasLtMatmulAlgo_t *algorithm);

// Puts the product on the stream; the record is a struct inferd_cublas_product. Returns a cublasStatus_t.
int inferd_cublas_call(void *record, CUstream stream);

cublasStatus_t inferd_cublas_create(cublasLtHandle_t *handle);
cublasStatus_t inferd_cublas_destroy(cublasLtHandle_t handle);
const char *inferd_cublas_status_name(cublasStatus_t status);
const char *inferd_cublas_status_text(cublasStatus_t status);

#endif

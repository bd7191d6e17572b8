// A product with everything resolved, and what computes it.
#ifndef INFERD_FAKE_BLAS_COMPUTE_H
#define INFERD_FAKE_BLAS_COMPUTE_H

#include <cublaslt.h>

namespace blas {

struct Product {
	cudaDataType_t operands, results;
	bool rounds; // factors to TensorFloat32
	bool transpose_a, transpose_b;
	uint32_t epilogue;
	int64_t m, n, k, batch;
	int64_t lda, ldb, ldc, ldd, stride_a, stride_b, stride_c, stride_d;
	float alpha, beta;
	int32_t integer_alpha, integer_beta;
	const void *a, *b, *c, *bias;
	void *d, *workspace;
	size_t workspace_bytes;
	bool slow;
};

// Computes the product; its argument is a Product. Every element is summed from the first to the last index of the inner dimension, whatever the shape.
void compute(const void *product);

} // namespace blas

#endif

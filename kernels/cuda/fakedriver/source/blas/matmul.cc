// cublasLtMatmul: checked as the library checks it, and put on the stream.
#include "compute.h"
#include "objects.h"

#include <atomic>

namespace {

std::atomic<bool> loaded[blas::kAlgorithms + 1]; // by algorithm

bool is_aligned(const void *p) { return p && reinterpret_cast<uintptr_t>(p) % 16 == 0; }

blas::Product describe(const cublasLtMatmulDescOpaque *o, const cublasLtMatrixLayoutOpaque *a, const cublasLtMatrixLayoutOpaque *b,
	const cublasLtMatrixLayoutOpaque *c, const cublasLtMatrixLayoutOpaque *d)
{
	blas::Product p = {};
	p.operands = a->type;
	p.results = d->type;
	p.rounds = o->compute == CUBLAS_COMPUTE_32F_FAST_TF32;
	p.transpose_a = o->transpose_a != CUBLAS_OP_N;
	p.transpose_b = o->transpose_b != CUBLAS_OP_N;
	p.epilogue = o->epilogue & ~static_cast<uint32_t>(CUBLASLT_EPILOGUE_DEFAULT);
	p.m = d->rows, p.n = d->columns, p.k = p.transpose_a ? a->rows : a->columns, p.batch = d->batch;
	p.lda = a->leading, p.ldb = b->leading, p.ldc = c->leading, p.ldd = d->leading;
	p.stride_a = a->stride, p.stride_b = b->stride, p.stride_c = c->stride, p.stride_d = d->stride;
	p.bias = o->bias;
	return p;
}

} // namespace

extern "C" cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t o, const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
	const void *b, cublasLtMatrixLayout_t b_layout, const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d, cublasLtMatrixLayout_t d_layout,
	const cublasLtMatmulAlgo_t *algorithm, void *workspace, size_t workspace_bytes, CUstream stream)
{
	cublasStatus_t entered = blas::enter(__func__, true);
	if (entered != CUBLAS_STATUS_SUCCESS)
		return entered;
	if (!handle || !alpha || !beta || !algorithm || !blas::fits(o, a_layout, b_layout, c_layout, d_layout))
		return CUBLAS_STATUS_INVALID_VALUE;
	uint64_t id = algorithm->data[0];
	size_t needed = blas::workspace_of(algorithm);
	if (id < 1 || id > blas::kAlgorithms || workspace_bytes < needed || (needed > 0 && !is_aligned(workspace)))
		return CUBLAS_STATUS_INVALID_VALUE;
	blas::Product p = describe(o, a_layout, b_layout, c_layout, d_layout);
	p.a = a, p.b = b, p.c = c, p.d = d;
	p.workspace = workspace;
	p.workspace_bytes = needed;
	p.slow = id == 1;
	if (p.operands == CUDA_R_8I) {
		p.integer_alpha = *static_cast<const int32_t *>(alpha);
		p.integer_beta = *static_cast<const int32_t *>(beta);
	} else {
		p.alpha = *static_cast<const float *>(alpha);
		p.beta = *static_cast<const float *>(beta);
	}
	bool reads_c = p.beta != 0.0f || p.integer_beta != 0;
	if (!is_aligned(a) || !is_aligned(b) || !is_aligned(d) || (reads_c && !is_aligned(c)) || ((p.epilogue & CUBLASLT_EPILOGUE_BIAS) && !is_aligned(p.bias)))
		return CUBLAS_STATUS_INVALID_VALUE;
	// The library loads an algorithm's kernels at the first call, which the driver does not allow while a stream is captured.
	if (!loaded[id].exchange(true) && inferd_fake_capturing(stream)) {
		loaded[id] = false;
		return CUBLAS_STATUS_EXECUTION_FAILED;
	}
	return blas::status_of(inferd_fake_enqueue(stream, blas::compute, &p, sizeof p));
}

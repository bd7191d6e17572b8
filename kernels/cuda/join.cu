// Adds up the sums of segments that blocks have shared, [segments, rows, pitch] in float, and finishes them: what tile.cuh's folding does within a block,
// in the same order.
//
// Bound by memory: rows * columns * (4 * segments + size) bytes, most of them from the second-level cache.
#include "epilogue.cuh"

struct JoinArguments {
	const void *sums, *bias, *residual;
	void *c;
	Epilogue epilogue;
	int64_t rows, columns, pitch, segments;
};

template <typename T> INLINE void join(const JoinArguments &j)
{
	const uint32_t packs = static_cast<uint32_t>((j.columns + kFinished - 1) / kFinished), at = blockIdx.x * blockDim.x + threadIdx.x;
	if (at >= j.rows * packs)
		return;
	const int64_t row = at / packs, column = static_cast<int64_t>(at % packs) * kFinished;
	const Result<T> result = {static_cast<T *>(j.c), static_cast<const T *>(j.bias), static_cast<const T *>(j.residual), j.rows, j.columns};
	const Pack<T, kFinished> residual = residual_at<T, kFinished>(result, j.epilogue, row, column);
	Pack<float, kFinished> total = {};
	const float *sums = static_cast<const float *>(j.sums) + row * j.pitch + column;
#pragma unroll 4
	for (int64_t segment = 0; segment < j.segments; segment++) {
		const Pack<float, kFinished> sum = load<float, kFinished>(sums + segment * j.rows * j.pitch);
#pragma unroll
		for (int i = 0; i < kFinished; i++)
			total.at[i] += sum.at[i];
	}
	finish<T, kFinished>(result, j.epilogue, row, column, total, residual);
}

KERNEL(join_f32, JoinArguments, 256) { join<float>(arguments); }
KERNEL(join_f16, JoinArguments, 256) { join<half_t>(arguments); }
KERNEL(join_bf16, JoinArguments, 256) { join<bfloat_t>(arguments); }

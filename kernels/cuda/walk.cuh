// Loops over tensors with strides, for kernels whose threads begin with a position in a row-major order and need where it lies in each tensor.
#ifndef INFERD_WALK_CUH
#define INFERD_WALK_CUH

#include "division.cuh"

constexpr int kMostRank = 8;

// A loop of `count` steps, below 2^31, over tensors with strides. The innermost dimension comes first.
template <int Tensors> struct Walk {
	int64_t stride[Tensors][kMostRank];
	Divisor extent[kMostRank];
	int32_t rank;
	uint32_t count;
};

// Where step i lies in each tensor. The rank is the same for all threads, so the loop's exit does not diverge.
template <int Tensors> INLINE void walk(const Walk<Tensors> &w, uint32_t i, int64_t (&at)[Tensors])
{
#pragma unroll
	for (int t = 0; t < Tensors; t++)
		at[t] = 0;
#pragma unroll
	for (int d = 0; d < kMostRank; d++) {
		if (d == w.rank)
			break;
		const uint32_t index = d + 1 < w.rank ? split_off(i, w.extent[d]) : i;
#pragma unroll
		for (int t = 0; t < Tensors; t++)
			at[t] += index * w.stride[t][d];
	}
}

#endif

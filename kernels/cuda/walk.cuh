// Loops over tensors with strides, for kernels whose threads begin with a position in a row-major order and need where it lies in each tensor.
#ifndef INFERD_WALK_CUH
#define INFERD_WALK_CUH

#include "common.cuh"

// Divides numbers below 2^31 by a constant with a multiplication; the planner computes the constants (newDivider in walk.go). Granlund and
// Montgomery, "Division by invariant integers using multiplication", 1994.
struct Divider {
	uint32_t multiplier, shift, divisor;
};

INLINE uint32_t quotient(uint32_t n, const Divider &by)
{
	const uint32_t high = static_cast<uint32_t>((static_cast<uint64_t>(n) * by.multiplier) >> 32);
	return (high + n) >> by.shift;
}

// Splits off the remainder: n becomes the quotient.
INLINE uint32_t split_off(uint32_t &n, const Divider &by)
{
	const uint32_t q = quotient(n, by), remainder = n - q * by.divisor;
	n = q;
	return remainder;
}

constexpr int kMostRank = 8;

// A loop of `count` steps, below 2^31, over tensors with strides. The innermost dimension comes first.
template <int Tensors> struct Walk {
	int64_t stride[Tensors][kMostRank];
	Divider extent[kMostRank];
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

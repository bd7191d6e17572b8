// Prefix sums within a warp and within a block. The order of the sums depends on the number of threads only.
#ifndef INFERD_SCAN_CUH
#define INFERD_SCAN_CUH

#include "common.cuh"

// Each lane gets the sum over the lanes up to itself.
template <typename T> INLINE T scan_warp(T value)
{
#pragma unroll
	for (int distance = 1; distance < kWarp; distance *= 2) {
		const T below = __shfl_up_sync(kAllLanes, value, distance);
		if (lane_of_thread() >= distance)
			value += below;
	}
	return value;
}

// A sum over the threads before this one, and over all of the block.
template <typename T> struct Prefix {
	T before, all;
};

// For every thread of a block, which is one-dimensional and a multiple of a warp. `partial` holds a T for each warp and may be used again at once.
template <typename T> INLINE Prefix<T> scan_block(T value, T *partial)
{
	const int warps = static_cast<int>(blockDim.x) / kWarp;
	const T own = scan_warp(value);
	// The sum without the thread's own value comes from the lane below: subtracting would lose digits.
	const T below = __shfl_up_sync(kAllLanes, own, 1);
	if (lane_of_thread() == kWarp - 1)
		partial[warp_of_thread()] = own;
	__syncthreads();
	const T sums = scan_warp(lane_of_thread() < warps ? partial[lane_of_thread()] : T{});
	const T ahead = __shfl_sync(kAllLanes, sums, warp_of_thread() > 0 ? warp_of_thread() - 1 : 0);
	Prefix<T> prefix;
	prefix.before = (warp_of_thread() > 0 ? ahead : T{}) + (lane_of_thread() > 0 ? below : T{});
	prefix.all = __shfl_sync(kAllLanes, sums, warps - 1);
	__syncthreads();
	return prefix;
}

#endif

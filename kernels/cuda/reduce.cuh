// Reductions within a warp and within a block. The order of the sums depends on the number of threads only, so a row's bits do not depend on
// how many rows there are.
#ifndef INFERD_REDUCE_CUH
#define INFERD_REDUCE_CUH

#include "common.cuh"

struct Sum {
	static __device__ __forceinline__ float identity() { return 0.0f; }
	static __device__ __forceinline__ float join(float a, float b) { return a + b; }
};

struct Maximum {
	static __device__ __forceinline__ float identity() { return -INFINITY; }
	// NaN wins, as in ONNX and NumPy; fmaxf would drop it.
	static __device__ __forceinline__ float join(float a, float b) { return a != a || a > b ? a : b; }
};

struct Minimum {
	static __device__ __forceinline__ float identity() { return INFINITY; }
	static __device__ __forceinline__ float join(float a, float b) { return a != a || a < b ? a : b; }
};

// Every lane gets the result over the warp.
template <typename Join> INLINE float reduce_warp(float value)
{
#pragma unroll
	for (int distance = kWarp / 2; distance > 0; distance /= 2)
		value = Join::join(value, __shfl_xor_sync(kAllLanes, value, distance));
	return value;
}

// Every thread gets the result over the block, which is one-dimensional and a multiple of a warp. `partial` holds a float for each warp
// and may be used again at once.
template <typename Join> INLINE float reduce_block(float value, float *partial)
{
	value = reduce_warp<Join>(value);
	const int warps = static_cast<int>(blockDim.x) / kWarp;
	if (warps == 1)
		return value;
	if (lane_of_thread() == 0)
		partial[warp_of_thread()] = value;
	__syncthreads();
	value = lane_of_thread() < warps ? partial[lane_of_thread()] : Join::identity();
	value = reduce_warp<Join>(value);
	__syncthreads();
	return value;
}

// Every lane of a row gets the result over the row's lanes: a power of two up to a warp, side by side, or else the whole block. All threads of the block take
// part.
template <typename Join> INLINE float reduce_lanes(float value, int lanes, float *partial)
{
	if (lanes > kWarp)
		return reduce_block<Join>(value, partial);
	for (int distance = lanes / 2; distance > 0; distance /= 2)
		value = Join::join(value, __shfl_xor_sync(kAllLanes, value, distance));
	return value;
}

#endif

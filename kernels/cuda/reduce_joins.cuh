// What reductions do to each element, how results are joined, and how they end. Float types are reduced in float.
#ifndef INFERD_REDUCE_JOINS_CUH
#define INFERD_REDUCE_JOINS_CUH

#include "reduce.cuh"

struct PlainSum : Sum {
	static __device__ __forceinline__ float take(float x) { return x; }
};

struct AbsoluteSum : Sum {
	static __device__ __forceinline__ float take(float x) { return fabsf(x); }
};

struct SquareSum : Sum {
	static __device__ __forceinline__ float take(float x) { return x * x; }
};

struct PlainMaximum : Maximum {
	static __device__ __forceinline__ float take(float x) { return x; }
};

struct PlainMinimum : Minimum {
	static __device__ __forceinline__ float take(float x) { return x; }
};

struct Product {
	static __device__ __forceinline__ float identity() { return 1.0f; }
	static __device__ __forceinline__ float join(float a, float b) { return a * b; }
	static __device__ __forceinline__ float take(float x) { return x; }
};

// The numbers are those of reduce.go.
enum ReduceJoin { kReduceSum, kReduceAbsoluteSum, kReduceSquareSum, kReduceMaximum, kReduceMinimum, kReduceProduct };
enum ReduceFinish { kReducePlain, kReduceMean, kReduceRoot, kReduceLogarithm };
enum ReduceOutput { kReduceFloat32, kReduceFloat16, kReduceBFloat16 };

// [outer, reduced, inner] -> [outer, chunks, inner]. With more than one chunk the results are partial ones, float32, which another launch joins.
struct ReduceArguments {
	const void *x;
	void *y;
	int64_t outer, reduced, inner;
	int64_t chunk; // elements of the middle axis that are joined to one
	int32_t chunks;
	int32_t join, finish, output;
	float count;     // what a mean divides by
	int32_t lanes;   // threads of a row: a part of a warp, or the whole block
	int32_t aligned; // every row begins at a multiple of 16 bytes
	int32_t unused;
};

template <int Count, typename Function> INLINE void finish_each(float (&values)[Count], Function function)
{
#pragma unroll
	for (int i = 0; i < Count; i++)
		values[i] = function(values[i]);
}

template <typename T, int Count> INLINE void store_as(void *y, int64_t at, const float (&values)[Count])
{
	Pack<T, Count> pack;
#pragma unroll
	for (int i = 0; i < Count; i++)
		pack.at[i] = from_float<T>(values[i]);
	store<T, Count>(static_cast<T *>(y) + at, pack);
}

template <int Count> INLINE void store_reduced(const ReduceArguments &a, int64_t at, float (&values)[Count])
{
	switch (a.finish) {
	case kReduceMean: finish_each(values, [&](float v) { return v / a.count; }); break;
	case kReduceRoot: finish_each(values, [](float v) { return sqrtf(v); }); break;
	case kReduceLogarithm: finish_each(values, [](float v) { return logf(v); }); break;
	}
	switch (a.output) {
	case kReduceFloat32: store_as<float, Count>(a.y, at, values); break;
	case kReduceFloat16: store_as<half_t, Count>(a.y, at, values); break;
	case kReduceBFloat16: store_as<bfloat_t, Count>(a.y, at, values); break;
	}
}

#endif

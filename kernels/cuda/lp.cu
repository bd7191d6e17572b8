// Division of lines by their norm: the middle axis of [outer, width, inner], by the sum of absolute values, the root of the sum of squares, or the largest
// element. A line whose norm is zero stays as it is.
//
// Bound by memory: every element is read twice, the second time from a cache as a rule, and written once. A row (inner = 1) has the lanes of a warp or, where
// it is long, of a block; other lines have a thread, side by side along inner. The order of a sum depends on the width only.
#include "reduce_joins.cuh"

struct LpArguments {
	const void *x;
	void *y;
	int64_t outer, width, inner;
	int32_t norm;  // ReduceJoin: kReduceAbsoluteSum, kReduceSquareSum or kReduceMaximum
	int32_t lanes; // threads of a line: one, a warp, or the block
};

constexpr int kLpThreads = 256;

template <typename T, typename Join> INLINE float norm_of_line(const T *x, const LpArguments &a, int64_t width, int lane, float *partial)
{
	float norm = Join::identity();
#pragma unroll 4
	for (int64_t at = lane; at < width; at += a.lanes)
		norm = Join::join(norm, Join::take(to_float(x[at * a.inner])));
	return reduce_lanes<Join>(norm, a.lanes, partial);
}

template <typename T> INLINE void lp(const LpArguments &a)
{
	__shared__ float partial[kWarp];
	const int64_t unit = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes, outer = unit / a.inner;
	const int64_t place = outer * a.width * a.inner + (unit - outer * a.inner), width = outer < a.outer ? a.width : 0;
	const int lane = static_cast<int>(threadIdx.x) % a.lanes;
	const T *x = static_cast<const T *>(a.x) + place;
	T *y = static_cast<T *>(a.y) + place;
	float norm = 0.0f;
	switch (a.norm) {
	case kReduceAbsoluteSum: norm = norm_of_line<T, AbsoluteSum>(x, a, width, lane, partial); break;
	case kReduceSquareSum: norm = sqrtf(norm_of_line<T, SquareSum>(x, a, width, lane, partial)); break;
	case kReduceMaximum: norm = norm_of_line<T, PlainMaximum>(x, a, width, lane, partial); break;
	}
	const float divisor = norm == 0.0f ? 1.0f : norm;
#pragma unroll 4
	for (int64_t at = lane; at < width; at += a.lanes)
		y[at * a.inner] = from_float<T>(to_float(x[at * a.inner]) / divisor);
}

KERNEL(lp_f32, LpArguments, kLpThreads) { lp<float>(arguments); }
KERNEL(lp_f16, LpArguments, kLpThreads) { lp<half_t>(arguments); }
KERNEL(lp_bf16, LpArguments, kLpThreads) { lp<bfloat_t>(arguments); }

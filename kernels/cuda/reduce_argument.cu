// ArgMax and ArgMin over the middle axis of [outer, reduced, inner], and all reductions of integers.
//
// Bound by memory: every element is read once. Results do not depend on the order in which elements are joined. A row (inner = 1) has the lanes of a warp or,
// where it is long, of a block; a column has a thread.
#include "reduce_joins.cuh"

#include "elementwise_math.cuh"

constexpr int kArgumentThreads = 256;

struct ArgumentArguments {
	const void *x;
	int64_t *y;
	int64_t outer, reduced, inner;
	int32_t smallest; // ArgMin
	int32_t last;     // of equal elements the last one counts
	int32_t lanes;    // threads of a unit, which is a row or a column
	int32_t unused;
};

INLINE int64_t exchange(int64_t value, int distance) { return __shfl_xor_sync(kAllLanes, value, distance); }

// Joins the values of the lanes of a unit, where there are more than one: a warp's or a block's. The first lane gets the result.
template <typename Value, typename Join> INLINE Value join_lanes(Value value, int lanes, Value *partial, Join join)
{
	if (lanes == 1)
		return value;
	for (int distance = kWarp / 2; distance > 0; distance /= 2)
		value = join(value, exchange(value, distance));
	if (lanes == kWarp)
		return value;
	if (lane_of_thread() == 0)
		partial[warp_of_thread()] = value;
	__syncthreads();
	if (threadIdx.x == 0)
		for (int i = 1; i < static_cast<int>(blockDim.x) / kWarp; i++)
			value = join(value, partial[i]);
	return value;
}

// The best element so far; index -1 is none. A NaN is found only where it comes first, as in onnxruntime.
template <typename Value> struct Best {
	Value value;
	int32_t index;
};

template <typename Value> INLINE Best<Value> exchange(const Best<Value> &best, int distance)
{
	return {__shfl_xor_sync(kAllLanes, best.value, distance), __shfl_xor_sync(kAllLanes, best.index, distance)};
}

template <typename Value> INLINE Best<Value> better(const ArgumentArguments &a, const Best<Value> &x, const Best<Value> &y)
{
	if (x.index < 0 || y.index < 0)
		return x.index < 0 ? y : x;
	if (x.value != x.value)
		return x.index == 0 ? x : y;
	if (y.value != y.value)
		return y.index == 0 ? y : x;
	if (x.value == y.value)
		return (x.index < y.index) == (a.last == 0) ? x : y;
	return (x.value > y.value) == (a.smallest == 0) ? x : y;
}

template <typename T, typename Value> INLINE void argument_of(const ArgumentArguments &a)
{
	__shared__ Best<Value> partial[kWarp];
	const int64_t unit = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes;
	const int lane = static_cast<int>(threadIdx.x) % a.lanes;
	Best<Value> best = {Value(0), -1};
	if (unit < a.outer * a.inner) {
		const int64_t outer = unit / a.inner;
		const T *x = static_cast<const T *>(a.x) + outer * a.reduced * a.inner + (unit - outer * a.inner);
#pragma unroll 4
		for (int64_t at = lane; at < a.reduced; at += a.lanes) {
			Value value;
			if constexpr (kSame<Value, float>)
				value = to_float(x[at * a.inner]);
			else
				value = x[at * a.inner];
			best = better(a, best, Best<Value>{value, static_cast<int32_t>(at)});
		}
	}
	best = join_lanes(best, a.lanes, partial, [&](const Best<Value> &x, const Best<Value> &y) { return better(a, x, y); });
	if (lane == 0 && unit < a.outer * a.inner)
		a.y[unit] = best.index;
}

KERNEL(argument_f32, ArgumentArguments, kArgumentThreads) { argument_of<float, float>(arguments); }
KERNEL(argument_f16, ArgumentArguments, kArgumentThreads) { argument_of<half_t, float>(arguments); }
KERNEL(argument_bf16, ArgumentArguments, kArgumentThreads) { argument_of<bfloat_t, float>(arguments); }
KERNEL(argument_i8, ArgumentArguments, kArgumentThreads) { argument_of<int8_t, int32_t>(arguments); }
KERNEL(argument_u8, ArgumentArguments, kArgumentThreads) { argument_of<uint8_t, int32_t>(arguments); }
KERNEL(argument_i32, ArgumentArguments, kArgumentThreads) { argument_of<int32_t, int32_t>(arguments); }
KERNEL(argument_i64, ArgumentArguments, kArgumentThreads) { argument_of<int64_t, int64_t>(arguments); }

struct IntegerArguments {
	const void *x;
	void *y;
	int64_t outer, reduced, inner;
	int32_t join; // ReduceJoin
	int32_t mean; // 1: the sum is divided by the number of elements, toward zero
	int32_t lanes;
	int32_t unused;
};

INLINE int64_t join_integers(int join, int64_t x, int64_t y)
{
	switch (join) {
	case kReduceMaximum: return x > y ? x : y;
	case kReduceMinimum: return x < y ? x : y;
	case kReduceProduct: return wrapped_multiply(x, y);
	default: return wrapped_add(x, y);
	}
}

INLINE int64_t take_integer(int join, int64_t x)
{
	return join == kReduceSquareSum ? wrapped_multiply(x, x) : join == kReduceAbsoluteSum && x < 0 ? wrapped_subtract(int64_t(0), x) : x;
}

template <typename T> INLINE void reduce_integers(const IntegerArguments &a)
{
	__shared__ int64_t partial[kWarp];
	const int64_t unit = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes;
	const int lane = static_cast<int>(threadIdx.x) % a.lanes;
	int64_t value = a.join == kReduceMaximum ? INT64_MIN : a.join == kReduceMinimum ? INT64_MAX : a.join == kReduceProduct ? 1 : 0;
	if (unit < a.outer * a.inner) {
		const int64_t outer = unit / a.inner;
		const T *x = static_cast<const T *>(a.x) + outer * a.reduced * a.inner + (unit - outer * a.inner);
#pragma unroll 4
		for (int64_t at = lane; at < a.reduced; at += a.lanes)
			value = join_integers(a.join, value, take_integer(a.join, x[at * a.inner]));
	}
	value = join_lanes(value, a.lanes, partial, [&](int64_t x, int64_t y) { return join_integers(a.join, x, y); });
	if (lane == 0 && unit < a.outer * a.inner)
		static_cast<T *>(a.y)[unit] = static_cast<T>(a.mean ? guarded_divide(value, a.reduced) : value);
}

KERNEL(reduce_i8, IntegerArguments, kArgumentThreads) { reduce_integers<int8_t>(arguments); }
KERNEL(reduce_u8, IntegerArguments, kArgumentThreads) { reduce_integers<uint8_t>(arguments); }
KERNEL(reduce_i32, IntegerArguments, kArgumentThreads) { reduce_integers<int32_t>(arguments); }
KERNEL(reduce_i64, IntegerArguments, kArgumentThreads) { reduce_integers<int64_t>(arguments); }

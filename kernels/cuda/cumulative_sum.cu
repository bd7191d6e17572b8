// CumSum along an axis of x [before, size, after].
//
// Bound by memory: 2 * before * size * after * element size bytes. Rows (after is 1): a block a row, which it scans stretch by stretch, a pack of 16 bytes a
// thread. Columns: a thread each, so that neighbours read neighbours; enough of them are needed to fill the device. Sums are float, or integers of the
// element's size.
#include "scan.cuh"

struct CumulativeSumArguments {
	const void *x;
	void *y;
	int64_t before, size, after;
	int32_t exclusive, reverse;
};

template <typename T> struct SumType { typedef float type; };
template <> struct SumType<int32_t> { typedef int32_t type; };
template <> struct SumType<int64_t> { typedef int64_t type; };

template <typename T> INLINE typename SumType<T>::type to_sum(T x) { return static_cast<typename SumType<T>::type>(x); }
INLINE float to_sum(half_t x) { return to_float(x); }
INLINE float to_sum(bfloat_t x) { return to_float(x); }

template <typename T> INLINE T from_sum(typename SumType<T>::type x)
{
	if constexpr (kSame<T, half_t> || kSame<T, bfloat_t>)
		return from_float<T>(x);
	else
		return x;
}

template <typename T, int Count> INLINE void sum_rows(const CumulativeSumArguments &a)
{
	typedef typename SumType<T>::type S;
	__shared__ S partial[kWarp];
	const T *x = static_cast<const T *>(a.x) + blockIdx.x * a.size;
	T *y = static_cast<T *>(a.y) + blockIdx.x * a.size;
	const int64_t stretch = static_cast<int64_t>(blockDim.x) * Count;
	S carry = 0;
	for (int64_t first = 0; first < a.size; first += stretch) {
		const int64_t i = first + static_cast<int64_t>(threadIdx.x) * Count;
		const int64_t at = a.reverse ? a.size - Count - i : i;
		S value[Count] = {}, own = 0;
		if (i < a.size) {
			const Pack<T, Count> pack = load<T, Count>(x + at);
#pragma unroll
			for (int k = 0; k < Count; k++) {
				value[k] = to_sum(a.reverse ? pack.at[Count - 1 - k] : pack.at[k]);
				own += value[k];
			}
		}
		const Prefix<S> prefix = scan_block(own, partial);
		S sum = carry + prefix.before;
		carry += prefix.all;
		if (i >= a.size)
			continue;
		Pack<T, Count> pack;
#pragma unroll
		for (int k = 0; k < Count; k++) {
			const S next = sum + value[k];
			pack.at[a.reverse ? Count - 1 - k : k] = from_sum<T>(a.exclusive ? sum : next);
			sum = next;
		}
		store<T, Count>(y + at, pack);
	}
}

template <typename T> INLINE void sum_columns(const CumulativeSumArguments &a)
{
	typedef typename SumType<T>::type S;
	constexpr int ahead = 4; // loads under way
	const int64_t column = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
	if (column >= a.before * a.after)
		return;
	const int64_t outer = column / a.after, start = outer * a.size * a.after + (column - outer * a.after);
	const T *x = static_cast<const T *>(a.x) + start;
	T *y = static_cast<T *>(a.y) + start;
	S sum = 0;
	for (int64_t first = 0; first < a.size; first += ahead) {
		S value[ahead];
#pragma unroll
		for (int k = 0; k < ahead; k++) {
			const int64_t i = a.reverse ? a.size - 1 - first - k : first + k;
			value[k] = first + k < a.size ? to_sum(x[i * a.after]) : S{};
		}
#pragma unroll
		for (int k = 0; k < ahead; k++) {
			const int64_t i = a.reverse ? a.size - 1 - first - k : first + k;
			const S next = sum + value[k];
			if (first + k < a.size)
				y[i * a.after] = from_sum<T>(a.exclusive ? sum : next);
			sum = next;
		}
	}
}

KERNEL(sum_rows_f32, CumulativeSumArguments, 256) { sum_rows<float, 4>(arguments); }
KERNEL(sum_rows_f16, CumulativeSumArguments, 256) { sum_rows<half_t, 8>(arguments); }
KERNEL(sum_rows_bf16, CumulativeSumArguments, 256) { sum_rows<bfloat_t, 8>(arguments); }
KERNEL(sum_rows_i32, CumulativeSumArguments, 256) { sum_rows<int32_t, 4>(arguments); }
KERNEL(sum_rows_i64, CumulativeSumArguments, 256) { sum_rows<int64_t, 2>(arguments); }
KERNEL(sum_rows_one_f32, CumulativeSumArguments, 256) { sum_rows<float, 1>(arguments); }
KERNEL(sum_rows_one_f16, CumulativeSumArguments, 256) { sum_rows<half_t, 1>(arguments); }
KERNEL(sum_rows_one_bf16, CumulativeSumArguments, 256) { sum_rows<bfloat_t, 1>(arguments); }
KERNEL(sum_rows_one_i32, CumulativeSumArguments, 256) { sum_rows<int32_t, 1>(arguments); }
KERNEL(sum_rows_one_i64, CumulativeSumArguments, 256) { sum_rows<int64_t, 1>(arguments); }
KERNEL(sum_columns_f32, CumulativeSumArguments, 256) { sum_columns<float>(arguments); }
KERNEL(sum_columns_f16, CumulativeSumArguments, 256) { sum_columns<half_t>(arguments); }
KERNEL(sum_columns_bf16, CumulativeSumArguments, 256) { sum_columns<bfloat_t>(arguments); }
KERNEL(sum_columns_i32, CumulativeSumArguments, 256) { sum_columns<int32_t>(arguments); }
KERNEL(sum_columns_i64, CumulativeSumArguments, 256) { sum_columns<int64_t>(arguments); }

// Softmax and log-softmax over the last axis of [rows, width].
//
// Bound by memory: each element is read once and written once where a row fits into a block's registers (2 * rows * width * size bytes), read twice where
// it does not. Sums are in float. Algorithm: Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, for rows that are read twice.
#include "reduce.cuh"

struct SoftmaxArguments {
	const void *x;
	void *y;
	int64_t rows, width;
	float scale; // of x, ahead of everything
	int32_t logarithmic;
};

// Elements of a row that a thread keeps in registers.
constexpr int kKept = 32;

// One row a block: thread t holds elements [t * Count, ...) of each stretch of blockDim.x * Count. The row fits into kKept elements a thread.
template <typename T, int Count> INLINE void softmax_kept(const SoftmaxArguments &a)
{
	__shared__ float partial[kWarp];
	const int64_t row = blockIdx.x;
	const T *x = static_cast<const T *>(a.x) + row * a.width;
	T *y = static_cast<T *>(a.y) + row * a.width;
	const int width = static_cast<int>(a.width), stretch = static_cast<int>(blockDim.x) * Count, first = static_cast<int>(threadIdx.x) * Count;
	float kept[kKept];
	float greatest = -INFINITY;
#pragma unroll
	for (int k = 0; k < kKept / Count; k++) {
		const int at = first + k * stretch;
		if (at < width) {
			const Pack<T, Count> pack = load<T, Count>(x + at);
#pragma unroll
			for (int i = 0; i < Count; i++) {
				kept[k * Count + i] = to_float(pack.at[i]) * a.scale;
				greatest = Maximum::join(greatest, kept[k * Count + i]);
			}
		}
	}
	greatest = reduce_block<Maximum>(greatest, partial);
	float sum = 0.0f;
#pragma unroll
	for (int k = 0; k < kKept / Count; k++) {
		if (first + k * stretch < width) {
#pragma unroll
			for (int i = 0; i < Count; i++)
				sum += expf(kept[k * Count + i] - greatest);
		}
	}
	sum = reduce_block<Sum>(sum, partial);
	const float factor = 1.0f / sum, logarithm = greatest + logf(sum);
#pragma unroll
	for (int k = 0; k < kKept / Count; k++) {
		const int at = first + k * stretch;
		if (at < width) {
			Pack<T, Count> pack;
#pragma unroll
			for (int i = 0; i < Count; i++) {
				const float value = kept[k * Count + i];
				pack.at[i] = from_float<T>(a.logarithmic ? value - logarithm : expf(value - greatest) * factor);
			}
			store<T, Count>(y + at, pack);
		}
	}
}

// Rows of any width, one a block, read twice: the first pass finds maximum and sum together.
template <typename T, int Count> INLINE void softmax_online(const SoftmaxArguments &a)
{
	__shared__ float partial[kWarp];
	const int64_t row = blockIdx.x, stretch = static_cast<int64_t>(blockDim.x) * Count;
	const T *x = static_cast<const T *>(a.x) + row * a.width;
	T *y = static_cast<T *>(a.y) + row * a.width;
	float greatest = -INFINITY, sum = 0.0f;
	for (int64_t at = static_cast<int64_t>(threadIdx.x) * Count; at < a.width; at += stretch) {
		const Pack<T, Count> pack = load<T, Count>(x + at);
		float local = greatest;
#pragma unroll
		for (int i = 0; i < Count; i++)
			local = Maximum::join(local, to_float(pack.at[i]) * a.scale);
		if (local > greatest)
			sum *= expf(greatest - local);
		greatest = local;
#pragma unroll
		for (int i = 0; i < Count; i++)
			sum += expf(to_float(pack.at[i]) * a.scale - greatest);
	}
	const float all = reduce_block<Maximum>(greatest, partial);
	sum = reduce_block<Sum>(greatest == -INFINITY ? 0.0f : sum * expf(greatest - all), partial);
	const float factor = 1.0f / sum, logarithm = all + logf(sum);
	for (int64_t at = static_cast<int64_t>(threadIdx.x) * Count; at < a.width; at += stretch) {
		Pack<T, Count> pack = load<T, Count>(x + at);
#pragma unroll
		for (int i = 0; i < Count; i++) {
			const float value = to_float(pack.at[i]) * a.scale;
			pack.at[i] = from_float<T>(a.logarithmic ? value - logarithm : expf(value - all) * factor);
		}
		store<T, Count>(y + at, pack);
	}
}

KERNEL(softmax_kept_f32, SoftmaxArguments, 1024) { softmax_kept<float, 4>(arguments); }
KERNEL(softmax_kept_f16, SoftmaxArguments, 1024) { softmax_kept<half_t, 8>(arguments); }
KERNEL(softmax_kept_bf16, SoftmaxArguments, 1024) { softmax_kept<bfloat_t, 8>(arguments); }
KERNEL(softmax_kept_one_f32, SoftmaxArguments, 1024) { softmax_kept<float, 1>(arguments); }
KERNEL(softmax_kept_one_f16, SoftmaxArguments, 1024) { softmax_kept<half_t, 1>(arguments); }
KERNEL(softmax_kept_one_bf16, SoftmaxArguments, 1024) { softmax_kept<bfloat_t, 1>(arguments); }
KERNEL(softmax_online_f32, SoftmaxArguments, 1024) { softmax_online<float, 4>(arguments); }
KERNEL(softmax_online_f16, SoftmaxArguments, 1024) { softmax_online<half_t, 8>(arguments); }
KERNEL(softmax_online_bf16, SoftmaxArguments, 1024) { softmax_online<bfloat_t, 8>(arguments); }
KERNEL(softmax_online_one_f32, SoftmaxArguments, 1024) { softmax_online<float, 1>(arguments); }
KERNEL(softmax_online_one_f16, SoftmaxArguments, 1024) { softmax_online<half_t, 1>(arguments); }
KERNEL(softmax_online_one_bf16, SoftmaxArguments, 1024) { softmax_online<bfloat_t, 1>(arguments); }

// Softmax and log-softmax over the middle axis of [rows, width, inner]; inner is 1 but for the kernels of columns.
//
// Bound by memory: each element is read once and written once where a row fits into the registers of its threads (2 * rows * width * size bytes), read twice
// where it does not. The threads of a row are a part of a warp, a warp or a block, as its width asks for. Sums are in float. Algorithm: Milakov and Gimelshein,
// "Online normalizer calculation for softmax", 2018, for what is read twice.
#include "reduce.cuh"

struct SoftmaxArguments {
	const void *x;
	void *y;
	int64_t rows, width, inner;
	float scale; // of x, ahead of everything
	int32_t logarithmic;
	int32_t lanes; // threads of a row
	int32_t unused;
};

// Elements of a row that a thread keeps in registers; where they are loaded one by one, there are half as many threads, so that nothing spills.
constexpr int kKept = 32, kOneThreads = 512;

constexpr int kColumnThreads = 256;

// Lane l of a row holds elements [l * Count, ...) of each stretch of lanes * Count. The row fits into kKept elements a lane.
template <typename T, int Count> INLINE void softmax_kept(const SoftmaxArguments &a)
{
	__shared__ float partial[kWarp];
	const int64_t row = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes;
	const T *x = static_cast<const T *>(a.x) + row * a.width;
	T *y = static_cast<T *>(a.y) + row * a.width;
	// A row behind the last one has no elements; its lanes take part in the shuffles of their warp.
	const int width = row < a.rows ? static_cast<int>(a.width) : 0;
	const int stretch = a.lanes * Count, first = static_cast<int>(threadIdx.x) % a.lanes * Count;
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
	greatest = reduce_lanes<Maximum>(greatest, a.lanes, partial);
	float sum = 0.0f;
#pragma unroll
	for (int k = 0; k < kKept / Count; k++) {
		if (first + k * stretch < width) {
#pragma unroll
			for (int i = 0; i < Count; i++) {
				const float power = expf(kept[k * Count + i] - greatest);
				sum += power;
				kept[k * Count + i] = a.logarithmic ? kept[k * Count + i] : power;
			}
		}
	}
	sum = reduce_lanes<Sum>(sum, a.lanes, partial);
	const float factor = 1.0f / sum, logarithm = greatest + logf(sum);
#pragma unroll
	for (int k = 0; k < kKept / Count; k++) {
		const int at = first + k * stretch;
		if (at < width) {
			Pack<T, Count> pack;
#pragma unroll
			for (int i = 0; i < Count; i++) {
				const float value = kept[k * Count + i];
				pack.at[i] = from_float<T>(a.logarithmic ? value - logarithm : value * factor);
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
		if (greatest == -INFINITY) // masked so far: the difference of infinities is no number
			continue;
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

// Joins the maximum and sum of one part of a column with those of another: the smaller maximum's sum is scaled, with one exponential for both cases.
INLINE void join_online(float &greatest, float &sum, float other_greatest, float other_sum)
{
	if (greatest == -INFINITY && other_greatest == -INFINITY) // masked so far: the difference of infinities is no number
		return;
	const float factor = expf(-fabsf(greatest - other_greatest));
	sum = other_greatest > greatest ? fmaf(sum, factor, other_sum) : fmaf(other_sum, factor, sum);
	greatest = Maximum::join(greatest, other_greatest);
}

// A block has blockDim.x packs of columns and blockDim.y slices of the axis, whose maxima and sums are joined as a tree.
template <typename T, int Count> INLINE void softmax_columns(const SoftmaxArguments &a)
{
	__shared__ float greatest_of[Count * kColumnThreads], sum_of[Count * kColumnThreads];
	const int64_t bands = (a.inner + blockDim.x * Count - 1) / (blockDim.x * Count);
	const int64_t row = blockIdx.x / bands, column = ((blockIdx.x - row * bands) * blockDim.x + threadIdx.x) * Count;
	const int64_t place = row * a.width * a.inner + column, width = column < a.inner ? a.width : 0;
	const T *x = static_cast<const T *>(a.x) + place;
	T *y = static_cast<T *>(a.y) + place;
	float greatest[Count], sum[Count];
#pragma unroll
	for (int i = 0; i < Count; i++) {
		greatest[i] = -INFINITY;
		sum[i] = 0.0f;
	}
	for (int64_t at = threadIdx.y; at < width; at += blockDim.y) {
		const Pack<T, Count> pack = load<T, Count>(x + at * a.inner);
#pragma unroll
		for (int i = 0; i < Count; i++)
			join_online(greatest[i], sum[i], to_float(pack.at[i]) * a.scale, 1.0f);
	}
	const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
	for (int i = 0; i < Count; i++) {
		greatest_of[i * kColumnThreads + thread] = greatest[i];
		sum_of[i * kColumnThreads + thread] = sum[i];
	}
	__syncthreads();
	for (int slices = static_cast<int>(blockDim.y) / 2; slices > 0; slices /= 2) {
		if (static_cast<int>(threadIdx.y) < slices)
#pragma unroll
			for (int i = 0; i < Count; i++) {
				const int own = i * kColumnThreads + thread, other = own + slices * static_cast<int>(blockDim.x);
				join_online(greatest_of[own], sum_of[own], greatest_of[other], sum_of[other]);
			}
		__syncthreads();
	}
#pragma unroll
	for (int i = 0; i < Count; i++) {
		greatest[i] = greatest_of[i * kColumnThreads + threadIdx.x];
		const float all = sum_of[i * kColumnThreads + threadIdx.x];
		sum[i] = a.logarithmic ? greatest[i] + logf(all) : 1.0f / all;
	}
	for (int64_t at = threadIdx.y; at < width; at += blockDim.y) {
		Pack<T, Count> pack = load<T, Count>(x + at * a.inner);
#pragma unroll
		for (int i = 0; i < Count; i++) {
			const float value = to_float(pack.at[i]) * a.scale;
			pack.at[i] = from_float<T>(a.logarithmic ? value - sum[i] : expf(value - greatest[i]) * sum[i]);
		}
		store<T, Count>(y + at * a.inner, pack);
	}
}

KERNEL(softmax_kept_f32, SoftmaxArguments, 1024) { softmax_kept<float, 4>(arguments); }
KERNEL(softmax_kept_f16, SoftmaxArguments, 1024) { softmax_kept<half_t, 8>(arguments); }
KERNEL(softmax_kept_bf16, SoftmaxArguments, 1024) { softmax_kept<bfloat_t, 8>(arguments); }
KERNEL(softmax_kept_one_f32, SoftmaxArguments, kOneThreads) { softmax_kept<float, 1>(arguments); }
KERNEL(softmax_kept_one_f16, SoftmaxArguments, kOneThreads) { softmax_kept<half_t, 1>(arguments); }
KERNEL(softmax_kept_one_bf16, SoftmaxArguments, kOneThreads) { softmax_kept<bfloat_t, 1>(arguments); }
KERNEL(softmax_online_f32, SoftmaxArguments, 1024) { softmax_online<float, 4>(arguments); }
KERNEL(softmax_online_f16, SoftmaxArguments, 1024) { softmax_online<half_t, 8>(arguments); }
KERNEL(softmax_online_bf16, SoftmaxArguments, 1024) { softmax_online<bfloat_t, 8>(arguments); }
KERNEL(softmax_online_one_f32, SoftmaxArguments, 1024) { softmax_online<float, 1>(arguments); }
KERNEL(softmax_online_one_f16, SoftmaxArguments, 1024) { softmax_online<half_t, 1>(arguments); }
KERNEL(softmax_online_one_bf16, SoftmaxArguments, 1024) { softmax_online<bfloat_t, 1>(arguments); }
KERNEL(softmax_columns_f32, SoftmaxArguments, kColumnThreads) { softmax_columns<float, 4>(arguments); }
KERNEL(softmax_columns_f16, SoftmaxArguments, kColumnThreads) { softmax_columns<half_t, 8>(arguments); }
KERNEL(softmax_columns_bf16, SoftmaxArguments, kColumnThreads) { softmax_columns<bfloat_t, 8>(arguments); }
KERNEL(softmax_columns_one_f32, SoftmaxArguments, kColumnThreads) { softmax_columns<float, 1>(arguments); }
KERNEL(softmax_columns_one_f16, SoftmaxArguments, kColumnThreads) { softmax_columns<half_t, 1>(arguments); }
KERNEL(softmax_columns_one_bf16, SoftmaxArguments, kColumnThreads) { softmax_columns<bfloat_t, 1>(arguments); }

// Global pooling: the average or the maximum over all positions of an image.
//
// Bound by memory: x is read once. Channels last [images, positions, channels]: a block takes as many channels as make one line of 128 bytes and lets rows of
// threads share the positions, which meet in shared memory. Channels first [rows, positions]: a warp a row. Of many positions, which come with few channels,
// there are more rows of threads, or a whole block a row. The order of the sums depends on the number of positions only, so an image's bits do not
// depend on how many there are.
#include "reduce.cuh"

struct GlobalPoolArguments {
	const void *x;
	void *y;
	int64_t outer, positions, channels; // channels is 1 where positions lie side by side
};

constexpr int kAcross = 8; // packs of channels of a block: a line

// Down is the number of rows of threads.
template <typename T, int Count, int Down> INLINE void average_channels_last(const GlobalPoolArguments &a)
{
	__shared__ float partial[Down][kAcross * Count];
	const int64_t groups = (a.channels + kAcross * Count - 1) / (kAcross * Count);
	const int64_t image = blockIdx.x / groups, channel0 = (blockIdx.x - image * groups) * (kAcross * Count), channel = channel0 + threadIdx.x * Count;
	const T *x = static_cast<const T *>(a.x) + image * a.positions * a.channels + channel;
	float sum[Count] = {};
	if (channel < a.channels) {
#pragma unroll 4
		for (int64_t at = threadIdx.y; at < a.positions; at += Down) {
			const Pack<T, Count> pack = load<T, Count>(x + at * a.channels);
#pragma unroll
			for (int i = 0; i < Count; i++)
				sum[i] += to_float(pack.at[i]);
		}
	}
#pragma unroll
	for (int i = 0; i < Count; i++)
		partial[threadIdx.y][threadIdx.x * Count + i] = sum[i];
	__syncthreads();
	const int own = threadIdx.y * kAcross + threadIdx.x;
	if (own >= kAcross * Count || channel0 + own >= a.channels)
		return;
	float all = 0.0f;
#pragma unroll 32
	for (int row = 0; row < Down; row++)
		all += partial[row][own];
	static_cast<T *>(a.y)[image * a.channels + channel0 + own] = from_float<T>(all / static_cast<float>(a.positions));
}

// A warp a row, or a block of one row.
template <typename T, int Count, typename Join> INLINE void reduce_rows(const GlobalPoolArguments &a)
{
	__shared__ float partial[kWarp];
	const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
	if (row >= a.outer)
		return;
	const T *x = static_cast<const T *>(a.x) + row * a.positions;
	float value = Join::identity();
#pragma unroll 4
	for (int64_t at = static_cast<int64_t>(threadIdx.x) * Count; at < a.positions; at += blockDim.x * Count) {
		const Pack<T, Count> pack = load<T, Count>(x + at);
#pragma unroll
		for (int i = 0; i < Count; i++)
			value = Join::join(value, to_float(pack.at[i]));
	}
	value = blockDim.y == 1 ? reduce_block<Join>(value, partial) : reduce_warp<Join>(value);
	if (threadIdx.x == 0)
		static_cast<T *>(a.y)[row] = from_float<T>(kSame<Join, Sum> ? value / static_cast<float>(a.positions) : value);
}

KERNEL(average_channels_last_f32, GlobalPoolArguments, 256) { average_channels_last<float, 4, 32>(arguments); }
KERNEL(average_channels_last_f16, GlobalPoolArguments, 256) { average_channels_last<half_t, 8, 32>(arguments); }
KERNEL(average_channels_last_bf16, GlobalPoolArguments, 256) { average_channels_last<bfloat_t, 8, 32>(arguments); }
KERNEL(average_channels_last_one_f32, GlobalPoolArguments, 256) { average_channels_last<float, 1, 32>(arguments); }
KERNEL(average_channels_last_one_f16, GlobalPoolArguments, 256) { average_channels_last<half_t, 1, 32>(arguments); }
KERNEL(average_channels_last_one_bf16, GlobalPoolArguments, 256) { average_channels_last<bfloat_t, 1, 32>(arguments); }
KERNEL(average_channels_last_long_f32, GlobalPoolArguments, 1024) { average_channels_last<float, 4, 128>(arguments); }
KERNEL(average_channels_last_long_f16, GlobalPoolArguments, 1024) { average_channels_last<half_t, 8, 128>(arguments); }
KERNEL(average_channels_last_long_bf16, GlobalPoolArguments, 1024) { average_channels_last<bfloat_t, 8, 128>(arguments); }
KERNEL(average_channels_last_long_one_f32, GlobalPoolArguments, 1024) { average_channels_last<float, 1, 128>(arguments); }
KERNEL(average_channels_last_long_one_f16, GlobalPoolArguments, 1024) { average_channels_last<half_t, 1, 128>(arguments); }
KERNEL(average_channels_last_long_one_bf16, GlobalPoolArguments, 1024) { average_channels_last<bfloat_t, 1, 128>(arguments); }
KERNEL(average_rows_f32, GlobalPoolArguments, 256) { reduce_rows<float, 4, Sum>(arguments); }
KERNEL(average_rows_f16, GlobalPoolArguments, 256) { reduce_rows<half_t, 8, Sum>(arguments); }
KERNEL(average_rows_bf16, GlobalPoolArguments, 256) { reduce_rows<bfloat_t, 8, Sum>(arguments); }
KERNEL(average_rows_one_f32, GlobalPoolArguments, 256) { reduce_rows<float, 1, Sum>(arguments); }
KERNEL(average_rows_one_f16, GlobalPoolArguments, 256) { reduce_rows<half_t, 1, Sum>(arguments); }
KERNEL(average_rows_one_bf16, GlobalPoolArguments, 256) { reduce_rows<bfloat_t, 1, Sum>(arguments); }
KERNEL(maximum_rows_f32, GlobalPoolArguments, 256) { reduce_rows<float, 4, Maximum>(arguments); }
KERNEL(maximum_rows_f16, GlobalPoolArguments, 256) { reduce_rows<half_t, 8, Maximum>(arguments); }
KERNEL(maximum_rows_bf16, GlobalPoolArguments, 256) { reduce_rows<bfloat_t, 8, Maximum>(arguments); }
KERNEL(maximum_rows_one_f32, GlobalPoolArguments, 256) { reduce_rows<float, 1, Maximum>(arguments); }
KERNEL(maximum_rows_one_f16, GlobalPoolArguments, 256) { reduce_rows<half_t, 1, Maximum>(arguments); }
KERNEL(maximum_rows_one_bf16, GlobalPoolArguments, 256) { reduce_rows<bfloat_t, 1, Maximum>(arguments); }

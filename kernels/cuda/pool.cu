// Pooling with windows over up to three spatial axes: x of [outer, depth, height, width, channels] -> y of the same with fewer positions. Channels-last images
// have few outer positions and many channels, which move in packs of 16 bytes; channels-first ones are planes with one channel.
//
// Bound by memory: x is read once from device memory and y written once; taps that windows share come from the caches. A thread makes one pack of y. The taps
// inside of x are found ahead of the loops, so that these have no branches and several loads are under way. Sums are in float.
#include "reduce.cuh"
#include "walk.cuh"

constexpr int kSpatial = 3;

// One spatial axis; windows of axes that there are not have one tap.
struct PoolAxis {
	Divisor output; // positions of y
	int32_t input, window, stride, dilation, begin, end;
};

struct PoolArguments {
	const void *x;
	void *y;
	int64_t *positions;      // of the maxima in x, where they are asked for
	PoolAxis axis[kSpatial]; // innermost first
	Divisor channels;        // packs of a position
	uint32_t packs;          // of y
	int32_t count_padding;   // an average divides by the taps in the padded x, not by those in x
	int32_t column_major;    // positions count the first spatial axis fastest
};

// Taps [first, last) of a window along an axis, the first of which lies at `start`, have positions in [low, high).
struct Taps {
	int32_t start, first, last;
};

INLINE int32_t divide_up(int32_t a, int32_t b) { return b == 1 ? a : (a + b - 1) / b; }

INLINE Taps taps_within(const PoolAxis &axis, int32_t start, int32_t low, int32_t high)
{
	Taps taps = {start, 0, 0};
	taps.first = start < low ? divide_up(low - start, axis.dilation) : 0;
	taps.last = start < high ? min(axis.window, divide_up(high - start, axis.dilation)) : 0;
	return taps;
}

INLINE int32_t count(const Taps &taps) { return max(taps.last - taps.first, 0); }

// The greater one, NaN where either is: one instruction from sm_80 on.
INLINE float greater(float a, float b)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
	float result;
	asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
	return result;
#else
	return Maximum::join(a, b);
#endif
}

// What a window is reduced to; begin() ahead of the first tap, add() for each, end() with the number of taps that count.
template <typename T, int Count> struct MaximumOfTaps {
	float best[Count];

	__device__ __forceinline__ void begin()
	{
#pragma unroll
		for (int i = 0; i < Count; i++)
			best[i] = Maximum::identity();
	}
	__device__ __forceinline__ void add(const Pack<T, Count> &pack)
	{
#pragma unroll
		for (int i = 0; i < Count; i++)
			best[i] = greater(to_float(pack.at[i]), best[i]);
	}
	__device__ __forceinline__ float end(int i, float) const { return best[i]; }
};

template <typename T, int Count> struct AverageOfTaps {
	float sum[Count];

	__device__ __forceinline__ void begin()
	{
#pragma unroll
		for (int i = 0; i < Count; i++)
			sum[i] = 0.0f;
	}
	__device__ __forceinline__ void add(const Pack<T, Count> &pack)
	{
#pragma unroll
		for (int i = 0; i < Count; i++)
			sum[i] += to_float(pack.at[i]);
	}
	__device__ __forceinline__ float end(int i, float taps) const { return sum[i] / taps; }
};

// Where the window of pack i of y lies: the taps inside of x, the position of the window's x[0, 0, 0] and how many taps an average counts.
struct Place {
	Taps taps[kSpatial];
	int64_t plane; // pack of x at spatial position 0
	float counted;
};

INLINE Place place_of(const PoolArguments &a, uint32_t i)
{
	Place p;
	const uint32_t channel = split_off(i, a.channels);
	int64_t positions = 1;
	p.counted = 1.0f;
#pragma unroll
	for (int d = 0; d < kSpatial; d++) {
		const PoolAxis &axis = a.axis[d];
		const int32_t start = static_cast<int32_t>(split_off(i, axis.output)) * axis.stride - axis.begin;
		p.taps[d] = taps_within(axis, start, 0, axis.input);
		p.counted *= count(a.count_padding ? taps_within(axis, start, -axis.begin, axis.input + axis.end) : p.taps[d]);
		positions *= axis.input;
	}
	p.plane = i * positions * a.channels.divisor + channel;
	return p;
}

template <typename T, int Count, template <typename, int> class Reduction> INLINE void pool(const PoolArguments &a)
{
	const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= a.packs)
		return;
	const Place p = place_of(a, i);
	const T *x = static_cast<const T *>(a.x) + p.plane * Count;
	const int64_t step = static_cast<int64_t>(a.channels.divisor) * Count; // from one position to the next
	const PoolAxis &width = a.axis[0], &height = a.axis[1], &depth = a.axis[2];
	Reduction<T, Count> reduction;
	reduction.begin();
	for (int32_t kd = p.taps[2].first; kd < p.taps[2].last; kd++) {
		for (int32_t kh = p.taps[1].first; kh < p.taps[1].last; kh++) {
			const int64_t plane = p.taps[2].start + kd * depth.dilation;
			const int64_t row = (plane * height.input + p.taps[1].start + kh * height.dilation) * width.input + p.taps[0].start;
#pragma unroll 4
			for (int32_t kw = p.taps[0].first; kw < p.taps[0].last; kw++)
				reduction.add(load<T, Count>(x + (row + kw * width.dilation) * step));
		}
	}
	Pack<T, Count> pack;
#pragma unroll
	for (int k = 0; k < Count; k++)
		pack.at[k] = from_float<T>(reduction.end(k, p.counted));
	store<T, Count>(static_cast<T *>(a.y) + static_cast<int64_t>(i) * Count, pack);
}

// Maxima of planes with one channel, and where they lie. Of equal ones the first counts; of several NaN the last.
template <typename T> INLINE void pool_with_positions(const PoolArguments &a)
{
	const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= a.packs)
		return;
	const Place p = place_of(a, i);
	const T *x = static_cast<const T *>(a.x) + p.plane;
	const PoolAxis &width = a.axis[0], &height = a.axis[1], &depth = a.axis[2];
	float best = Maximum::identity();
	int64_t position = -1;
	for (int32_t kd = p.taps[2].first; kd < p.taps[2].last; kd++) {
		for (int32_t kh = p.taps[1].first; kh < p.taps[1].last; kh++) {
			for (int32_t kw = p.taps[0].first; kw < p.taps[0].last; kw++) {
				const int64_t d = p.taps[2].start + kd * depth.dilation, h = p.taps[1].start + kh * height.dilation,
							  w = p.taps[0].start + kw * width.dilation;
				const float value = to_float(x[(d * height.input + h) * width.input + w]);
				if (position < 0 || value > best || value != value) {
					best = value;
					position = p.plane + (a.column_major ? (w * height.input + h) * depth.input + d : (d * height.input + h) * width.input + w);
				}
			}
		}
	}
	static_cast<T *>(a.y)[i] = from_float<T>(best);
	a.positions[i] = position;
}

KERNEL(max_pool_f32, PoolArguments, 256) { pool<float, 4, MaximumOfTaps>(arguments); }
KERNEL(max_pool_f16, PoolArguments, 256) { pool<half_t, 8, MaximumOfTaps>(arguments); }
KERNEL(max_pool_bf16, PoolArguments, 256) { pool<bfloat_t, 8, MaximumOfTaps>(arguments); }
KERNEL(max_pool_i8, PoolArguments, 256) { pool<int8_t, 16, MaximumOfTaps>(arguments); }
KERNEL(max_pool_u8, PoolArguments, 256) { pool<uint8_t, 16, MaximumOfTaps>(arguments); }
KERNEL(max_pool_one_f32, PoolArguments, 256) { pool<float, 1, MaximumOfTaps>(arguments); }
KERNEL(max_pool_one_f16, PoolArguments, 256) { pool<half_t, 1, MaximumOfTaps>(arguments); }
KERNEL(max_pool_one_bf16, PoolArguments, 256) { pool<bfloat_t, 1, MaximumOfTaps>(arguments); }
KERNEL(max_pool_one_i8, PoolArguments, 256) { pool<int8_t, 1, MaximumOfTaps>(arguments); }
KERNEL(max_pool_one_u8, PoolArguments, 256) { pool<uint8_t, 1, MaximumOfTaps>(arguments); }
KERNEL(max_pool_positions_f32, PoolArguments, 256) { pool_with_positions<float>(arguments); }
KERNEL(max_pool_positions_f16, PoolArguments, 256) { pool_with_positions<half_t>(arguments); }
KERNEL(max_pool_positions_bf16, PoolArguments, 256) { pool_with_positions<bfloat_t>(arguments); }
KERNEL(max_pool_positions_i8, PoolArguments, 256) { pool_with_positions<int8_t>(arguments); }
KERNEL(max_pool_positions_u8, PoolArguments, 256) { pool_with_positions<uint8_t>(arguments); }
KERNEL(average_pool_f32, PoolArguments, 256) { pool<float, 4, AverageOfTaps>(arguments); }
KERNEL(average_pool_f16, PoolArguments, 256) { pool<half_t, 8, AverageOfTaps>(arguments); }
KERNEL(average_pool_bf16, PoolArguments, 256) { pool<bfloat_t, 8, AverageOfTaps>(arguments); }
KERNEL(average_pool_one_f32, PoolArguments, 256) { pool<float, 1, AverageOfTaps>(arguments); }
KERNEL(average_pool_one_f16, PoolArguments, 256) { pool<half_t, 1, AverageOfTaps>(arguments); }
KERNEL(average_pool_one_bf16, PoolArguments, 256) { pool<bfloat_t, 1, AverageOfTaps>(arguments); }

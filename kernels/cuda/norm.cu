// Normalisation of rows by mean and variance (LayerNormalization, with a residual added first, InstanceNormalization, GroupNormalization) or by the root of
// their mean square (RMSNormalization).
//
// Bound by memory: x (and the residual) are read once, y (and the sum) written once, where a row fits into the registers of its threads, which are (a part of) a
// warp for short rows and a block for longer ones; rows beyond that are read three times, from the second-level cache as a rule. The variance is that of differences
// from the mean, in a second pass over registers, because a sum of squares cancels where the mean is large (Chan, Golub and LeVeque, "Algorithms for
// computing the sample variance", 1983). Sums are in float; their order depends on the width only.
#include "division.cuh"
#include "reduce.cuh"

struct NormArguments {
	const void *x, *residual, *scale, *bias; // the residual and the bias may be absent
	void *y, *sum;                           // the sum, x + residual, may be absent
	float *mean, *inverse;                   // of each row; may be absent
	int64_t rows, width;
	float epsilon;
	int32_t root_mean_square;
	int32_t lanes;   // threads of a row: a power of two up to a warp, or the block
	int32_t aligned; // rows begin at multiples of 16 bytes in all operands
	// Where groups is not zero, scale and bias belong to channels: row r is group r % groups, of some channels, each of `plane` elements.
	int32_t groups, channels;
	Divisor plane;
	int32_t unused;
};

// Elements of a row that a thread keeps in registers, and threads of a block that does, of which there are few enough that nothing spills.
constexpr int kNormKept = 32, kNormThreads = 512;

// Positions in a row are of type Index, which is as small as the kernel's rows allow.
template <typename T, typename Index> INLINE void load_part(float (&to)[kWide<T>], const T *row, Index at, Index width, bool aligned)
{
	constexpr int kCount = kWide<T>;
	if (aligned && at + kCount <= width) {
		const Pack<T, kCount> pack = load<T, kCount>(row + at);
#pragma unroll
		for (int i = 0; i < kCount; i++)
			to[i] = to_float(pack.at[i]);
	} else {
#pragma unroll
		for (int i = 0; i < kCount; i++)
			to[i] = at + i < width ? to_float(row[at + i]) : 0.0f;
	}
}

template <typename T, typename Index> INLINE void store_part(T *row, Index at, Index width, bool aligned, const float (&from)[kWide<T>])
{
	constexpr int kCount = kWide<T>;
	Pack<T, kCount> pack;
#pragma unroll
	for (int i = 0; i < kCount; i++)
		pack.at[i] = from_float<T>(from[i]);
	if (aligned && at + kCount <= width) {
		store<T, kCount>(row + at, pack);
	} else {
#pragma unroll
		for (int i = 0; i < kCount; i++)
			if (at + i < width)
				row[at + i] = pack.at[i];
	}
}

// A part of a row of x + residual.
template <typename T, typename Index> INLINE void load_summed(float (&to)[kWide<T>], const NormArguments &a, int64_t row, Index at, Index width)
{
	load_part(to, static_cast<const T *>(a.x) + row * a.width, at, width, a.aligned);
	if (a.residual == nullptr)
		return;
	float other[kWide<T>];
	load_part(other, static_cast<const T *>(a.residual) + row * a.width, at, width, a.aligned);
#pragma unroll
	for (int i = 0; i < kWide<T>; i++)
		to[i] += other[i];
}

// Scale or bias of a part of a row.
template <typename T, typename Index>
INLINE void load_parameters(float (&to)[kWide<T>], const NormArguments &a, const void *parameters, int64_t row, Index at, Index width)
{
	const T *p = static_cast<const T *>(parameters);
	if (a.groups == 0) {
		load_part(to, p, at, width, a.aligned);
		return;
	}
	p += row % a.groups * a.channels;
#pragma unroll
	for (int i = 0; i < kWide<T>; i++)
		to[i] = at + i < width ? to_float(p[quotient(static_cast<uint32_t>(at + i), a.plane)]) : 0.0f;
}

// Writes a part of a row, of which the values, their mean and the factor are known.
template <typename T, typename Index>
INLINE void finish_part(const NormArguments &a, int64_t row, Index at, Index width, const float (&values)[kWide<T>], float mean, float inverse)
{
	float scale[kWide<T>], bias[kWide<T>] = {}, result[kWide<T>];
	load_parameters<T>(scale, a, a.scale, row, at, width);
	if (a.bias != nullptr)
		load_parameters<T>(bias, a, a.bias, row, at, width);
#pragma unroll
	for (int i = 0; i < kWide<T>; i++)
		result[i] = fmaf((values[i] - mean) * inverse, scale[i], bias[i]);
	store_part(static_cast<T *>(a.y) + row * a.width, at, width, a.aligned, result);
	if (a.sum != nullptr)
		store_part(static_cast<T *>(a.sum) + row * a.width, at, width, a.aligned, values);
}

INLINE void store_statistics(const NormArguments &a, int64_t row, int lane, float mean, float inverse)
{
	if (lane != 0)
		return;
	if (a.mean != nullptr)
		a.mean[row] = mean;
	if (a.inverse != nullptr)
		a.inverse[row] = inverse;
}

// The elements of a part that belong to the row, as sums of differences from the mean, squared or not.
template <int Count, typename Index> INLINE float sum_part(const float (&values)[Count], Index at, Index width)
{
	float sum = 0.0f;
#pragma unroll
	for (int i = 0; i < Count; i++)
		sum += at + i < width ? values[i] : 0.0f;
	return sum;
}

template <int Count, typename Index> INLINE float square_part(const float (&values)[Count], float mean, Index at, Index width)
{
	float sum = 0.0f;
#pragma unroll
	for (int i = 0; i < Count; i++) {
		const float difference = at + i < width ? values[i] - mean : 0.0f;
		sum = fmaf(difference, difference, sum);
	}
	return sum;
}

template <typename T> INLINE void norm_kept(const NormArguments &a)
{
	__shared__ float partial[kWarp];
	constexpr int kCount = kWide<T>, kParts = kNormKept / kCount;
	const int lane = static_cast<int>(threadIdx.x) % a.lanes;
	const int64_t row = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / a.lanes;
	// A row behind the last one has no elements; its lanes take part in the shuffles of their warp.
	const int width = row < a.rows ? static_cast<int>(a.width) : 0;
	float kept[kParts][kCount];
	float sum = 0.0f, squares = 0.0f;
#pragma unroll
	for (int k = 0; k < kParts; k++) {
		const int at = (lane + k * a.lanes) * kCount;
		if (at < width)
			load_summed<T>(kept[k], a, row, at, width);
	}
#pragma unroll
	for (int k = 0; k < kParts; k++) {
		const int at = (lane + k * a.lanes) * kCount;
		if (at < width)
			sum += sum_part(kept[k], at, width);
	}
	const float mean = a.root_mean_square ? 0.0f : reduce_lanes<Sum>(sum, a.lanes, partial) / static_cast<float>(a.width);
#pragma unroll
	for (int k = 0; k < kParts; k++) {
		const int at = (lane + k * a.lanes) * kCount;
		if (at < width)
			squares += square_part(kept[k], mean, at, width);
	}
	const float inverse = 1.0f / sqrtf(reduce_lanes<Sum>(squares, a.lanes, partial) / static_cast<float>(a.width) + a.epsilon);
#pragma unroll
	for (int k = 0; k < kParts; k++) {
		const int at = (lane + k * a.lanes) * kCount;
		if (at < width)
			finish_part<T>(a, row, at, width, kept[k], mean, inverse);
	}
	if (row < a.rows)
		store_statistics(a, row, lane, mean, inverse);
}

// Rows of any width, one a block.
template <typename T> INLINE void norm_long(const NormArguments &a)
{
	__shared__ float partial[kWarp];
	constexpr int kCount = kWide<T>;
	const int64_t row = blockIdx.x, first = static_cast<int64_t>(threadIdx.x) * kCount, step = static_cast<int64_t>(blockDim.x) * kCount;
	float part[kCount], sum = 0.0f, squares = 0.0f;
	if (!a.root_mean_square)
		for (int64_t at = first; at < a.width; at += step) {
			load_summed<T>(part, a, row, at, a.width);
			sum += sum_part(part, at, a.width);
		}
	const float mean = reduce_block<Sum>(sum, partial) / static_cast<float>(a.width);
	for (int64_t at = first; at < a.width; at += step) {
		load_summed<T>(part, a, row, at, a.width);
		squares += square_part(part, mean, at, a.width);
	}
	const float inverse = 1.0f / sqrtf(reduce_block<Sum>(squares, partial) / static_cast<float>(a.width) + a.epsilon);
	for (int64_t at = first; at < a.width; at += step) {
		load_summed<T>(part, a, row, at, a.width);
		finish_part<T>(a, row, at, a.width, part, mean, inverse);
	}
	store_statistics(a, row, static_cast<int>(threadIdx.x), mean, inverse);
}

KERNEL(norm_kept_f32, NormArguments, kNormThreads) { norm_kept<float>(arguments); }
KERNEL(norm_kept_f16, NormArguments, kNormThreads) { norm_kept<half_t>(arguments); }
KERNEL(norm_kept_bf16, NormArguments, kNormThreads) { norm_kept<bfloat_t>(arguments); }
KERNEL(norm_long_f32, NormArguments, 1024) { norm_long<float>(arguments); }
KERNEL(norm_long_f16, NormArguments, 1024) { norm_long<half_t>(arguments); }
KERNEL(norm_long_bf16, NormArguments, 1024) { norm_long<bfloat_t>(arguments); }

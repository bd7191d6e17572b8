// Resize of up to three spatial axes: x of [outer, depth, height, width, channels] -> y of the same with other sizes. Channels-first tensors, which ONNX's are,
// have images times channels as outer positions, and one channel.
//
// Bound by memory: x is read once from device memory, y written once; what neighbours share comes from the caches. A thread makes one unit of y: of up to 16
// bytes for the nearest element, which only moves; a pack of channels or one element for linear interpolation, which sums in float.
#include "walk.cuh"

constexpr int kSpatial = 3;

// Position i of y lies at (i + shift) * multiplier / divisor + offset in x, which all of ONNX's coordinate transformations are. The order of the operations is
// the one that others compute in, because the nearest element depends on each bit.
struct ResizeAxis {
	Divisor output;
	int32_t input;
	float shift, multiplier, divisor, offset;
};

enum Nearest { kPreferFloor, kPreferCeiling, kFloor, kCeiling };

struct ResizeArguments {
	const void *x;
	void *y;
	ResizeAxis axis[kSpatial]; // innermost first
	Divisor channels;          // units of a position
	uint32_t units;            // of y
	int32_t nearest;
};

// The compiler may not fuse these to a multiply-add.
INLINE float position_in(const ResizeAxis &axis, uint32_t i)
{
	return __fadd_rn(__fmul_rn(static_cast<float>(i) + axis.shift, axis.multiplier) / axis.divisor, axis.offset);
}

INLINE int32_t clamped(float position, int32_t input) { return static_cast<int32_t>(fminf(fmaxf(position, 0.0f), static_cast<float>(input - 1))); }

INLINE int32_t nearest_to(float position, int32_t nearest)
{
	switch (nearest) {
	case kPreferFloor: return static_cast<int32_t>(ceilf(position - 0.5f));
	case kPreferCeiling: return static_cast<int32_t>(floorf(position + 0.5f));
	case kFloor: return static_cast<int32_t>(floorf(position));
	}
	return static_cast<int32_t>(ceilf(position));
}

template <typename Unit> INLINE void resize_nearest(const ResizeArguments &a)
{
	uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= a.units)
		return;
	Unit *y = static_cast<Unit *>(a.y) + i;
	int64_t from = split_off(i, a.channels), stride = a.channels.divisor;
#pragma unroll
	for (int d = 0; d < kSpatial; d++) {
		const ResizeAxis &axis = a.axis[d];
		const int32_t at = nearest_to(position_in(axis, split_off(i, axis.output)), a.nearest);
		from += min(max(at, 0), axis.input - 1) * stride;
		stride *= axis.input;
	}
	*y = static_cast<const Unit *>(a.x)[from + i * stride];
}

// The neighbours of a position along one axis, as offsets in x, and their weights.
struct Neighbours {
	int64_t at[2];
	float weight[2];
};

INLINE Neighbours neighbours_of(const ResizeAxis &axis, uint32_t i, int64_t stride)
{
	const float position = position_in(axis, i), low = floorf(position);
	Neighbours n;
	n.at[0] = clamped(low, axis.input) * stride;
	n.at[1] = clamped(low + 1.0f, axis.input) * stride;
	n.weight[1] = position - low;
	n.weight[0] = 1.0f - n.weight[1];
	return n;
}

template <typename T, int Count> INLINE void resize_linear(const ResizeArguments &a)
{
	uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= a.units)
		return;
	T *y = static_cast<T *>(a.y) + static_cast<int64_t>(i) * Count;
	const uint32_t channel = split_off(i, a.channels);
	int64_t stride = static_cast<int64_t>(a.channels.divisor) * Count;
	Neighbours n[kSpatial];
#pragma unroll
	for (int d = 0; d < kSpatial; d++) {
		n[d] = neighbours_of(a.axis[d], split_off(i, a.axis[d].output), stride);
		stride *= a.axis[d].input;
	}
	const T *x = static_cast<const T *>(a.x) + i * stride + channel * Count;
	float sum[Count] = {};
#pragma unroll
	for (int corner = 0; corner < 1 << kSpatial; corner++) {
		const int w = corner & 1, h = corner >> 1 & 1, d = corner >> 2;
		const float weight = n[0].weight[w] * n[1].weight[h] * n[2].weight[d];
		if (weight == 0.0f)
			continue; // also what lies there, which may not be finite
		const Pack<T, Count> pack = load<T, Count>(x + n[0].at[w] + n[1].at[h] + n[2].at[d]);
#pragma unroll
		for (int k = 0; k < Count; k++)
			sum[k] += weight * to_float(pack.at[k]);
	}
	Pack<T, Count> pack;
#pragma unroll
	for (int k = 0; k < Count; k++)
		pack.at[k] = from_float<T>(sum[k]);
	store<T, Count>(y, pack);
}

KERNEL(resize_nearest_1, ResizeArguments, 256) { resize_nearest<uint8_t>(arguments); }
KERNEL(resize_nearest_2, ResizeArguments, 256) { resize_nearest<uint16_t>(arguments); }
KERNEL(resize_nearest_4, ResizeArguments, 256) { resize_nearest<uint32_t>(arguments); }
KERNEL(resize_nearest_8, ResizeArguments, 256) { resize_nearest<uint2>(arguments); }
KERNEL(resize_nearest_16, ResizeArguments, 256) { resize_nearest<uint4>(arguments); }
KERNEL(resize_linear_f32, ResizeArguments, 256) { resize_linear<float, 4>(arguments); }
KERNEL(resize_linear_f16, ResizeArguments, 256) { resize_linear<half_t, 8>(arguments); }
KERNEL(resize_linear_bf16, ResizeArguments, 256) { resize_linear<bfloat_t, 8>(arguments); }
KERNEL(resize_linear_one_f32, ResizeArguments, 256) { resize_linear<float, 1>(arguments); }
KERNEL(resize_linear_one_f16, ResizeArguments, 256) { resize_linear<half_t, 1>(arguments); }
KERNEL(resize_linear_one_bf16, ResizeArguments, 256) { resize_linear<bfloat_t, 1>(arguments); }

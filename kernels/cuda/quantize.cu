// QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear: y = saturate(round(x / scale) + zero), x = (y - zero) * scale, with one scale and zero point for
// the tensor or one for each position of an axis.
//
// Bound by memory: each element is read once and written once; the dynamic form reads x twice. A thread takes 16 elements, a pack of the narrow type, where
// they share a scale or have consecutive ones. Rounding is to the nearest, ties to even. The dynamic form takes two launches: partial extremes of a block
// each, then every block finds the scale from all of them anew, which costs less than a third launch.
#include "reduce.cuh"
#include "walk.cuh"

struct QuantizeArguments {
	const void *x, *scale, *zero; // zero is absent where it is 0
	void *y;
	Divisor packs_of_scale, scales; // consecutive packs that share a scale, and how many scales there are
	int32_t step;                   // 1 where each element of a pack has its own scale, 0 where they share one
	uint32_t packs;
};

// Elements of a pack move in loads of at most 16 bytes.
template <typename T, int Count> struct Elements {
	static constexpr int kOne = Count < kWide<T> ? Count : kWide<T>;
	Pack<T, kOne> part[Count / kOne];

	__device__ __forceinline__ void read(const T *p)
	{
#pragma unroll
		for (int i = 0; i < Count / kOne; i++)
			part[i] = load<T, kOne>(p + i * kOne);
	}
	__device__ __forceinline__ void write(T *p) const
	{
#pragma unroll
		for (int i = 0; i < Count / kOne; i++)
			store<T, kOne>(p + i * kOne, part[i]);
	}
	__device__ __forceinline__ T &operator[](int i) { return part[i / kOne].at[i % kOne]; }
};

// Rounds and saturates in float, where all values of the narrow types are exact; what is beyond them by far stays so.
template <typename Q> INLINE Q quantized(float x, float zero)
{
	constexpr float least = kSame<Q, int8_t> ? -128.0f : 0.0f, greatest = kSame<Q, int8_t> ? 127.0f : 255.0f;
	const float value = fminf(fmaxf(rintf(x) + zero, least), greatest); // NaN becomes the least
	return static_cast<Q>(static_cast<int32_t>(value));
}

INLINE uint32_t scale_of(const QuantizeArguments &a, uint32_t pack)
{
	uint32_t i = quotient(pack, a.packs_of_scale);
	return split_off(i, a.scales);
}

template <typename T, typename Q, int Count> INLINE void quantize(const QuantizeArguments &a)
{
	const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= a.packs)
		return;
	const T *scale = static_cast<const T *>(a.scale);
	const Q *zero = static_cast<const Q *>(a.zero);
	// With several scales in a pack, packs count positions of the axis.
	const uint32_t first = a.step ? scale_of(a, i) * Count : scale_of(a, i);
	Elements<T, Count> x;
	Elements<Q, Count> y;
	x.read(static_cast<const T *>(a.x) + static_cast<int64_t>(i) * Count);
	float by = to_float(scale[first]), shift = zero ? to_float(zero[first]) : 0.0f;
#pragma unroll
	for (int k = 0; k < Count; k++) {
		if (k > 0 && a.step) {
			by = to_float(scale[first + k]);
			shift = zero ? to_float(zero[first + k]) : 0.0f;
		}
		y[k] = quantized<Q>(to_float(x[k]) / by, shift);
	}
	y.write(static_cast<Q *>(a.y) + static_cast<int64_t>(i) * Count);
}

// The difference of 32-bit integers is taken as such: float would lose its digits before they cancel.
template <typename T, typename Q, int Count> INLINE void dequantize(const QuantizeArguments &a)
{
	const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i >= a.packs)
		return;
	const T *scale = static_cast<const T *>(a.scale);
	const Q *zero = static_cast<const Q *>(a.zero);
	const uint32_t first = a.step ? scale_of(a, i) * Count : scale_of(a, i);
	Elements<Q, Count> x;
	Elements<T, Count> y;
	x.read(static_cast<const Q *>(a.x) + static_cast<int64_t>(i) * Count);
	float by = to_float(scale[first]);
	uint32_t shift = zero ? static_cast<uint32_t>(zero[first]) : 0u;
#pragma unroll
	for (int k = 0; k < Count; k++) {
		if (k > 0 && a.step) {
			by = to_float(scale[first + k]);
			shift = zero ? static_cast<uint32_t>(zero[first + k]) : 0u;
		}
		y[k] = from_float<T>(static_cast<float>(static_cast<int32_t>(static_cast<uint32_t>(x[k]) - shift)) * by);
	}
	y.write(static_cast<T *>(a.y) + static_cast<int64_t>(i) * Count);
}

struct DynamicQuantizeArguments {
	const float *x;
	float *partial; // the least, then the greatest, of each block of the first launch
	uint8_t *y;
	float *scale;
	uint8_t *zero;
	int64_t count;
	int32_t blocks, wide; // wide: x and y may be read and written in packs
};

constexpr int kDynamic = 16; // elements of a thread at a time

// Calls use(first, length) for the stretches of elements that are the thread's.
template <typename Use> INLINE void for_each_stretch(const DynamicQuantizeArguments &a, Use use)
{
	const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
	for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kDynamic; i < a.count; i += threads * kDynamic)
		use(i, static_cast<int>(a.count - i < kDynamic ? a.count - i : kDynamic));
}

KERNEL(quantize_extremes, DynamicQuantizeArguments, 256)
{
	__shared__ float partial[kWarp];
	float least = 0.0f, greatest = 0.0f; // the range has to include 0
	for_each_stretch(arguments, [&](int64_t first, int length) {
		if (length == kDynamic && arguments.wide) {
			Elements<float, kDynamic> x;
			x.read(arguments.x + first);
#pragma unroll
			for (int k = 0; k < kDynamic; k++) {
				least = Minimum::join(least, x[k]);
				greatest = Maximum::join(greatest, x[k]);
			}
			return;
		}
		for (int k = 0; k < length; k++) {
			least = Minimum::join(least, arguments.x[first + k]);
			greatest = Maximum::join(greatest, arguments.x[first + k]);
		}
	});
	least = reduce_block<Minimum>(least, partial);
	greatest = reduce_block<Maximum>(greatest, partial);
	if (threadIdx.x == 0) {
		arguments.partial[blockIdx.x] = least;
		arguments.partial[arguments.blocks + blockIdx.x] = greatest;
	}
}

KERNEL(quantize_dynamic, DynamicQuantizeArguments, 256)
{
	__shared__ float partial[kWarp];
	float least = 0.0f, greatest = 0.0f;
	for (int i = threadIdx.x; i < arguments.blocks; i += blockDim.x) {
		least = Minimum::join(least, arguments.partial[i]);
		greatest = Maximum::join(greatest, arguments.partial[arguments.blocks + i]);
	}
	least = reduce_block<Minimum>(least, partial);
	greatest = reduce_block<Maximum>(greatest, partial);
	const float scale = greatest == least ? 1.0f : (greatest - least) / 255.0f;
	const float zero = to_float(quantized<uint8_t>(-least / scale, 0.0f));
	if (blockIdx.x == 0 && threadIdx.x == 0) {
		*arguments.scale = scale;
		*arguments.zero = static_cast<uint8_t>(zero);
	}
	for_each_stretch(arguments, [&](int64_t first, int length) {
		if (length == kDynamic && arguments.wide) {
			Elements<float, kDynamic> x;
			Elements<uint8_t, kDynamic> y;
			x.read(arguments.x + first);
#pragma unroll
			for (int k = 0; k < kDynamic; k++)
				y[k] = quantized<uint8_t>(x[k] / scale, zero);
			y.write(arguments.y + first);
			return;
		}
		for (int k = 0; k < length; k++)
			arguments.y[first + k] = quantized<uint8_t>(arguments.x[first + k] / scale, zero);
	});
}

KERNEL(quantize_f32_i8, QuantizeArguments, 256) { quantize<float, int8_t, 16>(arguments); }
KERNEL(quantize_f32_u8, QuantizeArguments, 256) { quantize<float, uint8_t, 16>(arguments); }
KERNEL(quantize_f16_i8, QuantizeArguments, 256) { quantize<half_t, int8_t, 16>(arguments); }
KERNEL(quantize_f16_u8, QuantizeArguments, 256) { quantize<half_t, uint8_t, 16>(arguments); }
KERNEL(quantize_bf16_i8, QuantizeArguments, 256) { quantize<bfloat_t, int8_t, 16>(arguments); }
KERNEL(quantize_bf16_u8, QuantizeArguments, 256) { quantize<bfloat_t, uint8_t, 16>(arguments); }
KERNEL(quantize_one_f32_i8, QuantizeArguments, 256) { quantize<float, int8_t, 1>(arguments); }
KERNEL(quantize_one_f32_u8, QuantizeArguments, 256) { quantize<float, uint8_t, 1>(arguments); }
KERNEL(quantize_one_f16_i8, QuantizeArguments, 256) { quantize<half_t, int8_t, 1>(arguments); }
KERNEL(quantize_one_f16_u8, QuantizeArguments, 256) { quantize<half_t, uint8_t, 1>(arguments); }
KERNEL(quantize_one_bf16_i8, QuantizeArguments, 256) { quantize<bfloat_t, int8_t, 1>(arguments); }
KERNEL(quantize_one_bf16_u8, QuantizeArguments, 256) { quantize<bfloat_t, uint8_t, 1>(arguments); }
KERNEL(dequantize_f32_i8, QuantizeArguments, 256) { dequantize<float, int8_t, 16>(arguments); }
KERNEL(dequantize_f32_u8, QuantizeArguments, 256) { dequantize<float, uint8_t, 16>(arguments); }
KERNEL(dequantize_f32_i32, QuantizeArguments, 256) { dequantize<float, int32_t, 16>(arguments); }
KERNEL(dequantize_f16_i8, QuantizeArguments, 256) { dequantize<half_t, int8_t, 16>(arguments); }
KERNEL(dequantize_f16_u8, QuantizeArguments, 256) { dequantize<half_t, uint8_t, 16>(arguments); }
KERNEL(dequantize_f16_i32, QuantizeArguments, 256) { dequantize<half_t, int32_t, 16>(arguments); }
KERNEL(dequantize_bf16_i8, QuantizeArguments, 256) { dequantize<bfloat_t, int8_t, 16>(arguments); }
KERNEL(dequantize_bf16_u8, QuantizeArguments, 256) { dequantize<bfloat_t, uint8_t, 16>(arguments); }
KERNEL(dequantize_bf16_i32, QuantizeArguments, 256) { dequantize<bfloat_t, int32_t, 16>(arguments); }
KERNEL(dequantize_one_f32_i8, QuantizeArguments, 256) { dequantize<float, int8_t, 1>(arguments); }
KERNEL(dequantize_one_f32_u8, QuantizeArguments, 256) { dequantize<float, uint8_t, 1>(arguments); }
KERNEL(dequantize_one_f32_i32, QuantizeArguments, 256) { dequantize<float, int32_t, 1>(arguments); }
KERNEL(dequantize_one_f16_i8, QuantizeArguments, 256) { dequantize<half_t, int8_t, 1>(arguments); }
KERNEL(dequantize_one_f16_u8, QuantizeArguments, 256) { dequantize<half_t, uint8_t, 1>(arguments); }
KERNEL(dequantize_one_f16_i32, QuantizeArguments, 256) { dequantize<half_t, int32_t, 1>(arguments); }
KERNEL(dequantize_one_bf16_i8, QuantizeArguments, 256) { dequantize<bfloat_t, int8_t, 1>(arguments); }
KERNEL(dequantize_one_bf16_u8, QuantizeArguments, 256) { dequantize<bfloat_t, uint8_t, 1>(arguments); }
KERNEL(dequantize_one_bf16_i32, QuantizeArguments, 256) { dequantize<bfloat_t, int32_t, 1>(arguments); }

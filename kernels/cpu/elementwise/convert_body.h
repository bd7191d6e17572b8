// Between memory of any element type and registers: the loads of inputs that are not used where they lie, and the store of an output
// that is not float32.
#include "integer_body.h"
#include "vector_bytes.h"

INLINE float float_from_half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fff;
	float value;
	if (magnitude >= 0x7c00) { // infinity or NaN
		uint32_t bits = 0x7f800000 | (magnitude & 0x3ff) << 13;
		memcpy(&value, &bits, 4);
	} else if (magnitude < 0x400) { // subnormal: an integer times 2^-24
		value = (float)magnitude * 5.9604644775390625e-8f;
	} else {
		uint32_t bits = (magnitude << 13) + (112u << 23);
		memcpy(&value, &bits, 4);
	}
	uint32_t bits;
	memcpy(&bits, &value, 4);
	bits |= sign;
	memcpy(&value, &bits, 4);
	return value;
}

// Rounds to nearest, ties to even.
INLINE uint16_t half_from_float(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, 4);
	uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
	if (magnitude > 0x7f800000)
		return (uint16_t)(sign | 0x7e00);
	if (magnitude >= 0x477ff000) // 65520 and above round to infinity
		return (uint16_t)(sign | 0x7c00);
	if (magnitude < 0x38800000) { // subnormal: adding 1/2 leaves the multiple of 2^-24 in the last bits of the sum
		float shifted;
		memcpy(&shifted, &magnitude, 4);
		shifted += 0.5f;
		memcpy(&bits, &shifted, 4);
		return (uint16_t)(sign | (bits - 0x3f000000));
	}
	uint32_t odd = magnitude >> 13 & 1;
	return (uint16_t)(sign | (magnitude - (112u << 23) + 0xfff + odd) >> 13);
}

// Bytes become floats on the way where nothing else reads them.
static void load_bytes(float *out, const char *source, int64_t stride, int64_t n, const bool is_signed)
{
	int64_t i = 0;
	if (stride == 1)
		for (; i < n; i += LANES) {
			const int count = n - i < LANES ? (int)(n - i) : LANES;
			vi bytes = count == LANES ? vi_load_8(source + i, is_signed) : vi_load_8_partial(source + i, count, is_signed);
			vf_store_partial(out + i, vf_from_vi(bytes), count);
		}
	for (; i < n; i++)
		out[i] = is_signed ? (float)*(const int8_t *)(source + i * stride) : (float)*(const uint8_t *)(source + i * stride);
}

// Registers of floats from n elements, `stride` bytes apart.
static void load_floats(float *out, const char *source, int64_t stride, int64_t n, int32_t type)
{
	if (type == INFERD_TYPE_FLOAT32) {
		if (stride == 0) {
			float value;
			memcpy(&value, source, 4);
			for (int64_t i = 0; i < n; i++)
				out[i] = value;
		} else if (stride == 4) {
			memcpy(out, source, (size_t)n * 4);
		} else {
			for (int64_t i = 0; i < n; i++)
				memcpy(out + i, source + i * stride, 4);
		}
	} else if (type == INFERD_TYPE_UINT8 || type == INFERD_TYPE_INT8) {
		load_bytes(out, source, stride, n, type == INFERD_TYPE_INT8);
	} else if (type == INFERD_TYPE_FLOAT16) {
		for (int64_t i = 0; i < n; i++) {
			uint16_t half;
			memcpy(&half, source + i * stride, 2);
			out[i] = float_from_half(half);
		}
	} else {
		for (int64_t i = 0; i < n; i++) {
			double value;
			memcpy(&value, source + i * stride, 8);
			out[i] = (float)value;
		}
	}
}

static void load_masks(int32_t *out, const char *source, int64_t stride, int64_t n)
{
	if (stride == 1) {
		for (int64_t i = 0; i < n; i++)
			out[i] = -(source[i] != 0);
	} else {
		for (int64_t i = 0; i < n; i++)
			out[i] = -(source[i * stride] != 0);
	}
}

INLINE int64_t load_integer(const char *source, int32_t type)
{
	int64_t value = 0;
	double real;
	switch (type) {
	case INFERD_TYPE_UINT8: case INFERD_TYPE_INT8: memcpy(&value, source, 1); break;
	case INFERD_TYPE_UINT16: case INFERD_TYPE_INT16: memcpy(&value, source, 2); break;
	case INFERD_TYPE_INT32: case INFERD_TYPE_UINT32: memcpy(&value, source, 4); break;
	case INFERD_TYPE_FLOAT64: memcpy(&real, source, 8); return _mm_cvttsd_si64(_mm_set_sd(real));
	default: memcpy(&value, source, 8); break;
	}
	return narrow(value, type);
}

INLINE void load_integers_of(int64_t *out, const char *source, int64_t stride, int64_t n, int32_t type)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = load_integer(source + i * stride, type);
}

static void load_integers(int64_t *out, const char *source, int64_t stride, int64_t n, int32_t type)
{
	if (type == INFERD_TYPE_INT64 && stride == 8)
		memcpy(out, source, (size_t)n * 8);
	else if (type == INFERD_TYPE_INT64)
		load_integers_of(out, source, stride, n, INFERD_TYPE_INT64);
	else if (type == INFERD_TYPE_INT32)
		load_integers_of(out, source, stride, n, INFERD_TYPE_INT32);
	else if (type == INFERD_TYPE_UINT8)
		load_integers_of(out, source, stride, n, INFERD_TYPE_UINT8);
	else
		load_integers_of(out, source, stride, n, type);
}

// Of whole numbers that a byte holds, of which `least` is the least; NaN becomes that.
static void store_bytes(char *out, const float *from, int64_t n, float least)
{
	for (int64_t i = 0; i < n; i += LANES) {
		const int count = n - i < LANES ? (int)(n - i) : LANES;
		vi whole = vi_from_vf(vf_max(vf_load_partial(from + i, count), vf_set(least)));
		if (count == LANES)
			vi_store_8(out + i, whole);
		else
			vi_store_8_partial(out + i, whole, count);
	}
}

static void store_floats(char *out, const float *from, int64_t n, int32_t type)
{
	if (type == INFERD_TYPE_UINT8 || type == INFERD_TYPE_INT8) {
		store_bytes(out, from, n, type == INFERD_TYPE_INT8 ? -128 : 0);
		return;
	}
	if (type == INFERD_TYPE_FLOAT32) {
		memcpy(out, from, (size_t)n * 4);
	} else if (type == INFERD_TYPE_FLOAT16) {
		for (int64_t i = 0; i < n; i++) {
			uint16_t half = half_from_float(from[i]);
			memcpy(out + i * 2, &half, 2);
		}
	} else {
		for (int64_t i = 0; i < n; i++) {
			double value = from[i];
			memcpy(out + i * 8, &value, 8);
		}
	}
}

static void store_masks(char *out, const int32_t *from, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = (char)(from[i] & 1);
}

// `size` and the conversion to double are compile-time constants.
INLINE void store_integers_of(char *out, const int64_t *from, int64_t n, size_t size, bool real)
{
	for (int64_t i = 0; i < n; i++) {
		double value = (double)from[i];
		memcpy(out + i * (int64_t)size, real ? (const void *)&value : (const void *)&from[i], size);
	}
}

static void store_integers(char *out, const int64_t *from, int64_t n, int32_t type)
{
	switch (type) {
	case INFERD_TYPE_UINT8: case INFERD_TYPE_INT8: store_integers_of(out, from, n, 1, false); break;
	case INFERD_TYPE_UINT16: case INFERD_TYPE_INT16: store_integers_of(out, from, n, 2, false); break;
	case INFERD_TYPE_INT32: case INFERD_TYPE_UINT32: store_integers_of(out, from, n, 4, false); break;
	case INFERD_TYPE_FLOAT64: store_integers_of(out, from, n, 8, true); break;
	default: store_integers_of(out, from, n, 8, false); break;
	}
}

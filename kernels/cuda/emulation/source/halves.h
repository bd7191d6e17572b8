// half_t and bfloat_t: storage with conversions, rounding to nearest, ties to even, as the hardware's cvt.rn does.
#ifndef INFERD_CUDA_HALVES_H
#define INFERD_CUDA_HALVES_H

#include <stdint.h>
#include <string.h>

struct half_t { uint16_t bits; };
struct bfloat_t { uint16_t bits; };
struct alignas(4) half2_t { half_t x, y; };
struct alignas(4) bfloat2_t { bfloat_t x, y; };

static inline float __bfloat162float(bfloat_t x)
{
	uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline bfloat_t __float2bfloat16(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	if (x != x)
		return {0x7fff};
	return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

static inline float __half2float(half_t x)
{
	uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000) << 16, exponent = x.bits >> 10 & 31, fraction = x.bits & 0x3ff, bits;
	float value;
	if (exponent == 0) { // zero or subnormal
		value = static_cast<float>(fraction) * 0x1p-24f;
		memcpy(&bits, &value, sizeof bits);
		bits |= sign;
	} else {
		bits = sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
	}
	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline half_t __float2half(float x)
{
	uint32_t bits;
	memcpy(&bits, &x, sizeof bits);
	uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
	bits &= 0x7fffffff;
	if (bits > 0x7f800000)
		return {0x7fff};
	if (bits >= 0x47800000 - 0x1000) // rounds to 65536 or more
		return {static_cast<uint16_t>(sign | 0x7c00)};
	if (bits < 0x38800000) { // subnormal: let the float addition round at the right place
		float magnitude;
		memcpy(&magnitude, &bits, sizeof magnitude);
		magnitude += 0.5f;
		memcpy(&bits, &magnitude, sizeof bits);
		return {static_cast<uint16_t>(sign | (bits - 0x3f000000))};
	}
	uint32_t odd = bits >> 13 & 1;
	return {static_cast<uint16_t>(sign | (bits - 0x38000000 + 0xfff + odd) >> 13)};
}

#endif

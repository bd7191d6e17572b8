// Integers of eight bits in memory, of 32 in registers: LANES of them at a time.
#ifndef INFERD_VECTOR_BYTES_H
#define INFERD_VECTOR_BYTES_H

#include <stdbool.h>

#include "vector.h"

#if defined(INFERD_ISA_AVX512) && !defined(INFERD_EMULATE_AVX512)

INLINE vi vi_load_8(const void *p, const bool is_signed)
{
	__m128i bytes = _mm_loadu_si128(p);
	return (vi)(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
}
INLINE vi vi_load_8_partial(const void *p, int n, const bool is_signed)
{
	__m128i bytes = _mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1u), p);
	return (vi)(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
}
INLINE void vi_store_8(void *p, vi v) { _mm_storeu_si128(p, _mm512_cvtepi32_epi8((__m512i)v)); }
INLINE void vi_store_8_partial(void *p, vi v, int n) { _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1u), _mm512_cvtepi32_epi8((__m512i)v)); }

#else

#if defined(INFERD_ISA_SCALAR)

INLINE vi vi_load_8(const void *p, const bool is_signed)
{
	int32_t bytes;
	memcpy(&bytes, p, sizeof bytes);
	// Each byte becomes the highest one of its lane, and the shift extends it.
	__m128i v = _mm_cvtsi32_si128(bytes), zero = _mm_setzero_si128();
	v = _mm_unpacklo_epi16(zero, _mm_unpacklo_epi8(zero, v));
	return (vi)(is_signed ? _mm_srai_epi32(v, 24) : _mm_srli_epi32(v, 24));
}
INLINE void vi_store_8(void *p, vi v)
{
	__m128i low = (__m128i)(v & vi_set(0xff));
	low = _mm_packs_epi32(low, low);
	int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(low, low));
	memcpy(p, &bytes, sizeof bytes);
}

#else

INLINE __m256i bytes_to_lanes(const void *p, const bool is_signed)
{
	__m128i bytes = _mm_loadl_epi64(p);
	return is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
}
INLINE void lanes_to_bytes(void *p, __m256i v)
{
	v = _mm256_and_si256(v, _mm256_set1_epi32(0xff));
	v = _mm256_packus_epi32(v, v);
	v = _mm256_packus_epi16(v, v);
	_mm_storel_epi64(p, _mm_unpacklo_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}
#if defined(INFERD_ISA_AVX2)
INLINE vi vi_load_8(const void *p, const bool is_signed) { return (vi)bytes_to_lanes(p, is_signed); }
INLINE void vi_store_8(void *p, vi v) { lanes_to_bytes(p, (__m256i)v); }
#else // SIMDe lacks the conversions
INLINE vi vi_load_8(const void *p, const bool is_signed)
{
	__m256i half[2] = {bytes_to_lanes(p, is_signed), bytes_to_lanes((const char *)p + 8, is_signed)};
	return vi_load(half);
}
INLINE void vi_store_8(void *p, vi v)
{
	__m256i half[2];
	memcpy(half, &v, sizeof v);
	lanes_to_bytes(p, half[0]);
	lanes_to_bytes((char *)p + 8, half[1]);
}
#endif
#endif

// The first n lanes, 0 <= n <= LANES; nothing beyond them is touched, and the other lanes of a load are zero.
INLINE vi vi_load_8_partial(const void *p, int n, const bool is_signed)
{
	char bytes[LANES] = {0};
	memcpy(bytes, p, (size_t)n);
	return vi_load_8(bytes, is_signed);
}
INLINE void vi_store_8_partial(void *p, vi v, int n)
{
	char bytes[LANES];
	vi_store_8(bytes, v);
	memcpy(p, bytes, (size_t)n);
}

#endif

// LANES floats as integers of the type's range, from least to least + 255: x / scale is rounded to nearest, ties to even, and the zero point is added; NaN
// becomes the least. The division and the conversions are exact to the bit on every instruction set.
INLINE vi vi_quantize(vf x, vf scale, vi zero, int32_t least)
{
	vf low = vf_from_vi(vi_set(least) - zero);
	return vi_from_vf(vf_min(vf_max(x / scale, low), low + vf_set(255.0f))) + zero;
}

#endif

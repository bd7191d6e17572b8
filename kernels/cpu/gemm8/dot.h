// What a lane multiplies at once: GROUP neighbouring elements of a row of A with as many of a column of B, added to a 32-bit sum, exactly;
// the sum wraps.
//
// With VNNI these are four bytes, A's unsigned and B's signed. Without it they are two numbers of 16 bits: the one instruction that multiplies bytes
// saturates its sums of two products to 16 bits. A is widened when its rows are staged, B when it is loaded.
#ifndef INFERD_GEMM8_DOT_H
#define INFERD_GEMM8_DOT_H

#include "gemm8.h"
#include "vector_bytes.h"

#if defined(INFERD_ISA_AVX512_VNNI)

enum { GROUP = INFERD_GEMM8_GROUP_VNNI, WIDENED = 0 };

INLINE vi dot_load(const int8_t *b) { return vi_load(b); }
INLINE vi dot(vi sum, vi a, vi b) { return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b); }
INLINE vi dot_ones(void) { return vi_set(0x01010101); }

#else

enum { GROUP = INFERD_GEMM8_GROUP, WIDENED = 1 };

INLINE vi dot_ones(void) { return vi_set(0x00010001); }

#if defined(INFERD_ISA_AVX512) && defined(INFERD_EMULATE_AVX512) // SIMDe lacks them
INLINE vi dot_load(const int8_t *b)
{
	__m256i half[2] = {_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)b)), _mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(b + 16)))};
	return vi_load(half);
}
INLINE vi dot(vi sum, vi a, vi b)
{
	__m256i x[2], y[2];
	memcpy(x, &a, sizeof a);
	memcpy(y, &b, sizeof b);
	__m256i half[2] = {_mm256_madd_epi16(x[0], y[0]), _mm256_madd_epi16(x[1], y[1])};
	return (vi)((vu)sum + (vu)vi_load(half));
}
#elif defined(INFERD_ISA_AVX512)
INLINE vi dot_load(const int8_t *b) { return (vi)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)b)); }
INLINE vi dot(vi sum, vi a, vi b) { return (vi)((vu)sum + (vu)_mm512_madd_epi16((__m512i)a, (__m512i)b)); }
#elif defined(INFERD_ISA_AVX2)
INLINE vi dot_load(const int8_t *b) { return (vi)_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)b)); }
INLINE vi dot(vi sum, vi a, vi b) { return (vi)((vu)sum + (vu)_mm256_madd_epi16((__m256i)a, (__m256i)b)); }
#else
INLINE vi dot_load(const int8_t *b)
{
	__m128i bytes = _mm_loadl_epi64((const void *)b);
	return (vi)_mm_srai_epi16(_mm_unpacklo_epi8(bytes, bytes), 8);
}
INLINE vi dot(vi sum, vi a, vi b) { return (vi)((vu)sum + (vu)_mm_madd_epi16((__m128i)a, (__m128i)b)); }
#endif
#endif

#endif

// One vocabulary for SIMD, so that a kernel has one readable body and three variants.
//
// A variant is a .c file of four lines:
//
//     #define INFERD_ISA_AVX2          // or INFERD_ISA_AVX512, INFERD_ISA_SCALAR
//     #include "vector.h"
//     #include "softmax_f32_body.h"
//     #include "vector_end.h"
//
// vector.h switches the compiler to that instruction set for the rest of the file, defines LANES, the types vf (LANES
// floats) and vi (LANES int32), the operations below, and INFERD_NAME(x), which appends _scalar, _avx2 or _avx512.
// + - * / and comparisons work on vf and vi by the compilers' vector extensions; a comparison gives a vi mask of 0 and -1.
//
// "scalar" is the baseline that every x86-64 processor runs: four lanes of plain C, no instruction beyond SSE2.
// Multiply-add is fused where the instruction set has it and never contracted by the compiler, so that one element's result
// does not depend on which tile, tail or batch it was computed in. cgo refuses -ffp-contract; gcc's -std=c11 implies it.
#ifndef INFERD_VECTOR_H
#define INFERD_VECTOR_H

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif !defined(__STRICT_ANSI__)
#error "compile kernels with -std=c11 (#cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.), or gcc contracts a * b + c"
#endif

#if defined(INFERD_ISA_AVX512_VNNI) // AVX-512 with dot products of bytes; kernels of integers have this variant besides
#define INFERD_ISA_AVX512
#define INFERD_SUFFIX avx512_vnni
#define INFERD_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,bmi,bmi2,popcnt,f16c"
#define LANES 16
#elif defined(INFERD_ISA_AVX512)
#define INFERD_SUFFIX avx512
#define INFERD_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi,bmi2,popcnt,f16c"
#define LANES 16
#elif defined(INFERD_ISA_AVX2)
#define INFERD_SUFFIX avx2
#define INFERD_TARGET "avx2,fma,bmi,bmi2,popcnt,f16c"
#define LANES 8
#elif defined(INFERD_ISA_SCALAR)
#define INFERD_SUFFIX scalar
#define LANES 4
#else
#error "define INFERD_ISA_SCALAR, INFERD_ISA_AVX2 or INFERD_ISA_AVX512 before including vector.h"
#endif

#define INFERD_PASTE_(a, b) a##_##b
#define INFERD_PASTE(a, b) INFERD_PASTE_(a, b)
#define INFERD_NAME(name) INFERD_PASTE(name, INFERD_SUFFIX)

// The target has to be set before <immintrin.h>. INFERD_EMULATE_AVX512 (tests only, build tag avx512emu) runs the AVX-512
// bodies on a host without AVX-512 through SIMDe.
#if defined(INFERD_ISA_AVX512) && defined(INFERD_EMULATE_AVX512)
#define SIMDE_ENABLE_NATIVE_ALIASES
#pragma GCC target("avx2,fma,bmi,bmi2,popcnt,f16c")
#include <simde/x86/avx512.h>
#include <simde/x86/fma.h>
#elif defined(INFERD_TARGET)
#define INFERD_PRAGMA_(text) _Pragma(#text)
#define INFERD_PRAGMA(text) INFERD_PRAGMA_(text)
#if defined(__clang__)
INFERD_PRAGMA(clang attribute push(__attribute__((target(INFERD_TARGET))), apply_to = function))
#else
INFERD_PRAGMA(GCC target(INFERD_TARGET))
#endif
#include <immintrin.h>
#else
#include <emmintrin.h>
#endif

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));

#define INLINE static inline __attribute__((always_inline, unused))

INLINE vf vf_load(const void *p) { vf v; memcpy(&v, p, sizeof v); return v; }
INLINE void vf_store(void *p, vf v) { memcpy(p, &v, sizeof v); }
INLINE vi vi_load(const void *p) { vi v; memcpy(&v, p, sizeof v); return v; }
INLINE void vi_store(void *p, vi v) { memcpy(p, &v, sizeof v); }
INLINE vf vf_set(float x) { return x - (vf){0}; }
INLINE vi vi_set(int32_t x) { return x - (vi){0}; }
INLINE vf vf_zero(void) { return (vf){0}; }
INLINE vf vf_bits(vi v) { return (vf)v; }
INLINE vi vi_bits(vf v) { return (vi)v; }
// Lane by lane mask ? a : b, the mask being 0 or -1 in each lane.
INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
INLINE vi vi_select(vi mask, vi a, vi b) { return (mask & a) | (~mask & b); }
INLINE vf vf_abs(vf v) { return (vf)((vi)v & vi_set(0x7fffffff)); }

#if defined(INFERD_ISA_AVX512)

INLINE vf vf_fma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
// As the instruction: where an operand is NaN, the second one is returned.
INLINE vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE vf vf_min(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
INLINE vf vf_sqrt(vf a) { return (vf)_mm512_sqrt_ps((__m512)a); }
INLINE vf vf_round(vf a) { return (vf)_mm512_roundscale_ps((__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
#if defined(INFERD_EMULATE_AVX512)
// SIMDe lacks the conversions.
INLINE vi vi_from_vf(vf a)
{
	__m256 half[2];
	memcpy(half, &a, sizeof a);
	__m256i result[2] = {_mm256_cvtps_epi32(half[0]), _mm256_cvtps_epi32(half[1])};
	return vi_load(result);
}
INLINE vf vf_from_vi(vi a) { return __builtin_convertvector(a, vf); }
#else
INLINE vi vi_from_vf(vf a) { return (vi)_mm512_cvtps_epi32((__m512)a); }
INLINE vf vf_from_vi(vi a) { return (vf)_mm512_cvtepi32_ps((__m512i)a); }
INLINE vf vf_load_partial(const float *p, int n) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p); }
INLINE void vf_store_partial(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), (__m512)v); }
#endif

#elif defined(INFERD_ISA_AVX2)

INLINE vf vf_fma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE vf vf_min(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
INLINE vf vf_sqrt(vf a) { return (vf)_mm256_sqrt_ps((__m256)a); }
INLINE vf vf_round(vf a) { return (vf)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE vi vi_from_vf(vf a) { return (vi)_mm256_cvtps_epi32((__m256)a); }
INLINE vf vf_from_vi(vi a) { return (vf)_mm256_cvtepi32_ps((__m256i)a); }
INLINE __m256i vi_first_lanes(int n)
{
	static const int32_t table[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
	return _mm256_loadu_si256((const __m256i *)(table + 8 - n));
}
INLINE vf vf_load_partial(const float *p, int n) { return (vf)_mm256_maskload_ps(p, vi_first_lanes(n)); }
// In pieces: the masked store is microcode on AMD and takes four times as long.
INLINE void vf_store_partial(float *p, vf v, int n)
{
	if (n == LANES) {
		vf_store(p, v);
		return;
	}
	__m128 piece = _mm256_castps256_ps128((__m256)v);
	if (n & 4) {
		_mm_storeu_ps(p, piece);
		piece = _mm256_extractf128_ps((__m256)v, 1);
		p += 4;
	}
	if (n & 2) {
		_mm_storel_pi((__m64 *)p, piece);
		piece = _mm_movehl_ps(piece, piece);
		p += 2;
	}
	if (n & 1)
		_mm_store_ss(p, piece);
}

#else

INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }
INLINE vf vf_max(vf a, vf b) { return (vf)_mm_max_ps((__m128)a, (__m128)b); }
INLINE vf vf_min(vf a, vf b) { return (vf)_mm_min_ps((__m128)a, (__m128)b); }
INLINE vf vf_sqrt(vf a) { return (vf)_mm_sqrt_ps((__m128)a); }
INLINE vi vi_from_vf(vf a) { return (vi)_mm_cvtps_epi32((__m128)a); }
INLINE vf vf_from_vi(vi a) { return (vf)_mm_cvtepi32_ps((__m128i)a); }
INLINE vf vf_round(vf a)
{
	for (int i = 0; i < LANES; i++)
		a[i] = nearbyintf(a[i]);
	return a;
}
#endif

#if defined(INFERD_ISA_SCALAR) || defined(INFERD_EMULATE_AVX512) && defined(INFERD_ISA_AVX512)
// The first n lanes, 0 <= n <= LANES; nothing beyond them is touched, and the other lanes of a load are zero.
INLINE vf vf_load_partial(const float *p, int n)
{
	vf v = {0};
	for (int i = 0; i < n; i++)
		v[i] = p[i];
	return v;
}
INLINE void vf_store_partial(float *p, vf v, int n)
{
	for (int i = 0; i < n; i++)
		p[i] = v[i];
}

#endif

// Lane i of the result is lane i ^ distance, distance being a constant power of two below LANES.
INLINE vf vf_exchange(vf v, int distance)
{
#if LANES == 16
	if (distance == 8)
		return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
	if (distance == 4)
		return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
	if (distance == 2)
		return __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
	return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
#elif LANES == 8
	if (distance == 4)
		return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
	if (distance == 2)
		return __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
	return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
#else
	if (distance == 2)
		return __builtin_shufflevector(v, v, 2, 3, 0, 1);
	return __builtin_shufflevector(v, v, 1, 0, 3, 2);
#endif
}

// The number of each lane.
INLINE vi vi_lanes(void)
{
	vi lane;
	for (int i = 0; i < LANES; i++)
		lane[i] = i;
	return lane;
}
// -1 in the first n lanes.
INLINE vi vi_below(int n) { return vi_lanes() < vi_set(n); }

// Reductions over the lanes, always in the same (pairwise) order. The maximum overlooks NaN or not, as vf_max.
INLINE float vf_reduce_add(vf v)
{
	for (int distance = LANES / 2; distance > 0; distance /= 2)
		v += vf_exchange(v, distance);
	return v[0];
}
INLINE float vf_reduce_max(vf v)
{
	for (int distance = LANES / 2; distance > 0; distance /= 2)
		v = vf_max(v, vf_exchange(v, distance));
	return v[0];
}

#endif

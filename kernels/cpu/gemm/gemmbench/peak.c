#include <immintrin.h>
#include <stdint.h>

#include "peak.h"

// Twelve independent sums hide the latency of the multiply-add; the empty assembly keeps them from being folded.
__attribute__((target("avx2,fma"))) void inferd_peak_avx2(int64_t repetitions)
{
	__m256 x = _mm256_set1_ps(1), sum[12];
	for (int i = 0; i < 12; i++)
		sum[i] = _mm256_setzero_ps();
	for (int64_t n = 0; n < repetitions; n++) {
#pragma GCC unroll 12
		for (int i = 0; i < 12; i++)
			sum[i] = _mm256_fmadd_ps(x, x, sum[i]);
	}
	for (int i = 0; i < 12; i++)
		__asm__ volatile("" : : "x"(sum[i]));
}

__attribute__((target("avx512f"))) void inferd_peak_avx512(int64_t repetitions)
{
	__m512 x = _mm512_set1_ps(1), sum[12];
	for (int i = 0; i < 12; i++)
		sum[i] = _mm512_setzero_ps();
	for (int64_t n = 0; n < repetitions; n++) {
#pragma GCC unroll 12
		for (int i = 0; i < 12; i++)
			sum[i] = _mm512_fmadd_ps(x, x, sum[i]);
	}
	for (int i = 0; i < 12; i++)
		__asm__ volatile("" : : "v"(sum[i]));
}

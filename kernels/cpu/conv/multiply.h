// The inner product that direct and Winograd convolution share, and the register blocks it suits.
#ifndef INFERD_CONV_MULTIPLY_H
#define INFERD_CONV_MULTIPLY_H

#include "epilogue.h"

// Rows of a register block of 1, 2 and 3 vectors: sums, one row's broadcast value and the weights fill the registers.
#if defined(INFERD_ISA_AVX512)
enum { ROWS_1 = 8, ROWS_2 = 8, ROWS_3 = 8 };
#elif defined(INFERD_ISA_AVX2)
enum { ROWS_1 = 8, ROWS_2 = 6, ROWS_3 = 4 };
#else
enum { ROWS_1 = 8, ROWS_2 = 4, ROWS_3 = 3 };
#endif

// sum[i] += x[i][0 .. length) times weights [length][vectors * LANES]. Returns the end of the weights. rows and vectors are constants.
INLINE const float *multiply_run(const int rows, const int vectors, const float *const x[BLOCK_ROWS], int64_t length, const float *w,
                                 vf sum[BLOCK_ROWS][BLOCK_VECTORS])
{
	for (int64_t k = 0; k < length; k++, w += vectors * LANES) {
		vf weight[BLOCK_VECTORS];
#pragma GCC unroll 4
		for (int j = 0; j < vectors; j++)
			weight[j] = vf_load(w + j * LANES);
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++) {
			vf value = vf_set(x[i][k]);
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++)
				sum[i][j] = vf_fma(value, weight[j], sum[i][j]);
		}
	}
	return w;
}

#endif

// Products of eight-bit integers: matrix products and convolutions with channels last, in int32, and what is quantised about them:
//
//   sum[m, n] = sum over k of (A[m, k] - a_zero) * (B[k, n] - b_zero[n])
//   value     = activation((sum + bias) * a_scale * b_scale[n]), the bias in int32, or in float32 after the scales; a residual before or after the activation
//   result    = sum in int32, value in float32, or saturate(round(value / y_scale) + y_zero) in eight bits, ties to even
#ifndef INFERD_INTEGER_H
#define INFERD_INTEGER_H

#include "step.h"

// Operands. A scale or zero point is one number, read while the step runs. B is packed for all but depthwise convolutions.
enum {
	INTEGER_A,
	INTEGER_B,
	INTEGER_COLUMNS, // arrays of columns: terms and zero points in int32, scales in float32
	INTEGER_C,
	INTEGER_A_SCALE,
	INTEGER_A_ZERO, // of A's type; absent where it is 0
	INTEGER_BIAS,
	INTEGER_RESIDUAL, // float32, as C lies
	INTEGER_Y_SCALE,
	INTEGER_Y_ZERO, // of C's type
};

// Parameters. Rows are pixels of all images; a matrix product is a convolution of single pixels.
enum {
	INTEGER_ROWS,
	INTEGER_GROUPS,
	INTEGER_GROUP_COLUMNS,
	INTEGER_COLUMN_PITCH, // of a group in the arrays of columns: whole panels
	INTEGER_ARRAY,        // the length of such an array
	INTEGER_TILE_ROWS,
	INTEGER_TILE_COLUMNS, // a multiple of the panel
	INTEGER_FLAGS,
	INTEGER_OUTPUT,
	INTEGER_ACTIVATION,
	INTEGER_P0,
	INTEGER_P1,
	INTEGER_HEIGHT,
	INTEGER_WIDTH,
	INTEGER_GROUP_CHANNELS,
	INTEGER_OUTPUT_HEIGHT,
	INTEGER_OUTPUT_WIDTH,
	INTEGER_KERNEL_HEIGHT,
	INTEGER_KERNEL_WIDTH,
	INTEGER_STRIDE_HEIGHT,
	INTEGER_STRIDE_WIDTH,
	INTEGER_DILATION_HEIGHT,
	INTEGER_DILATION_WIDTH,
	INTEGER_PAD_TOP,
	INTEGER_PAD_LEFT,
};

enum {
	INTEGER_UNSIGNED_A = 1,
	INTEGER_HAS_ZEROS = 2, // B has zero points other than 0
	INTEGER_BIAS_IS_INTEGER = 4,
	INTEGER_RESIDUAL_LAST = 8,
};

// Types of results.
enum { INTEGER_OUTPUT_INT32, INTEGER_OUTPUT_FLOAT, INTEGER_OUTPUT_UINT8, INTEGER_OUTPUT_INT8 };

// B lies in panels of two vectors of columns: for each four k and each column four bytes, zeros beyond K.
enum { INTEGER_PANEL_SCALAR = 8, INTEGER_PANEL_AVX2 = 16, INTEGER_PANEL_AVX512 = 32 };

// The distance between the rows of A once they are packed: whole groups of four, an odd number of cache lines.
#define INTEGER_A_ROW(k) ((((k) + 63) / 64 | 1) * 64)

#define INTEGER_KERNELS(suffix) \
	void integer_product_##suffix(const inferd_step *step, void *const *bases, int64_t tile, void *scratch); \
	void integer_depthwise_##suffix(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

INTEGER_KERNELS(scalar)
INTEGER_KERNELS(avx2)
INTEGER_KERNELS(avx512)
INTEGER_KERNELS(avx512_vnni)

#endif

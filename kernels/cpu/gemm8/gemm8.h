// Product of matrices of eight-bit integers, and convolution as such a product. With exact sums
//
//     sum[m, n] = sum over k of (A[m, k] - a_zero) (B[k, n] - b_zero[n])                  int32, which wraps
//     value     = activation((sum + bias) a_scale b_scale[n] + residual)                  float32; a bias of float32 is added behind the scales
//     q         = saturate(round(value / y_scale) + y_zero)                               uint8 or int8, ties to even
//
// C is the sums, the values or the q's.
#ifndef INFERD_GEMM8_H
#define INFERD_GEMM8_H

#include "step.h"

// Operands. A is [M, K], or the images of a convolution in NHWC; C [M, groups N]. All from B_ZEROS on may be absent.
enum {
	INFERD_GEMM8_A,
	INFERD_GEMM8_B,       // as pack.go writes it
	INFERD_GEMM8_C,
	INFERD_GEMM8_B_TERMS, // int32, sum over k of (B[k, n] - b_zero[n]), padded as the panels are
	INFERD_GEMM8_B_ZEROS, // int32, padded too; absent where all are 0
	INFERD_GEMM8_A_SCALE, // one float32; absent where C is the sums
	INFERD_GEMM8_A_ZERO,  // one integer of A's type
	INFERD_GEMM8_B_SCALE, // one float32, or one a column
	INFERD_GEMM8_BIAS,    // int32 or float32 [groups N]
	INFERD_GEMM8_RESIDUAL,
	INFERD_GEMM8_Y_SCALE, // one float32
	INFERD_GEMM8_Y_ZERO,  // one integer of C's type
};

// Parameters.
enum {
	INFERD_GEMM8_M,
	INFERD_GEMM8_N, // of one group
	INFERD_GEMM8_K,
	INFERD_GEMM8_DEPTH, // K in groups that a lane multiplies at once
	INFERD_GEMM8_GROUPS,
	INFERD_GEMM8_TILE_ROWS,
	INFERD_GEMM8_TILE_COLUMNS, // a multiple of the panel width
	INFERD_GEMM8_OUTPUT,
	INFERD_GEMM8_FLAGS,
	INFERD_GEMM8_ACTIVATION,
	INFERD_GEMM8_P0,
	INFERD_GEMM8_P1,
	// Of convolutions.
	INFERD_GEMM8_HEIGHT,
	INFERD_GEMM8_WIDTH,
	INFERD_GEMM8_CHANNELS, // of one group
	INFERD_GEMM8_OUTPUT_HEIGHT,
	INFERD_GEMM8_OUTPUT_WIDTH,
	INFERD_GEMM8_KERNEL_HEIGHT,
	INFERD_GEMM8_KERNEL_WIDTH,
	INFERD_GEMM8_STRIDE_HEIGHT,
	INFERD_GEMM8_STRIDE_WIDTH,
	INFERD_GEMM8_DILATION_HEIGHT,
	INFERD_GEMM8_DILATION_WIDTH,
	INFERD_GEMM8_PAD_TOP,
	INFERD_GEMM8_PAD_LEFT,
	INFERD_GEMM8_ROW_BLOCK,      // depthwise: output rows of one tile
	INFERD_GEMM8_CHANNEL_BLOCKS, // depthwise: tiles of one block of rows
};

enum {
	INFERD_GEMM8_A_IS_SIGNED = 1,
	INFERD_GEMM8_STAGE_A = 2,     // each tile copies its rows of A into scratch first
	INFERD_GEMM8_CONVOLUTION = 4, // rows of A are gathered from images (with STAGE_A)
	INFERD_GEMM8_SCALE_EACH = 8,  // B_SCALE has one number a column
	INFERD_GEMM8_BIAS_IS_FLOAT = 16,
	INFERD_GEMM8_RESIDUAL_LAST = 32, // the residual is added after the activation
};

// Types of C; the numbers are those of ONNX.
enum {
	INFERD_GEMM8_FLOAT32 = 1, INFERD_GEMM8_UINT8 = 2, INFERD_GEMM8_INT8 = 3, INFERD_GEMM8_INT32 = 6,
};

// Panels are two vectors wide. A lane multiplies a group of consecutive k at once: two of 16 bits, or with VNNI four of 8.
enum {
	INFERD_GEMM8_PANEL_SCALAR = 8,
	INFERD_GEMM8_PANEL_AVX2 = 16,
	INFERD_GEMM8_PANEL_AVX512 = 32,
	INFERD_GEMM8_GROUP = 2,
	INFERD_GEMM8_GROUP_VNNI = 4,
};

// The bytes of a row of A in scratch: four for each step of the depth, in an odd number of cache lines, so that rows do not compete for the same ones.
#define INFERD_GEMM8_STAGED_ROW(depth) ((((depth) * 4 + 63) / 64 | 1) * 64)

// Scratch ahead of those rows: their sums, and one row as it is in memory.
#define INFERD_GEMM8_STAGED_AHEAD(rows, k) (((rows) * 4 + 63) / 64 * 64 + ((k) + 63) / 64 * 64)

#define INFERD_GEMM8_DECLARE(name) void name(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

INFERD_GEMM8_DECLARE(inferd_gemm8_scalar)
INFERD_GEMM8_DECLARE(inferd_gemm8_avx2)
INFERD_GEMM8_DECLARE(inferd_gemm8_avx512)
INFERD_GEMM8_DECLARE(inferd_gemm8_avx512_vnni)
INFERD_GEMM8_DECLARE(inferd_gemm8_depthwise_scalar)
INFERD_GEMM8_DECLARE(inferd_gemm8_depthwise_avx2)
INFERD_GEMM8_DECLARE(inferd_gemm8_depthwise_avx512)

#endif

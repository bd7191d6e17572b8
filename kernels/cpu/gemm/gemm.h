// Matrix product, float32: C = activation(alpha A B + bias + residual), or C = activation(alpha A B + bias) + residual.
#ifndef INFERD_GEMM_H
#define INFERD_GEMM_H

#include "step.h"

// Operands. Bias (N elements) and residual may be absent.
enum {
	INFERD_GEMM_A,
	INFERD_GEMM_B,
	INFERD_GEMM_C,
	INFERD_GEMM_BIAS,
	INFERD_GEMM_RESIDUAL,
};

// Parameters. Strides are in elements; a batch has up to three dimensions, and a stride of 0 broadcasts.
enum {
	INFERD_GEMM_M,
	INFERD_GEMM_N,
	INFERD_GEMM_K,
	INFERD_GEMM_TILE_ROWS,
	INFERD_GEMM_TILE_COLUMNS, // a multiple of the panel width
	INFERD_GEMM_A_ROW,
	INFERD_GEMM_A_COLUMN,
	INFERD_GEMM_B_ROW, // unused where B is packed
	INFERD_GEMM_B_COLUMN,
	INFERD_GEMM_C_ROW,
	INFERD_GEMM_RESIDUAL_ROW,
	INFERD_GEMM_RESIDUAL_COLUMN,
	INFERD_GEMM_ALPHA,
	INFERD_GEMM_ACTIVATION,
	INFERD_GEMM_P0,
	INFERD_GEMM_P1,
	INFERD_GEMM_FLAGS,
	INFERD_GEMM_BATCH,                              // three sizes
	INFERD_GEMM_A_BATCH = INFERD_GEMM_BATCH + 3,    // three strides
	INFERD_GEMM_B_BATCH = INFERD_GEMM_A_BATCH + 3,
	INFERD_GEMM_C_BATCH = INFERD_GEMM_B_BATCH + 3,
	INFERD_GEMM_RESIDUAL_BATCH = INFERD_GEMM_C_BATCH + 3,
	INFERD_GEMM_PARAMETERS = INFERD_GEMM_RESIDUAL_BATCH + 3,
};

enum {
	INFERD_GEMM_B_IS_PACKED = 1,   // B lies in panels (see inferd_gemm_pack_f32)
	INFERD_GEMM_PACK_B = 2,        // each tile packs its columns of B into scratch first
	INFERD_GEMM_PACK_A = 4,        // each tile copies its rows of A into scratch first
	INFERD_GEMM_RESIDUAL_LAST = 8, // the residual is added after the activation
};

// The row stride of A once it is packed: an odd number of cache lines.
#define INFERD_GEMM_PACKED_A_ROW(k) (((k) + 31) / 32 * 32 + 16)

// Panels are two vectors wide.
enum {
	INFERD_GEMM_PANEL_SCALAR = 8,
	INFERD_GEMM_PANEL_AVX2 = 16,
	INFERD_GEMM_PANEL_AVX512 = 32,
};

void inferd_gemm_f32_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void inferd_gemm_f32_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void inferd_gemm_f32_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

// Packs `columns` columns of B (k rows, any strides) into panels of `width` columns: panel by panel, and in each row by
// row, so that a product reads memory in one direction. The last panel is padded with zeros. A multiple of 4 is `width`.
void inferd_gemm_pack_f32(float *panels, const float *b, int64_t k, int64_t columns, int64_t row_stride, int64_t column_stride, int64_t width);

#endif

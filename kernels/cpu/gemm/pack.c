// Packing of B. Moves k * columns floats, bound by memory; the transposed case by shuffles, about half a cycle an element.
#include <xmmintrin.h>

#include "gemm.h"

// B's rows are contiguous: copies a piece of each. The width is a constant where this is inlined.
static inline __attribute__((always_inline)) void pack_whole_rows(float *panel, const float *b, int64_t k, int64_t row_stride, const int64_t width)
{
	for (int64_t i = 0; i < k; i++, panel += width, b += row_stride)
		for (int64_t j = 0; j < width; j += 4)
			_mm_storeu_ps(panel + j, _mm_loadu_ps(b + j));
}

static void pack_rows(float *panel, const float *b, int64_t k, int64_t columns, int64_t row_stride, int64_t width)
{
	if (columns == INFERD_GEMM_PANEL_SCALAR && width == INFERD_GEMM_PANEL_SCALAR)
		pack_whole_rows(panel, b, k, row_stride, INFERD_GEMM_PANEL_SCALAR);
	else if (columns == INFERD_GEMM_PANEL_AVX2 && width == INFERD_GEMM_PANEL_AVX2)
		pack_whole_rows(panel, b, k, row_stride, INFERD_GEMM_PANEL_AVX2);
	else if (columns == INFERD_GEMM_PANEL_AVX512 && width == INFERD_GEMM_PANEL_AVX512)
		pack_whole_rows(panel, b, k, row_stride, INFERD_GEMM_PANEL_AVX512);
	else
		for (int64_t i = 0; i < k; i++, panel += width, b += row_stride)
			for (int64_t j = 0; j < width; j++)
				panel[j] = j < columns ? b[j] : 0;
}

// B's columns are contiguous: transposes blocks of 4 x 4.
static void pack_columns(float *panel, const float *b, int64_t k, int64_t columns, int64_t column_stride, int64_t width)
{
	for (int64_t j = 0; j < width; j += 4) {
		int64_t i = 0;
		if (j + 4 <= columns)
			for (; i + 4 <= k; i += 4) {
				const float *from = b + j * column_stride + i;
				float *to = panel + i * width + j;
				__m128 r0 = _mm_loadu_ps(from), r1 = _mm_loadu_ps(from + column_stride);
				__m128 r2 = _mm_loadu_ps(from + 2 * column_stride), r3 = _mm_loadu_ps(from + 3 * column_stride);
				_MM_TRANSPOSE4_PS(r0, r1, r2, r3);
				_mm_storeu_ps(to, r0);
				_mm_storeu_ps(to + width, r1);
				_mm_storeu_ps(to + 2 * width, r2);
				_mm_storeu_ps(to + 3 * width, r3);
			}
		for (; i < k; i++)
			for (int64_t l = j; l < j + 4; l++)
				panel[i * width + l] = l < columns ? b[l * column_stride + i] : 0;
	}
}

void inferd_gemm_pack_f32(float *panels, const float *b, int64_t k, int64_t columns, int64_t row_stride, int64_t column_stride, int64_t width)
{
	for (int64_t column = 0; column < columns; column += width, panels += k * width) {
		const float *from = b + column * column_stride;
		int64_t left = columns - column < width ? columns - column : width;
		if (column_stride == 1)
			pack_rows(panels, from, k, left, row_stride, width);
		else if (row_stride == 1)
			pack_columns(panels, from, k, left, column_stride, width);
		else
			for (int64_t i = 0; i < k; i++)
				for (int64_t j = 0; j < width; j++)
					panels[i * width + j] = j < left ? from[i * row_stride + j * column_stride] : 0;
	}
}

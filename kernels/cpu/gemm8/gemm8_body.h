// The product of one tile. Bound by its M N K multiply-adds where M is large, by reading B (K N bytes) where it is small.
#include "stage.h"

#include "multiply.h"

// Tiles are numbered with the rows inmost, then the columns, then the groups, so that neighbours share a block of B.
// Scratch: see INFERD_GEMM8_STAGED_AHEAD.
void INFERD_NAME(inferd_gemm8)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const int64_t m = p[INFERD_GEMM8_M], n = p[INFERD_GEMM8_N], k = p[INFERD_GEMM8_K], depth = p[INFERD_GEMM8_DEPTH], flags = p[INFERD_GEMM8_FLAGS];
	const int64_t tile_rows = p[INFERD_GEMM8_TILE_ROWS], tile_columns = p[INFERD_GEMM8_TILE_COLUMNS];
	const int64_t row_tiles = (m + tile_rows - 1) / tile_rows, column_tiles = (n + tile_columns - 1) / tile_columns;
	const int64_t row = tile % row_tiles * tile_rows, column = tile / row_tiles % column_tiles * tile_columns, group = tile / row_tiles / column_tiles;
	const int64_t rows = m - row < tile_rows ? m - row : tile_rows, columns = n - column < tile_columns ? n - column : tile_columns;
	const int64_t padded = (n + WIDTH - 1) / WIDTH * WIDTH;

	gemm8_job job = {.a_row = k, .depth = depth, .b_panel = depth * STEP_BYTES, .epilogue = epilogue_of(step, bases, group * n)};
	gemm8_epilogue *e = &job.epilogue;
	const uint8_t *a = inferd_address(step, bases, INFERD_GEMM8_A);
	const int32_t *terms = inferd_address(step, bases, INFERD_GEMM8_B_TERMS), *zeros = inferd_address(step, bases, INFERD_GEMM8_B_ZEROS);
	const int8_t *b = (const int8_t *)inferd_address(step, bases, INFERD_GEMM8_B) + group * padded * depth * GROUP;
	int32_t *sums = scratch;
	e->terms = terms + group * padded;
	e->zeros = zeros ? zeros + group * padded : NULL;
	e->row_sums = sums;
	job.a = (const char *)a + row * k;
	if (flags & INFERD_GEMM8_STAGE_A) {
		const stage_window window = stage_window_of(step, a, group, e->a_zero);
		uint8_t *bytes = (uint8_t *)scratch + INFERD_GEMM8_STAGED_AHEAD(tile_rows, 0);
		char *staged = (char *)scratch + INFERD_GEMM8_STAGED_AHEAD(tile_rows, k);
		job.a = staged;
		job.a_row = INFERD_GEMM8_STAGED_ROW(depth);
		if (flags & INFERD_GEMM8_A_IS_SIGNED) {
			stage_rows(step, staged, job.a_row, bytes, &window, row, rows, true);
			e->a_zero += STAGE_SHIFT;
		} else {
			stage_rows(step, staged, job.a_row, bytes, &window, row, rows, false);
		}
	}
	if (zeros)
		for (int64_t r = 0; r < rows; r++)
			sums[r] = stage_sum(job.a + r * job.a_row, depth);
	// Row 0 of the epilogue is the tile's first.
	const int64_t at = row * e->c_row;
	e->c = (char *)e->c + at * (e->output == INFERD_GEMM8_UINT8 || e->output == INFERD_GEMM8_INT8 ? 1 : 4);
	e->residual = e->residual ? e->residual + at : NULL;
	gemm8_multiply(&job, b + column / WIDTH * job.b_panel, rows, column, columns);
}

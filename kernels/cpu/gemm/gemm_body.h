// The matrix product of one tile. Bound by FLOP (2 M N K) where M is large, by reading B (4 K N bytes) where it is small.
#include "gemm_multiply.h"

// Address of element 0 of batch `index` of an operand; NULL stays NULL.
INLINE float *gemm_batch(const inferd_step *step, void *const *bases, int operand, int strides, int64_t index)
{
	float *p = inferd_address(step, bases, operand);
	for (int d = 2; d >= 0 && p; d--) {
		p += index % step->parameter[INFERD_GEMM_BATCH + d] * step->parameter[strides + d];
		index /= step->parameter[INFERD_GEMM_BATCH + d];
	}
	return p;
}

// What does not depend on the tile.
INLINE gemm_job gemm_describe(const inferd_step *step, void *const *bases)
{
	const int64_t *p = step->parameter;
	gemm_job job = {
		.a_row = p[INFERD_GEMM_A_ROW],
		.b_row = p[INFERD_GEMM_B_ROW],
		.b_panel = WIDTH,
		.k = p[INFERD_GEMM_K],
		.c_row = p[INFERD_GEMM_C_ROW],
		.residual_row = p[INFERD_GEMM_RESIDUAL_ROW],
		.residual_column = p[INFERD_GEMM_RESIDUAL_COLUMN],
		.alpha = (float)inferd_parameter_double(step, INFERD_GEMM_ALPHA),
		.p0 = (float)inferd_parameter_double(step, INFERD_GEMM_P0),
		.p1 = (float)inferd_parameter_double(step, INFERD_GEMM_P1),
		.low = -INFINITY,
		.high = INFINITY,
		.activation = (int32_t)p[INFERD_GEMM_ACTIVATION],
		.residual_last = (p[INFERD_GEMM_FLAGS] & INFERD_GEMM_RESIDUAL_LAST) != 0 && inferd_address(step, bases, INFERD_GEMM_RESIDUAL),
	};
	bool residual_first = !job.residual_last || job.activation == INFERD_ACTIVATION_NONE;
	job.clips = residual_first && job.activation <= INFERD_ACTIVATION_CLIP;
	job.hard_swish = residual_first && job.activation == INFERD_ACTIVATION_HARD_SWISH;
	job.simple = job.clips || job.hard_swish;
	if (job.activation == INFERD_ACTIVATION_RELU)
		job.low = 0;
	if (job.activation == INFERD_ACTIVATION_CLIP)
		job.low = job.p0, job.high = job.p1;
	return job;
}

// Copies rows of A so that their columns are contiguous and their rows do not compete for the same cache lines.
static void gemm_pack_a(float *to, int64_t to_row, const float *a, int64_t rows, int64_t k, int64_t row_stride, int64_t column_stride)
{
	if (column_stride == 1) {
		for (int64_t r = 0; r < rows; r++)
			memcpy(to + r * to_row, a + r * row_stride, (size_t)k * sizeof *a);
		return;
	}
	for (int64_t i = 0; i < k; i++)
		for (int64_t r = 0; r < rows; r++)
			to[r * to_row + i] = a[r * row_stride + i * column_stride];
}

// Tiles are numbered with the rows inmost, then the columns, then the batch, so that neighbours share a block of B.
// Scratch: the rows of A where PACK_A is set, then the tile's panels where PACK_B is set, else one panel for the edge of B.
void INFERD_NAME(inferd_gemm_f32)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const int64_t m = p[INFERD_GEMM_M], n = p[INFERD_GEMM_N], k = p[INFERD_GEMM_K], flags = p[INFERD_GEMM_FLAGS];
	const int64_t tile_rows = p[INFERD_GEMM_TILE_ROWS], tile_columns = p[INFERD_GEMM_TILE_COLUMNS];
	const int64_t row_tiles = (m + tile_rows - 1) / tile_rows, column_tiles = (n + tile_columns - 1) / tile_columns;
	const int64_t row = tile % row_tiles * tile_rows, column = tile / row_tiles % column_tiles * tile_columns;
	const int64_t batch = tile / row_tiles / column_tiles;
	const int64_t rows = m - row < tile_rows ? m - row : tile_rows, columns = n - column < tile_columns ? n - column : tile_columns;
	const int64_t b_row = p[INFERD_GEMM_B_ROW], b_column = p[INFERD_GEMM_B_COLUMN];

	gemm_job job = gemm_describe(step, bases);
	job.a = gemm_batch(step, bases, INFERD_GEMM_A, INFERD_GEMM_A_BATCH, batch) + row * job.a_row;
	job.c = gemm_batch(step, bases, INFERD_GEMM_C, INFERD_GEMM_C_BATCH, batch) + row * job.c_row;
	job.bias = inferd_address(step, bases, INFERD_GEMM_BIAS);
	job.residual = gemm_batch(step, bases, INFERD_GEMM_RESIDUAL, INFERD_GEMM_RESIDUAL_BATCH, batch);
	if (job.residual) {
		job.residual += row * job.residual_row;
		job.simple &= job.residual_column == 1;
	}
	job.plain = job.activation == INFERD_ACTIVATION_NONE && !job.bias && !job.residual;
	const float *b = gemm_batch(step, bases, INFERD_GEMM_B, INFERD_GEMM_B_BATCH, batch);
	float *buffer = scratch;
	if (flags & INFERD_GEMM_PACK_A) {
		int64_t packed_row = INFERD_GEMM_PACKED_A_ROW(k);
		gemm_pack_a(buffer, packed_row, job.a, rows, k, job.a_row, p[INFERD_GEMM_A_COLUMN]);
		job.a = buffer;
		job.a_row = packed_row;
		buffer += tile_rows * packed_row;
	}
	if (flags & (INFERD_GEMM_B_IS_PACKED | INFERD_GEMM_PACK_B)) {
		job.b_row = WIDTH;
		job.b_panel = k * WIDTH;
		if (flags & INFERD_GEMM_PACK_B)
			inferd_gemm_pack_f32(buffer, b + column * b_column, k, columns, b_row, b_column, WIDTH);
		gemm_multiply(&job, flags & INFERD_GEMM_PACK_B ? buffer : b + column * k, rows, column, columns);
		return;
	}
	// B is read where it lies; its last columns, where they do not fill a panel, are copied so that nothing is read beyond.
	int64_t whole = columns / WIDTH * WIDTH;
	gemm_multiply(&job, b + column, rows, column, whole);
	if (whole < columns) {
		inferd_gemm_pack_f32(buffer, b + column + whole, k, columns - whole, b_row, b_column, WIDTH);
		job.b_row = WIDTH;
		gemm_multiply(&job, buffer, rows, column + whole, columns - whole);
	}
}

// Multiplies a block of rows with a run of panels.
//
// A micro-kernel keeps the sums of `rows` rows x `vectors` vectors of columns in registers over the whole depth, then hands them to the epilogue. Sums are
// integers, so they are the same whatever block, tile or batch an element is in.
#ifndef INFERD_GEMM8_MULTIPLY_H
#define INFERD_GEMM8_MULTIPLY_H

#include "dot.h"
#include "epilogue.h"

enum {
	WIDTH = 2 * LANES,
	VECTOR_BYTES = LANES * GROUP, // of B
	STEP_BYTES = WIDTH * GROUP,   // of a panel for one step of the depth
};

// The registers for sums: all but those for vectors of B, elements of A and a product.
enum { GEMM8_SUMS = LANES == 16 ? 24 : LANES == 8 ? 12 : 8 };

// The most rows of any block.
enum { GEMM8_MOST_ROWS = LANES == 16 ? 12 : LANES == 8 ? 6 : 4 };

typedef struct {
	const char *a; // four bytes for each step of the depth
	int64_t a_row;
	int64_t depth;
	int64_t b_panel;
	gemm8_epilogue epilogue;
} gemm8_job;

// What a micro-kernel is called with: where its panels, rows and columns begin, how many columns are left, and what to prefetch.
typedef struct {
	const int8_t *b;
	int64_t row, column, columns;
	const int8_t *ahead; // a part of the next panel
	int64_t ahead_step;  // for each step of the depth
} gemm8_place;

INLINE vi gemm8_broadcast(const char *a)
{
	int32_t group;
	memcpy(&group, a, sizeof group);
	return vi_set(group);
}

INLINE void gemm8_micro(const int rows, const int vectors, const gemm8_job *job, const gemm8_place *place)
{
	vi acc[GEMM8_SUMS]; // the first rows * vectors
	const int8_t *b = place->b, *ahead = place->ahead;
	const char *a = job->a + place->row * job->a_row;
	const int64_t a_row = job->a_row, b_panel = job->b_panel, depth = job->depth, ahead_step = place->ahead_step;
#pragma GCC unroll 32
	for (int i = 0; i < rows * vectors; i++)
		acc[i] = vi_set(0);
	for (int64_t k = 0; k < depth; k++, a += 4, b += STEP_BYTES) {
		if (vectors == 2) {
			vi x0 = dot_load(b), x1 = dot_load(b + VECTOR_BYTES);
			__builtin_prefetch(ahead, 0, 2);
			if (STEP_BYTES > 64)
				__builtin_prefetch(ahead + 64, 0, 2);
			ahead += ahead_step;
#pragma GCC unroll 16
			for (int r = 0; r < rows; r++) {
				vi y = gemm8_broadcast(a + r * a_row);
				acc[r * vectors] = dot(acc[r * vectors], y, x0);
				acc[r * vectors + 1] = dot(acc[r * vectors + 1], y, x1);
			}
			continue;
		}
		vi y[GEMM8_MOST_ROWS];
#pragma GCC unroll 16
		for (int r = 0; r < rows; r++)
			y[r] = gemm8_broadcast(a + r * a_row);
#pragma GCC unroll 16
		for (int j = 0; j < vectors; j++) {
			vi x = dot_load(b + j / 2 * b_panel + j % 2 * VECTOR_BYTES);
#pragma GCC unroll 16
			for (int r = 0; r < rows; r++)
				acc[r * vectors + j] = dot(acc[r * vectors + j], y[r], x);
		}
	}
	int32_t sum[GEMM8_SUMS * LANES];
#pragma GCC unroll 32
	for (int i = 0; i < rows * vectors; i++)
		vi_store(sum + i * LANES, acc[i]);
	const int64_t width = vectors * LANES, columns = place->columns < width ? place->columns : width;
	epilogue_finish(&job->epilogue, sum, width, place->row, rows, place->column, columns);
}

#include "blocks.h"

// The shape for the next columns: as wide as all rows in one block allow, else a panel; a last vector that is alone has its own.
INLINE const gemm8_shape *gemm8_choose(int64_t rows, int64_t vectors)
{
	if (rows < (int64_t)(sizeof gemm8_wide / sizeof gemm8_wide[0]) && vectors >= gemm8_wide[rows].vectors)
		return &gemm8_wide[rows];
	return vectors == 1 ? &gemm8_odd : &gemm8_panel;
}

// Multiplies `rows` rows of A with the panels of B from b on, which cover `columns` columns from the given one on.
static void gemm8_multiply(const gemm8_job *job, const int8_t *b, int64_t rows, int64_t column, int64_t columns)
{
	for (int64_t done = 0; done < columns;) {
		const gemm8_shape *shape = gemm8_choose(rows, (columns - done + LANES - 1) / LANES);
		// The rows are dealt out evenly, because short blocks wait for the latency of the products.
		int64_t blocks = (rows + shape->rows - 1) / shape->rows, each = rows / blocks, longer = rows % blocks;
		gemm8_place place = {.b = b + done / WIDTH * job->b_panel, .column = column + done, .columns = columns - done};
		// The hardware's prefetcher stops at every panel's end, so the next panel is asked for while this one is multiplied, each block of rows its part of it.
		place.ahead = place.b + job->b_panel;
		place.ahead_step = (STEP_BYTES + blocks - 1) / blocks;
		for (int64_t block = 0; block < blocks; block++) {
			int64_t count = each + (block < longer);
			shape->kernel[count](job, &place);
			place.row += count;
			place.ahead += job->depth * place.ahead_step;
		}
		done += shape->vectors * LANES;
	}
}

#endif

// Multiplies one block of rows with a run of panels: what the products and attention share.
//
// A micro-kernel keeps a block of `rows` x `panels` panels of C in registers over the whole of K. Every element of C is
// summed over k in one order with one multiply-add a step, whichever block, tile or batch it is in: the same bits always.
#ifndef INFERD_GEMM_MULTIPLY_H
#define INFERD_GEMM_MULTIPLY_H

#include <stdbool.h>

#include "activation.h"
#include "gemm.h"

enum { WIDTH = 2 * LANES };

// The registers for sums: all but those for a row of B and an element of A.
enum { GEMM_SUMS = LANES == 16 ? 28 : LANES == 8 ? 12 : 8 };

// The most rows of any block.
enum { GEMM_MOST_ROWS = LANES == 16 ? 14 : LANES == 8 ? 6 : 4 };

typedef struct {
	const float *a;
	int64_t a_row; // A's columns are contiguous
	int64_t b_row; // from one k to the next
	int64_t b_panel;
	int64_t k;
	float *c;
	int64_t c_row;
	const float *bias;
	const float *residual;
	int64_t residual_row, residual_column;
	float alpha, p0, p1;
	float low, high; // the bounds of an activation that only clips
	int32_t activation;
	bool clips;      // the activation is none, relu or clip, and the residual comes first
	bool hard_swish; // the activation is that, and the residual comes first
	bool simple;     // clips or hard swish, and the residual's rows are contiguous: the epilogue runs in registers
	bool residual_last;
	bool plain;      // no bias, no residual, no bounds
} gemm_job;

// The general epilogue: rows x columns sums at `sum` (row stride `stride`), which belong to C at (row, column).
static __attribute__((noinline)) void gemm_epilogue(const gemm_job *job, const float *sum, int64_t stride, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
	for (int64_t r = 0; r < rows; r++) {
		for (int64_t j = 0; j < columns; j += LANES) {
			int n = columns - j < LANES ? (int)(columns - j) : LANES;
			vf x = vf_load(sum + r * stride + j), residual = vf_zero();
			x = vf_fma(x, vf_set(job->alpha), job->bias ? vf_load_partial(job->bias + column + j, n) : vf_zero());
			if (job->residual) {
				const float *from = job->residual + (row + r) * job->residual_row + (column + j) * job->residual_column;
				if (job->residual_column == 1)
					residual = vf_load_partial(from, n);
				else
					for (int i = 0; i < n; i++)
						residual[i] = from[i * job->residual_column];
			}
			if (job->clips) {
				x = vf_min(vf_set(job->high), vf_max(vf_set(job->low), x + residual));
			} else {
				x = activate(job->activation, job->residual_last ? x : x + residual, job->p0, job->p1);
				x = job->residual_last ? x + residual : x;
			}
			vf_store_partial(job->c + (row + r) * job->c_row + column + j, x, n);
		}
	}
}

// The epilogue from registers, where job->simple. A last vector that is not full goes the general way.
INLINE void gemm_store(const gemm_job *job, const int rows, const int vectors, const vf *acc, int64_t row, int64_t column, int64_t columns)
{
	if (job->plain && columns >= vectors * LANES) {
		// The zeros stand for the absent bias and residual, so that the sign of a zero does not tell the paths apart.
#pragma GCC unroll 32
		for (int i = 0; i < rows * vectors; i++)
			vf_store(job->c + (row + i / vectors) * job->c_row + column + i % vectors * LANES, vf_fma(acc[i], vf_set(job->alpha), vf_zero()) + vf_zero());
		return;
	}
	vf alpha = vf_set(job->alpha), low = vf_set(job->low), high = vf_set(job->high);
#pragma GCC unroll 16
	for (int j = 0; j < vectors; j++) {
		const int64_t first = column + j * LANES, left = columns - j * LANES;
		if (left >= LANES) {
			vf bias = job->bias ? vf_load(job->bias + first) : vf_zero();
#pragma GCC unroll 16
			for (int r = 0; r < rows; r++) {
				vf x = vf_fma(acc[r * vectors + j], alpha, bias);
				x += job->residual ? vf_load(job->residual + (row + r) * job->residual_row + first) : vf_zero();
				x = job->hard_swish ? activate(INFERD_ACTIVATION_HARD_SWISH, x, 0, 0) : vf_min(high, vf_max(low, x));
				vf_store(job->c + (row + r) * job->c_row + first, x);
			}
		} else if (left > 0) {
			float sum[GEMM_MOST_ROWS * LANES];
#pragma GCC unroll 16
			for (int r = 0; r < rows; r++)
				vf_store(sum + r * LANES, acc[r * vectors + j]);
			gemm_epilogue(job, sum, LANES, row, rows, first, left);
		}
	}
}

// What a micro-kernel is called with: where its panels, rows and columns begin, how many columns are left, and what to prefetch.
typedef struct {
	const float *b;
	int64_t row, column, columns;
	const float *ahead; // a part of the next panel
	int64_t ahead_step; // for each k
} gemm_place;

INLINE void gemm_micro(const int rows, const int vectors, const gemm_job *job, const gemm_place *place)
{
	vf acc[GEMM_SUMS]; // the first rows * vectors
	const float *b = place->b, *ahead = place->ahead;
	const int64_t row = place->row, column = place->column, columns = place->columns, ahead_step = place->ahead_step;
	const float *a = job->a + row * job->a_row;
	const int64_t a_row = job->a_row, b_row = job->b_row, b_panel = job->b_panel, depth = job->k;
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
		for (int j = 0; j < vectors; j++)
			acc[r * vectors + j] = vf_zero();
	for (int64_t k = 0; k < depth; k++, b += b_row) {
		vf x[GEMM_SUMS];
#pragma GCC unroll 16
		for (int j = 0; j < vectors; j++)
			x[j] = vf_load(b + j / 2 * b_panel + j % 2 * LANES);
		if (vectors == 2) {
			__builtin_prefetch(ahead, 0, 2);
			if (WIDTH > 16)
				__builtin_prefetch(ahead + 16, 0, 2);
			ahead += ahead_step;
		}
#pragma GCC unroll 16
		for (int r = 0; r < rows; r++) {
			vf y = vf_set(a[r * a_row + k]);
#pragma GCC unroll 16
			for (int j = 0; j < vectors; j++)
				acc[r * vectors + j] = vf_fma(y, x[j], acc[r * vectors + j]);
		}
	}
	if (job->simple) {
		gemm_store(job, rows, vectors, acc, row, column, columns);
		return;
	}
	float sum[GEMM_SUMS * LANES];
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++)
#pragma GCC unroll 16
		for (int j = 0; j < vectors; j++)
			vf_store(sum + (r * vectors + j) * LANES, acc[r * vectors + j]);
	gemm_epilogue(job, sum, vectors * LANES, row, rows, column, columns < vectors * LANES ? columns : vectors * LANES);
}

#include "gemm_blocks.h"

// The shape for the next columns: as wide as all rows in one block allow, else a panel; the odd vectors at the end have their own.
INLINE const gemm_shape *gemm_choose(int64_t rows, int64_t vectors)
{
	if (rows < (int64_t)(sizeof gemm_wide / sizeof gemm_wide[0]) && vectors >= gemm_wide[rows].vectors)
		return &gemm_wide[rows];
	return vectors == gemm_odd.vectors ? &gemm_odd : &gemm_panel;
}

// Multiplies `rows` rows of A with the panels of B that cover `columns` columns of C.
static void gemm_multiply(const gemm_job *job, const float *b, int64_t rows, int64_t column, int64_t columns)
{
	for (int64_t done = 0; done < columns;) {
		const gemm_shape *shape = gemm_choose(rows, (columns - done + LANES - 1) / LANES);
		// The rows are dealt out evenly: 8 rows as 4 and 4, not 6 and 2, because short blocks wait for the multiply-add's latency.
		int64_t blocks = (rows + shape->rows - 1) / shape->rows, each = rows / blocks, longer = rows % blocks;
		gemm_place place = {.b = b + done / WIDTH * job->b_panel, .column = column + done, .columns = columns - done};
		// The hardware's prefetcher stops at every panel's end, so the next panel is asked for while this one is multiplied,
		// each block of rows its part of it. (Where B is not packed, each block asks for all.)
		place.ahead = place.b + job->b_panel;
		place.ahead_step = job->b_row == WIDTH ? (WIDTH + blocks - 1) / blocks : job->b_row;
		for (int64_t block = 0; block < blocks; block++) {
			int64_t count = each + (block < longer);
			shape->kernel[count](job, &place);
			place.row += count;
			if (job->b_row == WIDTH)
				place.ahead += job->k * place.ahead_step;
		}
		done += shape->vectors * LANES;
	}
}

#endif

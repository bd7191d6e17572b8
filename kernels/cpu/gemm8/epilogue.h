// What becomes of exact sums: zero points, scales, bias, residual, activation, quantisation, in one pass over a block of registers that a micro-kernel has
// just put on the stack.
#ifndef INFERD_GEMM8_EPILOGUE_H
#define INFERD_GEMM8_EPILOGUE_H

#include "activation.h"
#include "gemm8.h"
#include "vector_bytes.h"

// Columns are those of the group: pointers to what has an element a column begin there, C and the residual at the group's first column of row 0.
typedef struct {
	void *c;
	int64_t c_row;                // elements of C and of the residual
	const int32_t *terms, *zeros; // or NULL
	const int32_t *row_sums;      // of A as it is multiplied, where there are zeros
	int32_t a_zero;
	float a_scale;
	const float *b_scale;
	bool scale_each;
	const int32_t *bias;    // or NULL
	const float *late_bias; // or NULL; added behind the scales
	const float *residual;
	bool residual_last;
	int32_t activation;
	float p0, p1, low, high;
	bool clips; // the activation is none, relu or clip, and the residual comes first
	int32_t output;
	float y_scale;
	int32_t y_zero;
} gemm8_epilogue;

// One integer of eight bits, or 0 where it is absent.
INLINE int32_t epilogue_zero(const void *p, bool is_signed) { return !p ? 0 : is_signed ? *(const int8_t *)p : *(const uint8_t *)p; }

// The epilogue for the group that begins at a column of C.
INLINE gemm8_epilogue epilogue_of(const inferd_step *step, void *const *bases, int64_t first)
{
	const int64_t *p = step->parameter, flags = p[INFERD_GEMM8_FLAGS];
	const float *a_scale = inferd_address(step, bases, INFERD_GEMM8_A_SCALE), *b_scale = inferd_address(step, bases, INFERD_GEMM8_B_SCALE);
	const float *y_scale = inferd_address(step, bases, INFERD_GEMM8_Y_SCALE), *residual = inferd_address(step, bases, INFERD_GEMM8_RESIDUAL);
	char *bias = inferd_address(step, bases, INFERD_GEMM8_BIAS), *c = inferd_address(step, bases, INFERD_GEMM8_C);
	const int32_t output = (int32_t)p[INFERD_GEMM8_OUTPUT], activation = (int32_t)p[INFERD_GEMM8_ACTIVATION];
	gemm8_epilogue e = {
		.c = c + first * (output == INFERD_GEMM8_UINT8 || output == INFERD_GEMM8_INT8 ? 1 : 4),
		.c_row = p[INFERD_GEMM8_GROUPS] * p[INFERD_GEMM8_N],
		.a_zero = epilogue_zero(inferd_address(step, bases, INFERD_GEMM8_A_ZERO), flags & INFERD_GEMM8_A_IS_SIGNED),
		.a_scale = a_scale ? *a_scale : 1,
		.scale_each = flags & INFERD_GEMM8_SCALE_EACH,
		.b_scale = b_scale && flags & INFERD_GEMM8_SCALE_EACH ? b_scale + first : b_scale,
		.bias = bias && !(flags & INFERD_GEMM8_BIAS_IS_FLOAT) ? (const int32_t *)bias + first : NULL,
		.late_bias = bias && flags & INFERD_GEMM8_BIAS_IS_FLOAT ? (const float *)bias + first : NULL,
		.residual = residual ? residual + first : NULL,
		.residual_last = flags & INFERD_GEMM8_RESIDUAL_LAST,
		.activation = activation,
		.p0 = (float)inferd_parameter_double(step, INFERD_GEMM8_P0),
		.p1 = (float)inferd_parameter_double(step, INFERD_GEMM8_P1),
		.low = -INFINITY,
		.high = INFINITY,
		.output = output,
		.y_scale = y_scale ? *y_scale : 1,
		.y_zero = epilogue_zero(inferd_address(step, bases, INFERD_GEMM8_Y_ZERO), output == INFERD_GEMM8_INT8),
	};
	e.clips = activation <= INFERD_ACTIVATION_CLIP && (!residual || !e.residual_last || activation == INFERD_ACTIVATION_NONE);
	if (activation == INFERD_ACTIVATION_RELU)
		e.low = 0;
	if (activation == INFERD_ACTIVATION_CLIP)
		e.low = e.p0, e.high = e.p1;
	return e;
}

INLINE vf epilogue_load(const float *p, int n) { return n == LANES ? vf_load(p) : vf_load_partial(p, n); }

// Turns scaled sums into values.
INLINE vf epilogue_value(const gemm8_epilogue *e, const bool clips, vf x, int64_t at, int n)
{
	vf residual = e->residual ? epilogue_load(e->residual + at, n) : vf_zero();
	if (clips)
		return vf_min(vf_set(e->high), vf_max(vf_set(e->low), x + residual));
	x = activate(e->activation, e->residual_last ? x : x + residual, e->p0, e->p1);
	return e->residual_last ? x + residual : x;
}

// Finishes rows x n sums at `sum` (row stride `stride`), n <= LANES, which belong to C at (row, column). `output` is a constant, one of the eight-bit types
// standing for both.
INLINE void epilogue_columns(const gemm8_epilogue *e, const int output, const bool clips, const int32_t *sum, int64_t stride, int64_t row, int64_t rows, int64_t column, int n)
{
	// Unsigned: these wrap, as the sums of ONNX do.
	vu start = {0}, zero = e->zeros ? (vu)vi_load(e->zeros + column) : start;
	if (e->bias)
		start = (vu)vi_bits(epilogue_load((const float *)e->bias + column, n));
	if (e->terms)
		start -= (vu)vi_set(e->a_zero) * (vu)vi_load(e->terms + column);
	vf scale = vf_set(e->a_scale), late_bias = e->late_bias ? epilogue_load(e->late_bias + column, n) : vf_zero();
	if (e->b_scale)
		scale *= e->scale_each ? epilogue_load(e->b_scale + column, n) : vf_set(*e->b_scale);
	for (int64_t r = 0; r < rows; r++) {
		vu s = (vu)vi_load(sum + r * stride) + start;
		if (e->zeros)
			s -= zero * (vu)vi_set(e->row_sums[row + r]);
		const int64_t at = (row + r) * e->c_row + column;
		vf x = vf_bits((vi)s);
		if (output != INFERD_GEMM8_INT32)
			x = epilogue_value(e, clips, vf_from_vi((vi)s) * scale + late_bias, at, n);
		if (output == INFERD_GEMM8_UINT8) {
			vi q = vi_quantize(x, vf_set(e->y_scale), vi_set(e->y_zero), e->output == INFERD_GEMM8_INT8 ? -128 : 0);
			if (n == LANES)
				vi_store_8((char *)e->c + at, q);
			else
				vi_store_8_partial((char *)e->c + at, q, n);
		} else if (n == LANES) {
			vf_store((float *)e->c + at, x);
		} else {
			vf_store_partial((float *)e->c + at, x, n);
		}
	}
}

INLINE void epilogue_block(const gemm8_epilogue *e, const int output, const bool clips, const int32_t *sum, int64_t stride, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
	int64_t j = 0;
	for (; j + LANES <= columns; j += LANES)
		epilogue_columns(e, output, clips, sum + j, stride, row, rows, column + j, LANES);
	if (j < columns)
		epilogue_columns(e, output, clips, sum + j, stride, row, rows, column + j, (int)(columns - j));
}

// Finishes rows x columns sums.
static __attribute__((noinline)) void epilogue_finish(const gemm8_epilogue *e, const int32_t *sum, int64_t stride, int64_t row, int64_t rows, int64_t column, int64_t columns)
{
	if (e->output == INFERD_GEMM8_INT32)
		epilogue_block(e, INFERD_GEMM8_INT32, true, sum, stride, row, rows, column, columns);
	else if (e->output == INFERD_GEMM8_FLOAT32 && e->clips)
		epilogue_block(e, INFERD_GEMM8_FLOAT32, true, sum, stride, row, rows, column, columns);
	else if (e->output == INFERD_GEMM8_FLOAT32)
		epilogue_block(e, INFERD_GEMM8_FLOAT32, false, sum, stride, row, rows, column, columns);
	else if (e->clips)
		epilogue_block(e, INFERD_GEMM8_UINT8, true, sum, stride, row, rows, column, columns);
	else
		epilogue_block(e, INFERD_GEMM8_UINT8, false, sum, stride, row, rows, column, columns);
}

#endif

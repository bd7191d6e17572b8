// What follows the sums of integers, for a vector of columns.
#ifndef INFERD_INTEGER_EPILOGUE_H
#define INFERD_INTEGER_EPILOGUE_H

#include <stdbool.h>

#include "activation.h"
#include "integer.h"
#include "vector_bytes.h"

// What is the same for all elements of a group.
typedef struct {
	const int32_t *terms, *zeros; // of columns
	const float *scales;
	const void *bias;
	const float *residual;
	char *c;
	int64_t row; // columns of C and the residual
	int32_t a_zero, output, activation;
	int32_t y_zero, y_least;
	float a_scale, y_scale, p0, p1;
	bool has_zeros, integer_bias, residual_last;
} integer_epilogue;

INLINE int32_t integer_number(const void *p, bool is_unsigned)
{
	if (!p)
		return 0;
	return is_unsigned ? *(const uint8_t *)p : *(const int8_t *)p;
}

// Reads what a step says about the results of a group.
static __attribute__((unused)) integer_epilogue integer_describe(const inferd_step *step, void *const *bases, int64_t group)
{
	const int64_t *p = step->parameter, columns = p[INTEGER_GROUP_COLUMNS], first = group * columns, pitch = p[INTEGER_COLUMN_PITCH];
	const int64_t flags = p[INTEGER_FLAGS];
	const float *a_scale = inferd_address(step, bases, INTEGER_A_SCALE), *y_scale = inferd_address(step, bases, INTEGER_Y_SCALE);
	integer_epilogue e = {
		.terms = (const int32_t *)inferd_address(step, bases, INTEGER_COLUMNS) + group * pitch,
		.bias = inferd_address(step, bases, INTEGER_BIAS),
		.residual = inferd_address(step, bases, INTEGER_RESIDUAL),
		.output = (int32_t)p[INTEGER_OUTPUT],
		.row = p[INTEGER_GROUPS] * columns,
		.activation = (int32_t)p[INTEGER_ACTIVATION],
		.a_scale = a_scale ? *a_scale : 1,
		.y_scale = y_scale ? *y_scale : 1,
		.y_zero = integer_number(inferd_address(step, bases, INTEGER_Y_ZERO), p[INTEGER_OUTPUT] == INTEGER_OUTPUT_UINT8),
		.y_least = p[INTEGER_OUTPUT] == INTEGER_OUTPUT_UINT8 ? 0 : -128,
		.p0 = (float)inferd_parameter_double(step, INTEGER_P0),
		.p1 = (float)inferd_parameter_double(step, INTEGER_P1),
		.has_zeros = (flags & INTEGER_HAS_ZEROS) != 0,
		.integer_bias = (flags & INTEGER_BIAS_IS_INTEGER) != 0,
		.residual_last = (flags & INTEGER_RESIDUAL_LAST) != 0,
	};
	e.zeros = e.terms + p[INTEGER_ARRAY];
	e.scales = (const float *)(e.zeros + p[INTEGER_ARRAY]);
	e.a_zero = integer_number(inferd_address(step, bases, INTEGER_A_ZERO), flags & INTEGER_UNSIGNED_A);
	e.c = (char *)inferd_address(step, bases, INTEGER_C) + first * (e.output <= INTEGER_OUTPUT_FLOAT ? 4 : 1);
	if (e.bias)
		e.bias = (const char *)e.bias + 4 * first;
	if (e.residual)
		e.residual += first;
	return e;
}

// Finishes the sums of a row's columns, of which the first n are there.
INLINE void integer_finish(const integer_epilogue *e, vi sum, int64_t row, int64_t column, int n)
{
	const int64_t at = row * e->row + column;
	if (e->output == INTEGER_OUTPUT_INT32) {
		vf_store_partial((float *)e->c + at, vf_bits(sum), n);
		return;
	}
	vf bias = vf_zero();
	if (e->bias && e->integer_bias)
		sum += vi_bits(vf_load_partial((const float *)e->bias + column, n));
	else if (e->bias)
		bias = vf_load_partial((const float *)e->bias + column, n);
	vf value = vf_from_vi(sum) * (vf_set(e->a_scale) * vf_load(e->scales + column));
	value += bias;
	if (e->residual) {
		vf residual = vf_load_partial(e->residual + at, n);
		if (e->residual_last)
			value = activate(e->activation, value, e->p0, e->p1) + residual;
		else
			value = activate(e->activation, value + residual, e->p0, e->p1);
	} else if (e->activation != INFERD_ACTIVATION_NONE) {
		value = activate(e->activation, value, e->p0, e->p1);
	}
	if (e->output == INTEGER_OUTPUT_FLOAT) {
		vf_store_partial((float *)e->c + at, value, n);
		return;
	}
	const vi result = vi_quantize(value, vf_set(e->y_scale), vi_set(e->y_zero), e->y_least);
	if (n == LANES)
		vi_store_8(e->c + at, result);
	else
		vi_store_8_partial(e->c + at, result, n);
}

#endif

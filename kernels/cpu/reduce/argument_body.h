// ArgMax and ArgMin of float32, and the reductions of integers. A NaN is found only where it comes first, as in onnxruntime.
#include <stdbool.h>

#include "reduce.h"
#include "vector.h"

// The minimum is the maximum of the negated elements; negation is exact.
INLINE vf argument_key(vf x, int64_t op) { return op == INFERD_REDUCE_ARG_MIN ? vf_bits(vi_bits(x) ^ vi_set((int32_t)0x80000000)) : x; }

INLINE vi argument_better(vf x, vf best, int64_t last) { return last ? (vi)(x >= best) : (vi)(x > best); }

// Every lane starts with element 0, so that lanes that see no better one, or no element, agree on it.
INLINE int64_t argument_row(const float *x, int64_t n, int64_t op, int64_t last)
{
	vf best = argument_key(vf_set(x[0]), op);
	vi index = vi_set(0), position = vi_lanes();
	for (int64_t i = 0; i < n; i += LANES) {
		int lanes = n - i < LANES ? (int)(n - i) : LANES;
		vf v = argument_key(lanes == LANES ? vf_load(x + i) : vf_load_partial(x + i, lanes), op);
		vi better = argument_better(v, best, last) & (vi)(position < vi_set((int32_t)n));
		best = vf_select(better, v, best);
		index = vi_select(better, position, index);
		position += vi_set(LANES);
	}
	int32_t result = index[0];
	float value = best[0];
	for (int i = 1; i < LANES; i++) {
		bool tie = best[i] == value && (last ? index[i] > result : index[i] < result);
		if (best[i] > value || tie) {
			result = index[i];
			value = best[i];
		}
	}
	return result;
}

// Operands: X [outer, axis] float32, Y [outer] int64.
void INFERD_NAME(inferd_argument_rows)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const float *x = inferd_address(step, bases, 0);
	int64_t *y = inferd_address(step, bases, 1);
	int64_t n = step->parameter[INFERD_REDUCE_AXIS], rows = step->parameter[INFERD_REDUCE_OUTER], op = step->parameter[INFERD_REDUCE_OP];
	int64_t first = tile * step->parameter[INFERD_REDUCE_UNITS_PER_TILE], end = first + step->parameter[INFERD_REDUCE_UNITS_PER_TILE];
	for (int64_t row = first; row < end && row < rows; row++)
		y[row] = argument_row(x + row * n, n, op, step->parameter[INFERD_REDUCE_LAST]);
}

// Operands: X [outer, axis, inner] float32, Y [outer, inner] int64. A unit is up to LANES columns of a plane.
void INFERD_NAME(inferd_argument_columns)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const float *x = inferd_address(step, bases, 0);
	int64_t *y = inferd_address(step, bases, 1);
	int64_t n = step->parameter[INFERD_REDUCE_AXIS], inner = step->parameter[INFERD_REDUCE_INNER], op = step->parameter[INFERD_REDUCE_OP];
	int64_t bands = (inner + LANES - 1) / LANES, units = step->parameter[INFERD_REDUCE_OUTER] * bands;
	int64_t first = tile * step->parameter[INFERD_REDUCE_UNITS_PER_TILE], end = first + step->parameter[INFERD_REDUCE_UNITS_PER_TILE];
	for (int64_t unit = first; unit < end && unit < units; unit++) {
		int64_t column = unit % bands * LANES, plane = unit / bands;
		const float *from = x + plane * n * inner + column;
		int lanes = inner - column < LANES ? (int)(inner - column) : LANES;
		vf best = argument_key(vf_load_partial(from, lanes), op);
		vi index = vi_set(0);
		for (int64_t i = 1; i < n; i++) {
			vf v = argument_key(lanes == LANES ? vf_load(from + i * inner) : vf_load_partial(from + i * inner, lanes), op);
			vi better = argument_better(v, best, step->parameter[INFERD_REDUCE_LAST]);
			best = vf_select(better, v, best);
			index = vi_select(better, vi_set((int32_t)i), index);
		}
		for (int i = 0; i < lanes; i++)
			y[plane * inner + column + i] = index[i];
	}
}

INLINE int64_t integer_at(const char *x, int64_t i, int64_t bytes)
{
	if (bytes == 4) {
		int32_t value;
		memcpy(&value, x + i * 4, 4);
		return value;
	}
	int64_t value;
	memcpy(&value, x + i * 8, 8);
	return value;
}

// One output. Sums and products wrap around.
INLINE int64_t reduce_integer(const char *x, int64_t n, int64_t stride, int64_t bytes, int64_t op, bool last)
{
	int64_t value = op == INFERD_REDUCE_PROD, position = 0;
	if (op == INFERD_REDUCE_SUM || op == INFERD_REDUCE_MEAN) {
		for (int64_t i = 0; i < n; i++)
			value = (int64_t)((uint64_t)value + (uint64_t)integer_at(x, i * stride, bytes));
		return op == INFERD_REDUCE_MEAN && n > 0 ? value / n : value;
	}
	if (op == INFERD_REDUCE_PROD) {
		for (int64_t i = 0; i < n; i++)
			value = (int64_t)((uint64_t)value * (uint64_t)integer_at(x, i * stride, bytes));
		return value;
	}
	bool minimum = op == INFERD_REDUCE_MIN || op == INFERD_REDUCE_ARG_MIN;
	value = integer_at(x, 0, bytes);
	for (int64_t i = 1; i < n; i++) {
		int64_t v = integer_at(x, i * stride, bytes);
		if ((minimum ? v < value : v > value) || (last && v == value)) {
			value = v;
			position = i;
		}
	}
	return op == INFERD_REDUCE_ARG_MAX || op == INFERD_REDUCE_ARG_MIN ? position : value;
}

// Operands: X [outer, axis, inner] int32 or int64, Y [outer, inner] of the same type, or int64 for arguments. A unit is one output.
void INFERD_NAME(inferd_reduce_integers)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const char *x = inferd_address(step, bases, 0);
	char *y = inferd_address(step, bases, 1);
	int64_t n = step->parameter[INFERD_REDUCE_AXIS], inner = step->parameter[INFERD_REDUCE_INNER], op = step->parameter[INFERD_REDUCE_OP];
	int64_t bytes = step->parameter[INFERD_REDUCE_BYTES], units = step->parameter[INFERD_REDUCE_OUTER] * inner;
	bool last = step->parameter[INFERD_REDUCE_LAST], argument = op == INFERD_REDUCE_ARG_MAX || op == INFERD_REDUCE_ARG_MIN;
	int64_t first = tile * step->parameter[INFERD_REDUCE_UNITS_PER_TILE], end = first + step->parameter[INFERD_REDUCE_UNITS_PER_TILE];
	for (int64_t unit = first; unit < end && unit < units; unit++) {
		const char *from = x + (unit / inner * n * inner + unit % inner) * bytes;
		int64_t value = reduce_integer(from, n, inner, bytes, op, last);
		memcpy(y + unit * (argument ? 8 : bytes), &value, (size_t)(argument ? 8 : bytes));
	}
}

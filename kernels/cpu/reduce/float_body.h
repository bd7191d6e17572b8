// float32 reductions. Each output is accumulated in one order that depends on the length of the axis alone: rows in four vectors, columns
// element after element. Bound by memory.
#include "reduce.h"
#include "vector.h"

// What an element adds to the accumulator.
INLINE vf reduce_element(int64_t op, vf x)
{
	if (op == INFERD_REDUCE_L1)
		return vf_abs(x);
	if (op == INFERD_REDUCE_L2 || op == INFERD_REDUCE_SUM_SQUARE)
		return x * x;
	return x;
}

// Maximum and minimum are NaN where an element is.
INLINE vf reduce_combine(int64_t op, vf a, vf x)
{
	switch (op) {
	case INFERD_REDUCE_MAX: return vf_select(x != x, x, vf_max(x, a));
	case INFERD_REDUCE_MIN: return vf_select(x != x, x, vf_min(x, a));
	case INFERD_REDUCE_PROD: return a * x;
	default: return a + x;
	}
}

INLINE float reduce_identity(int64_t op)
{
	switch (op) {
	case INFERD_REDUCE_MAX: return -INFINITY;
	case INFERD_REDUCE_MIN: return INFINITY;
	case INFERD_REDUCE_PROD: return 1.0f;
	default: return 0.0f;
	}
}

INLINE vf reduce_finish(int64_t op, vf a, int64_t n)
{
	if (op == INFERD_REDUCE_MEAN)
		return a / vf_set((float)n);
	return op == INFERD_REDUCE_L2 ? vf_sqrt(a) : a;
}

INLINE float reduce_lanes(int64_t op, vf v)
{
	for (int distance = LANES / 2; distance > 0; distance /= 2)
		v = reduce_combine(op, v, vf_exchange(v, distance));
	return v[0];
}

INLINE float reduce_row(int64_t op, const float *x, int64_t n)
{
	vf a[4];
	for (int j = 0; j < 4; j++)
		a[j] = vf_set(reduce_identity(op));
	int64_t i = 0;
	for (; i + 4 * LANES <= n; i += 4 * LANES)
		for (int j = 0; j < 4; j++)
			a[j] = reduce_combine(op, a[j], reduce_element(op, vf_load(x + i + j * LANES)));
	for (; i + LANES <= n; i += LANES)
		a[0] = reduce_combine(op, a[0], reduce_element(op, vf_load(x + i)));
	if (i < n) {
		vf last = reduce_element(op, vf_load_partial(x + i, (int)(n - i)));
		a[1] = reduce_combine(op, a[1], vf_select(vi_below((int)(n - i)), last, vf_set(reduce_identity(op))));
	}
	vf all = reduce_combine(op, reduce_combine(op, a[0], a[1]), reduce_combine(op, a[2], a[3]));
	return reduce_finish(op, vf_set(reduce_lanes(op, all)), n)[0];
}

INLINE void reduce_rows(const inferd_step *step, float *y, const float *x, int64_t first, int64_t end, int64_t op)
{
	int64_t n = step->parameter[INFERD_REDUCE_AXIS];
	for (int64_t row = first; row < end; row++)
		y[row] = reduce_row(op, x + row * n, n);
}

// A unit of the column forms is up to BAND columns of a plane: whole cache lines of each row.
enum { VECTORS = 4, BAND = VECTORS * LANES };

INLINE void reduce_band(int64_t op, float *y, const float *x, int64_t n, int64_t inner)
{
	vf a[VECTORS];
	for (int j = 0; j < VECTORS; j++)
		a[j] = vf_set(reduce_identity(op));
	for (int64_t i = 0; i < n; i++)
		for (int j = 0; j < VECTORS; j++)
			a[j] = reduce_combine(op, a[j], reduce_element(op, vf_load(x + i * inner + j * LANES)));
	for (int j = 0; j < VECTORS; j++)
		vf_store(y + j * LANES, reduce_finish(op, a[j], n));
}

INLINE void reduce_lane_band(int64_t op, float *y, const float *x, int64_t n, int64_t inner, int lanes)
{
	vf a = vf_set(reduce_identity(op));
	for (int64_t i = 0; i < n; i++)
		a = reduce_combine(op, a, reduce_element(op, lanes == LANES ? vf_load(x + i * inner) : vf_load_partial(x + i * inner, lanes)));
	a = reduce_finish(op, a, n);
	if (lanes == LANES)
		vf_store(y, a);
	else
		vf_store_partial(y, a, lanes);
}

INLINE void reduce_columns(const inferd_step *step, float *y, const float *x, int64_t first, int64_t end, int64_t op)
{
	int64_t n = step->parameter[INFERD_REDUCE_AXIS], inner = step->parameter[INFERD_REDUCE_INNER], bands = (inner + BAND - 1) / BAND;
	for (int64_t unit = first; unit < end; unit++) {
		int64_t plane = unit / bands, column = unit % bands * BAND;
		const float *from = x + plane * n * inner + column;
		float *to = y + plane * inner + column;
		int64_t columns = inner - column < BAND ? inner - column : BAND;
		if (columns == BAND) {
			reduce_band(op, to, from, n, inner);
			continue;
		}
		for (int64_t c = 0; c < columns; c += LANES)
			if (columns - c >= LANES)
				reduce_lane_band(op, to + c, from + c, n, inner, LANES);
			else
				reduce_lane_band(op, to + c, from + c, n, inner, (int)(columns - c));
	}
}

typedef void (*reduce_form)(const inferd_step *, float *, const float *, int64_t, int64_t, int64_t);

// One copy of the loop per operation.
INLINE void reduce_tile(const inferd_step *step, void *const *bases, int64_t tile, int64_t units, reduce_form form)
{
	const float *x = inferd_address(step, bases, 0);
	float *y = inferd_address(step, bases, 1);
	int64_t first = tile * step->parameter[INFERD_REDUCE_UNITS_PER_TILE], end = first + step->parameter[INFERD_REDUCE_UNITS_PER_TILE];
	end = end < units ? end : units;
	switch (step->parameter[INFERD_REDUCE_OP]) {
	case INFERD_REDUCE_SUM: form(step, y, x, first, end, INFERD_REDUCE_SUM); break;
	case INFERD_REDUCE_MEAN: form(step, y, x, first, end, INFERD_REDUCE_MEAN); break;
	case INFERD_REDUCE_MAX: form(step, y, x, first, end, INFERD_REDUCE_MAX); break;
	case INFERD_REDUCE_MIN: form(step, y, x, first, end, INFERD_REDUCE_MIN); break;
	case INFERD_REDUCE_PROD: form(step, y, x, first, end, INFERD_REDUCE_PROD); break;
	case INFERD_REDUCE_L1: form(step, y, x, first, end, INFERD_REDUCE_L1); break;
	case INFERD_REDUCE_L2: form(step, y, x, first, end, INFERD_REDUCE_L2); break;
	default: form(step, y, x, first, end, INFERD_REDUCE_SUM_SQUARE); break;
	}
}

// Operands: X [outer, axis], Y [outer].
void INFERD_NAME(inferd_reduce_rows)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	reduce_tile(step, bases, tile, step->parameter[INFERD_REDUCE_OUTER], reduce_rows);
}

// Operands: X [outer, axis, inner], Y [outer, inner].
void INFERD_NAME(inferd_reduce_columns)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	int64_t bands = (step->parameter[INFERD_REDUCE_INNER] + BAND - 1) / BAND;
	reduce_tile(step, bases, tile, step->parameter[INFERD_REDUCE_OUTER] * bands, reduce_columns);
}

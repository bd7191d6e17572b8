// softmax(scale x + mask) over one axis, safe against overflow: the row's maximum is subtracted first.
//
// A row is read three times, the second and third time from L1 where it is shorter than about 4,000 elements. Short rows are bound by
// the exponential, long ones by memory. The sums go lane by lane in one vector, so a row's result depends on the row alone. A row of -inf
// gives NaN, as in onnxruntime.
#include <stdbool.h>

#include "softmax.h"
#include "vector_math.h"

// What the row kernel does to an element ahead of the softmax. mask is NULL where there is none.
typedef struct {
	vf scale;
	const float *mask;
} score;

INLINE vf score_at(const score *s, const float *x, int64_t i, int n)
{
	vf value = s->scale * (n == LANES ? vf_load(x + i) : vf_load_partial(x + i, n));
	if (s->mask != NULL)
		value += n == LANES ? vf_load(s->mask + i) : vf_load_partial(s->mask + i, n);
	return value;
}

// e^(x - maximum); the maximum being finite, the difference is at most 0.
INLINE vf shifted_exp(vf x, vf maximum)
{
	vf d = x - maximum;
	vf y = vf_exp_bounded(vf_max(vf_set(INFERD_EXP_LOW), d)); // NaN passes
	return vf_bits(vi_bits(y) & ~(vi)(d < vf_set(INFERD_EXP_LOW)));
}

// NaN is not seen by the maximum; it reaches the sum by its own exponential.
INLINE float row_maximum(const score *s, const float *x, int64_t n)
{
	vf a = vf_set(-INFINITY), b = a;
	int64_t i = 0;
	for (; i + 2 * LANES <= n; i += 2 * LANES) {
		a = vf_max(score_at(s, x, i, LANES), a);
		b = vf_max(score_at(s, x, i + LANES, LANES), b);
	}
	if (i + LANES <= n) {
		a = vf_max(score_at(s, x, i, LANES), a);
		i += LANES;
	}
	if (i < n) {
		vf last = vf_select(vi_below((int)(n - i)), score_at(s, x, i, (int)(n - i)), vf_set(-INFINITY));
		b = vf_max(last, b);
	}
	return vf_reduce_max(vf_max(a, b));
}

INLINE void softmax_row(float *y, const float *x, int64_t n, const score *s)
{
	vf maximum = vf_set(row_maximum(s, x, n)), sum = vf_zero(), last = vf_zero();
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		vf e = shifted_exp(score_at(s, x, i, LANES), maximum);
		vf_store(y + i, e);
		sum += e;
	}
	int rest = (int)(n - i);
	if (rest > 0) {
		last = vf_bits(vi_bits(shifted_exp(score_at(s, x, i, rest), maximum)) & vi_below(rest));
		sum += last;
	}
	vf factor = vf_set(1.0f / vf_reduce_add(sum));
	for (i = 0; i + LANES <= n; i += LANES)
		vf_store(y + i, vf_load(y + i) * factor);
	if (rest > 0)
		vf_store_partial(y + i, last * factor, rest);
}

INLINE void log_softmax_row(float *y, const float *x, int64_t n, const score *s)
{
	vf maximum = vf_set(row_maximum(s, x, n)), sum = vf_zero();
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		sum += shifted_exp(score_at(s, x, i, LANES), maximum);
	int rest = (int)(n - i);
	if (rest > 0)
		sum += vf_bits(vi_bits(shifted_exp(score_at(s, x, i, rest), maximum)) & vi_below(rest));
	vf logarithm = vf_log(vf_set(vf_reduce_add(sum)));
	for (i = 0; i + LANES <= n; i += LANES)
		vf_store(y + i, score_at(s, x, i, LANES) - maximum - logarithm);
	if (rest > 0)
		vf_store_partial(y + i, score_at(s, x, i, rest) - maximum - logarithm, rest);
}

INLINE const float *row_mask(const inferd_step *step, const char *mask, int64_t row)
{
	if (mask == NULL)
		return NULL;
	for (int64_t d = step->parameter[INFERD_SOFTMAX_MASK_DIMENSIONS]; d-- > 0;) {
		int64_t dim = step->parameter[INFERD_SOFTMAX_MASK_DIMS + d];
		mask += row % dim * step->parameter[INFERD_SOFTMAX_MASK_STRIDES + d];
		row /= dim;
	}
	return (const float *)mask;
}

// Operands: X [rows, axis], Y (may be X), mask? of rows of `axis` elements, broadcast over the rows.
void INFERD_NAME(inferd_softmax_rows)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const float *x = inferd_address(step, bases, 0);
	float *y = inferd_address(step, bases, 1);
	const char *mask = inferd_address(step, bases, 2);
	int64_t rows = step->parameter[INFERD_SOFTMAX_OUTER], n = step->parameter[INFERD_SOFTMAX_AXIS];
	int64_t first = tile * step->parameter[INFERD_SOFTMAX_UNITS_PER_TILE], end = first + step->parameter[INFERD_SOFTMAX_UNITS_PER_TILE];
	vf scale = vf_set((float)inferd_parameter_double(step, INFERD_SOFTMAX_SCALE));
	for (int64_t row = first; row < end && row < rows; row++) {
		score masked = {scale, row_mask(step, mask, row)}, plain = {scale, NULL};
		if (step->parameter[INFERD_SOFTMAX_LOG])
			log_softmax_row(y + row * n, x + row * n, n, &masked);
		else if (mask != NULL)
			softmax_row(y + row * n, x + row * n, n, &masked);
		else // a loop of its own, without the question for the mask
			softmax_row(y + row * n, x + row * n, n, &plain);
	}
}

// LANES rows side by side, the elements of each `inner` apart; the first `lanes` lanes count.
INLINE void softmax_column(float *y, const float *x, int64_t n, int64_t inner, vf scale, bool logarithmic, int lanes)
{
	vf maximum = vf_set(-INFINITY), sum = vf_zero();
	for (int64_t i = 0; i < n; i++)
		maximum = vf_max(scale * (lanes == LANES ? vf_load(x + i * inner) : vf_load_partial(x + i * inner, lanes)), maximum);
	for (int64_t i = 0; i < n; i++) {
		vf value = scale * (lanes == LANES ? vf_load(x + i * inner) : vf_load_partial(x + i * inner, lanes));
		sum += shifted_exp(value, maximum);
	}
	vf offset = logarithmic ? vf_log(sum) : vf_zero(), factor = vf_set(1.0f) / sum;
	for (int64_t i = 0; i < n; i++) {
		vf value = scale * (lanes == LANES ? vf_load(x + i * inner) : vf_load_partial(x + i * inner, lanes));
		vf result = logarithmic ? value - maximum - offset : shifted_exp(value, maximum) * factor;
		if (lanes == LANES)
			vf_store(y + i * inner, result);
		else
			vf_store_partial(y + i * inner, result, lanes);
	}
}

// Operands: X [outer, axis, inner], Y (may be X). A unit is up to LANES columns of a plane.
void INFERD_NAME(inferd_softmax_columns)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const float *x = inferd_address(step, bases, 0);
	float *y = inferd_address(step, bases, 1);
	int64_t n = step->parameter[INFERD_SOFTMAX_AXIS], inner = step->parameter[INFERD_SOFTMAX_INNER];
	int64_t bands = (inner + LANES - 1) / LANES, units = step->parameter[INFERD_SOFTMAX_OUTER] * bands;
	int64_t first = tile * step->parameter[INFERD_SOFTMAX_UNITS_PER_TILE], end = first + step->parameter[INFERD_SOFTMAX_UNITS_PER_TILE];
	vf scale = vf_set((float)inferd_parameter_double(step, INFERD_SOFTMAX_SCALE));
	bool logarithmic = step->parameter[INFERD_SOFTMAX_LOG];
	for (int64_t unit = first; unit < end && unit < units; unit++) {
		int64_t column = unit % bands * LANES, offset = unit / bands * n * inner + column;
		if (inner - column >= LANES)
			softmax_column(y + offset, x + offset, n, inner, scale, logarithmic, LANES);
		else
			softmax_column(y + offset, x + offset, n, inner, scale, logarithmic, (int)(inner - column));
	}
}

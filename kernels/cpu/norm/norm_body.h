// Normalisation of rows: y = (v - mean) / sqrt(variance + epsilon) * scale + bias, with v = x + residual.
//
// Mean and variance take a pass each over the row, which the first one has brought to L1: the sum of squared differences from the mean,
// since the difference of two large sums would cancel. Rows beyond L1 are bound by memory, shorter ones by L1. Four accumulators, always in
// the same order, so a row's result depends on the row alone.
#include <stdbool.h>

#include "norm.h"
#include "vector.h"

typedef struct {
	int64_t width;
	float epsilon;
	bool root_mean_square;
	bool per_row; // scale and bias are one number each
} norm;

// The part of a row that is no whole vector is kept here between the passes.
typedef struct {
	vf value;
	int lanes;
} norm_rest;

// Sums v over the row. Where there is a residual, v is stored to `keep`, which the later passes read.
INLINE float norm_sum(const float *x, const float *residual, float *keep, int64_t n, norm_rest *rest)
{
	vf sum[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
	int64_t i = 0;
	for (; i + 4 * LANES <= n; i += 4 * LANES)
		for (int j = 0; j < 4; j++) {
			vf v = vf_load(x + i + j * LANES);
			if (residual != NULL) {
				v += vf_load(residual + i + j * LANES);
				vf_store(keep + i + j * LANES, v);
			}
			sum[j] += v;
		}
	for (; i + LANES <= n; i += LANES) {
		vf v = vf_load(x + i);
		if (residual != NULL) {
			v += vf_load(residual + i);
			vf_store(keep + i, v);
		}
		sum[0] += v;
	}
	rest->lanes = (int)(n - i);
	rest->value = vf_zero();
	if (rest->lanes > 0) {
		rest->value = vf_load_partial(x + i, rest->lanes);
		if (residual != NULL) {
			rest->value += vf_load_partial(residual + i, rest->lanes);
			vf_store_partial(keep + i, rest->value, rest->lanes);
		}
		sum[1] += rest->value;
	}
	return vf_reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

INLINE float norm_sum_of_squares(const float *v, int64_t n, float centre, const norm_rest *rest)
{
	vf sum[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()}, mean = vf_set(centre);
	int64_t i = 0;
	for (; i + 4 * LANES <= n; i += 4 * LANES)
		for (int j = 0; j < 4; j++) {
			vf d = vf_load(v + i + j * LANES) - mean;
			sum[j] = vf_fma(d, d, sum[j]);
		}
	for (; i + LANES <= n; i += LANES) {
		vf d = vf_load(v + i) - mean;
		sum[0] = vf_fma(d, d, sum[0]);
	}
	if (rest->lanes > 0) {
		vf d = vf_bits(vi_bits(rest->value - mean) & vi_below(rest->lanes));
		sum[1] = vf_fma(d, d, sum[1]);
	}
	return vf_reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// scale and bias by element; bias may be NULL.
INLINE void norm_scale(float *y, const float *v, int64_t n, float centre, float factor, const float *scale, const float *bias, const norm_rest *rest)
{
	vf mean = vf_set(centre), f = vf_set(factor);
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		vf b = bias != NULL ? vf_load(bias + i) : vf_zero();
		vf_store(y + i, vf_fma((vf_load(v + i) - mean) * f, vf_load(scale + i), b));
	}
	if (rest->lanes > 0) {
		vf b = bias != NULL ? vf_load_partial(bias + i, rest->lanes) : vf_zero();
		vf_store_partial(y + i, vf_fma((rest->value - mean) * f, vf_load_partial(scale + i, rest->lanes), b), rest->lanes);
	}
}

// One scale and bias for the whole row.
INLINE void norm_scale_row(float *y, const float *v, int64_t n, float centre, float factor, float scale, float bias, const norm_rest *rest)
{
	vf mean = vf_set(centre), f = vf_set(factor * scale), b = vf_set(bias);
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(y + i, vf_fma(vf_load(v + i) - mean, f, b));
	if (rest->lanes > 0)
		vf_store_partial(y + i, vf_fma(rest->value - mean, f, b), rest->lanes);
}

INLINE void norm_row(const norm *form, float *y, float *sum, const float *x, const float *residual, const float *scale, const float *bias)
{
	float *keep = sum != NULL ? sum : y;
	norm_rest rest;
	float total = residual != NULL ? norm_sum(x, residual, keep, form->width, &rest) : norm_sum(x, NULL, NULL, form->width, &rest);
	const float *v = residual != NULL ? keep : x;
	float mean = form->root_mean_square ? 0.0f : total / (float)form->width;
	float variance = norm_sum_of_squares(v, form->width, mean, &rest) / (float)form->width;
	float factor = 1.0f / sqrtf(variance + form->epsilon);
	if (form->per_row)
		norm_scale_row(y, v, form->width, mean, factor, *scale, bias != NULL ? *bias : 0.0f, &rest);
	else if (bias != NULL)
		norm_scale(y, v, form->width, mean, factor, scale, bias, &rest);
	else
		norm_scale(y, v, form->width, mean, factor, scale, NULL, &rest);
}

// Operands: X [rows, width], residual? like X, scale [width], bias? [width], Y (may be X or the residual), sum? = X + residual.
void INFERD_NAME(inferd_norm)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const float *x = inferd_address(step, bases, INFERD_NORM_X), *residual = inferd_address(step, bases, INFERD_NORM_RESIDUAL);
	const float *scale = inferd_address(step, bases, INFERD_NORM_SCALE), *bias = inferd_address(step, bases, INFERD_NORM_BIAS);
	float *y = inferd_address(step, bases, INFERD_NORM_Y), *sum = inferd_address(step, bases, INFERD_NORM_SUM);
	int64_t rows = step->parameter[INFERD_NORM_ROWS], per_tile = step->parameter[INFERD_NORM_ROWS_PER_TILE];
	int64_t channels = step->parameter[INFERD_NORM_CHANNELS], first = tile * per_tile;
	norm form = {step->parameter[INFERD_NORM_WIDTH], (float)inferd_parameter_double(step, INFERD_NORM_EPSILON),
	             step->parameter[INFERD_NORM_ROOT_MEAN_SQUARE] != 0, channels > 0};
	for (int64_t row = first; row < first + per_tile && row < rows; row++) {
		int64_t at = row * form.width, channel = channels > 0 ? row % channels : 0;
		norm_row(&form, y + at, sum != NULL ? sum + at : NULL, x + at, residual != NULL ? residual + at : NULL, scale + channel,
		         bias != NULL ? bias + channel : NULL);
	}
}

// DynamicQuantizeLinear of float32: y = saturate(round(x / scale) + zero) in uint8, for the range of all of x and zero. Bound by memory: x is read twice.
#include "epilogue.h"

// The extremes of a tile, the least and the largest number with zero among them. NaN is overlooked.
void INFERD_NAME(integer_extremes)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter, first = tile * p[QUANTIZE_TILE];
	const int64_t count = p[QUANTIZE_COUNT] - first < p[QUANTIZE_TILE] ? p[QUANTIZE_COUNT] - first : p[QUANTIZE_TILE];
	const float *x = (const float *)inferd_address(step, bases, QUANTIZE_X) + first;
	float *partial = (float *)inferd_address(step, bases, QUANTIZE_PARTIAL) + 2 * tile;
	vf low = vf_zero(), high = vf_zero();
	for (int64_t i = 0; i < count; i += LANES) {
		const vf v = vf_load_partial(x + i, count - i < LANES ? (int)(count - i) : LANES);
		low = vf_min(v, low);
		high = vf_max(v, high);
	}
	partial[0] = -vf_reduce_max(-low);
	partial[1] = vf_reduce_max(high);
}

void INFERD_NAME(integer_quantize)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter, first = tile * p[QUANTIZE_TILE];
	const int64_t count = p[QUANTIZE_COUNT] - first < p[QUANTIZE_TILE] ? p[QUANTIZE_COUNT] - first : p[QUANTIZE_TILE];
	const float *x = (const float *)inferd_address(step, bases, QUANTIZE_X) + first, *partial = inferd_address(step, bases, QUANTIZE_PARTIAL);
	uint8_t *y = (uint8_t *)inferd_address(step, bases, QUANTIZE_Y) + first;
	float low = 0, high = 0;
	for (int64_t i = 0; i < p[QUANTIZE_TILES]; i++) {
		low = partial[2 * i] < low ? partial[2 * i] : low;
		high = partial[2 * i + 1] > high ? partial[2 * i + 1] : high;
	}
	const float scale = high == low ? 1.0f : (high - low) / 255.0f;
	const vb zeros = integer_quantized(vf_set(-low), scale, 0, 0, 255);
	const uint8_t zero = (uint8_t)zeros[0];
	if (tile == 0) {
		*(float *)inferd_address(step, bases, QUANTIZE_SCALE) = scale;
		*(uint8_t *)inferd_address(step, bases, QUANTIZE_ZERO) = zero;
	}
	for (int64_t i = 0; i < count; i += LANES) {
		const int n = count - i < LANES ? (int)(count - i) : LANES;
		vb_store_partial(y + i, integer_quantized(vf_load_partial(x + i, n), scale, zero, 0, 255), n);
	}
}

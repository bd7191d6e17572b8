// Quantisation and its reverse. A tile is a range of elements, whatever the dimensions. Bound by memory: 5 bytes an element (8 from and to int32).
#include "quantize.h"
#include "vector_bytes.h"

// Where a run of elements begins, and its scales: one for all, or, where they follow one another, one for each.
typedef struct {
	const float *scale;
	const void *zero; // or NULL
	bool each;
} quantize_scales;

// A form works on n elements, n <= LANES, from element i on; the scales are those of element s on. The constants decide the code.
typedef void (*quantize_form)(const void *x, void *y, int64_t i, int n, const quantize_scales *scales, int64_t s, const int type);

INLINE vf quantize_scale(const quantize_scales *scales, int64_t s, int n)
{
	return !scales->each ? vf_set(scales->scale[s]) : n == LANES ? vf_load(scales->scale + s) : vf_load_partial(scales->scale + s, n);
}

INLINE vi quantize_load(const void *from, int64_t i, int n, const int type)
{
	if (type == INFERD_QUANTIZE_INT32)
		return n == LANES ? vi_load((const int32_t *)from + i) : vi_bits(vf_load_partial((const float *)from + i, n));
	const char *bytes = (const char *)from + i;
	return n == LANES ? vi_load_8(bytes, type == INFERD_QUANTIZE_INT8) : vi_load_8_partial(bytes, n, type == INFERD_QUANTIZE_INT8);
}

INLINE vi quantize_zero(const quantize_scales *scales, int64_t s, int n, const int type)
{
	if (!scales->zero)
		return vi_set(0);
	if (scales->each)
		return quantize_load(scales->zero, s, n, type);
	switch (type) {
	case INFERD_QUANTIZE_UINT8: return vi_set(((const uint8_t *)scales->zero)[s]);
	case INFERD_QUANTIZE_INT8: return vi_set(((const int8_t *)scales->zero)[s]);
	default: return vi_set(((const int32_t *)scales->zero)[s]);
	}
}

INLINE void quantize_lanes(const void *x, void *y, int64_t i, int n, const quantize_scales *scales, int64_t s, const int type)
{
	vf scale = quantize_scale(scales, s, n), v = n == LANES ? vf_load((const float *)x + i) : vf_load_partial((const float *)x + i, n);
	vi q = vi_quantize(v, scale, quantize_zero(scales, s, n, type), type == INFERD_QUANTIZE_INT8 ? -128 : 0);
	if (n == LANES)
		vi_store_8((char *)y + i, q);
	else
		vi_store_8_partial((char *)y + i, q, n);
}

// The difference of int32 wraps, as ONNX's does.
INLINE void dequantize_lanes(const void *x, void *y, int64_t i, int n, const quantize_scales *scales, int64_t s, const int type)
{
	vu difference = (vu)quantize_load(x, i, n, type) - (vu)quantize_zero(scales, s, n, type);
	vf v = vf_from_vi((vi)difference) * quantize_scale(scales, s, n);
	if (n == LANES)
		vf_store((float *)y + i, v);
	else
		vf_store_partial((float *)y + i, v, n);
}

// A run of elements whose scales are one, or follow one another.
INLINE void quantize_run(const quantize_form form, const void *x, void *y, int64_t first, int64_t end, const quantize_scales *scales, int64_t s, const int type)
{
	const int64_t next = scales->each ? LANES : 0;
	int64_t i = first;
	for (; i + LANES <= end; i += LANES, s += next)
		form(x, y, i, LANES, scales, s, type);
	if (i < end)
		form(x, y, i, (int)(end - i), scales, s, type);
}

// The elements of one tile, in runs.
INLINE void quantize_range(const quantize_form form, const inferd_step *step, void *const *bases, int64_t first, int64_t end, const int type)
{
	const int64_t count = step->parameter[INFERD_QUANTIZE_SCALES], after = step->parameter[INFERD_QUANTIZE_AFTER];
	const void *x = inferd_address(step, bases, INFERD_QUANTIZE_X);
	void *y = inferd_address(step, bases, INFERD_QUANTIZE_Y);
	const quantize_scales one = {inferd_address(step, bases, INFERD_QUANTIZE_SCALE), inferd_address(step, bases, INFERD_QUANTIZE_ZERO), false};
	const quantize_scales each = {one.scale, one.zero, true};
	if (count == 1) {
		quantize_run(form, x, y, first, end, &one, 0, type);
		return;
	}
	for (int64_t length, i = first; i < end; i += length) {
		const bool shared = after > 1;
		const int64_t position = i / after, row = shared ? after : count, left = row - i % row;
		length = end - i < left ? end - i : left;
		if (shared)
			quantize_run(form, x, y, i, i + length, &one, position % count, type);
		else
			quantize_run(form, x, y, i, i + length, &each, position % count, type);
	}
}

typedef struct {
	int64_t first, end;
} quantize_tile;

INLINE quantize_tile quantize_bounds(const inferd_step *step, int64_t tile)
{
	const int64_t elements = step->parameter[INFERD_QUANTIZE_ELEMENTS], each = step->parameter[INFERD_QUANTIZE_ELEMENTS_PER_TILE];
	const int64_t first = tile * each, end = first + each;
	return (quantize_tile){first, end < elements ? end : elements};
}

void INFERD_NAME(inferd_quantize)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const quantize_tile t = quantize_bounds(step, tile);
	if (step->parameter[INFERD_QUANTIZE_TYPE] == INFERD_QUANTIZE_INT8)
		quantize_range(quantize_lanes, step, bases, t.first, t.end, INFERD_QUANTIZE_INT8);
	else
		quantize_range(quantize_lanes, step, bases, t.first, t.end, INFERD_QUANTIZE_UINT8);
}

void INFERD_NAME(inferd_dequantize)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const quantize_tile t = quantize_bounds(step, tile);
	switch (step->parameter[INFERD_QUANTIZE_TYPE]) {
	case INFERD_QUANTIZE_UINT8: quantize_range(dequantize_lanes, step, bases, t.first, t.end, INFERD_QUANTIZE_UINT8); break;
	case INFERD_QUANTIZE_INT8: quantize_range(dequantize_lanes, step, bases, t.first, t.end, INFERD_QUANTIZE_INT8); break;
	default: quantize_range(dequantize_lanes, step, bases, t.first, t.end, INFERD_QUANTIZE_INT32); break;
	}
}

// Both extremes are NaN once an element is.
INLINE vf quantize_least(vf a, vf x) { return vf_select(x != x, x, vf_min(x, a)); }
INLINE vf quantize_largest(vf a, vf x) { return vf_select(x != x, x, vf_max(x, a)); }

// Dynamic quantisation, first step: the extremes of each tile and zero.
void INFERD_NAME(inferd_quantize_extremes)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const quantize_tile t = quantize_bounds(step, tile);
	const float *x = inferd_address(step, bases, INFERD_QUANTIZE_X);
	float *extremes = (float *)inferd_address(step, bases, INFERD_QUANTIZE_EXTREMES) + 2 * tile;
	vf low[4], high[4];
	for (int j = 0; j < 4; j++)
		low[j] = high[j] = vf_zero();
	int64_t i = t.first;
	for (; i + 4 * LANES <= t.end; i += 4 * LANES)
		for (int j = 0; j < 4; j++) {
			vf v = vf_load(x + i + j * LANES);
			low[j] = quantize_least(low[j], v);
			high[j] = quantize_largest(high[j], v);
		}
	for (; i < t.end; i += LANES) {
		vf v = t.end - i < LANES ? vf_load_partial(x + i, (int)(t.end - i)) : vf_load(x + i); // zero is among the elements anyway
		low[0] = quantize_least(low[0], v);
		high[0] = quantize_largest(high[0], v);
	}
	for (int j = 1; j < 4; j++) {
		low[0] = quantize_least(low[0], low[j]);
		high[0] = quantize_largest(high[0], high[j]);
	}
	for (int distance = LANES / 2; distance > 0; distance /= 2) {
		low[0] = quantize_least(low[0], vf_exchange(low[0], distance));
		high[0] = quantize_largest(high[0], vf_exchange(high[0], distance));
	}
	extremes[0] = low[0][0];
	extremes[1] = high[0][0];
}

// Second step: every tile finds the same scale and zero point from the extremes of all, and quantises its elements; the first one stores the two. Each of the
// three results may be absent.
void INFERD_NAME(inferd_quantize_dynamic)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const quantize_tile t = quantize_bounds(step, tile);
	const float *extremes = inferd_address(step, bases, INFERD_QUANTIZE_EXTREMES);
	float low = 0, high = 0;
	for (int64_t i = 0; i < step->tiles; i++) {
		low = quantize_least(vf_set(low), vf_set(extremes[2 * i]))[0];
		high = quantize_largest(vf_set(high), vf_set(extremes[2 * i + 1]))[0];
	}
	const float scale = high == low ? 1.0f : (high - low) / 255.0f;
	const uint8_t zero = (uint8_t)vi_quantize(vf_set(-low), vf_set(scale), vi_set(0), 0)[0];
	const quantize_scales scales = {&scale, &zero, false};
	uint8_t *y = inferd_address(step, bases, INFERD_QUANTIZE_Y), *stored_zero = inferd_address(step, bases, INFERD_QUANTIZE_ZERO);
	float *stored_scale = inferd_address(step, bases, INFERD_QUANTIZE_SCALE);
	if (y)
		quantize_run(quantize_lanes, inferd_address(step, bases, INFERD_QUANTIZE_X), y, t.first, t.end, &scales, 0, INFERD_QUANTIZE_UINT8);
	if (stored_scale && tile == 0)
		*stored_scale = scale;
	if (stored_zero && tile == 0)
		*stored_zero = zero;
}

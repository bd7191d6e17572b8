// A convolution with a filter of its own for each channel, one row of the output a tile. Bound by memory: each input byte is read once for each tap, from the
// caches. B is [kH, kW, channels] of int8. Products of two numbers of nine bits are added in float32, where sums of few of them are exact: they stay below 2^24.
#include "epilogue.h"

INLINE vi integer_load(const void *p, int n, const bool is_signed) { return n == LANES ? vi_load_8(p, is_signed) : vi_load_8_partial(p, n, is_signed); }

enum { FEW = 256 };

// The taps of one row of the output that lie within the image.
typedef struct {
	const uint8_t *x; // of the image, from the channels on
	const float *taps;
	int64_t channels, first, last; // rows of the filter
	const int64_t *p;
	int64_t top;
	vf a_zero;
} integer_window;

// Adds the products of one pixel of the output.
INLINE vi integer_window_sum(const integer_window *w, int64_t left, int n, const bool is_signed)
{
	const int64_t *p = w->p, width = p[INTEGER_WIDTH], kernel = p[INTEGER_KERNEL_WIDTH], apart = p[INTEGER_DILATION_WIDTH];
	vf sum = vf_zero();
	vi total = {0};
	int few = FEW;
	for (int64_t i = w->first; i < w->last; i++) {
		const uint8_t *row = w->x + (w->top + i * p[INTEGER_DILATION_HEIGHT]) * width * w->channels;
		for (int64_t j = 0; j < kernel; j++) {
			const int64_t at = left + j * apart;
			if (at < 0 || at >= width)
				continue;
			sum = vf_fma(vf_from_vi(integer_load(row + at * w->channels, n, is_signed)) - w->a_zero, vf_load(w->taps + (i * kernel + j) * LANES), sum);
			if (--few == 0) {
				total += vi_from_vf(sum);
				sum = vf_zero();
				few = FEW;
			}
		}
	}
	return total + vi_from_vf(sum);
}

// One row of the output for a vector of channels.
INLINE void integer_window_row(const integer_window *w, const integer_epilogue *e, int64_t row, int64_t channel, int n, const bool is_signed)
{
	for (int64_t column = 0; column < w->p[INTEGER_OUTPUT_WIDTH]; column++)
		integer_finish(e, integer_window_sum(w, column * w->p[INTEGER_STRIDE_WIDTH] - w->p[INTEGER_PAD_LEFT], n, is_signed), row + column, channel, n);
}

void INFERD_NAME(integer_depthwise)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter, channels = p[INTEGER_GROUPS], taps = p[INTEGER_KERNEL_HEIGHT] * p[INTEGER_KERNEL_WIDTH];
	const bool is_signed = !(p[INTEGER_FLAGS] & INTEGER_UNSIGNED_A);
	const integer_epilogue e = integer_describe(step, bases, 0);
	const uint8_t *image = (const uint8_t *)inferd_address(step, bases, INTEGER_A) + tile / p[INTEGER_OUTPUT_HEIGHT] * p[INTEGER_HEIGHT] * p[INTEGER_WIDTH] * channels;
	const int8_t *b = inferd_address(step, bases, INTEGER_B);
	integer_window w = {.taps = scratch, .channels = channels, .p = p, .a_zero = vf_set((float)e.a_zero)};
	w.top = tile % p[INTEGER_OUTPUT_HEIGHT] * p[INTEGER_STRIDE_HEIGHT] - p[INTEGER_PAD_TOP];
	while (w.first < p[INTEGER_KERNEL_HEIGHT] && w.top + w.first * p[INTEGER_DILATION_HEIGHT] < 0)
		w.first++;
	w.last = w.first;
	while (w.last < p[INTEGER_KERNEL_HEIGHT] && w.top + w.last * p[INTEGER_DILATION_HEIGHT] < p[INTEGER_HEIGHT])
		w.last++;
	for (int64_t channel = 0; channel < channels; channel += LANES) {
		const int n = channels - channel < LANES ? (int)(channels - channel) : LANES;
		const vi zeros = vi_load(e.zeros + channel);
		for (int64_t i = 0; i < taps; i++)
			vf_store((float *)scratch + i * LANES, vf_from_vi(integer_load(b + i * channels + channel, n, true) - zeros));
		w.x = image + channel;
		if (n == LANES && !is_signed)
			integer_window_row(&w, &e, tile * p[INTEGER_OUTPUT_WIDTH], channel, LANES, false);
		else
			integer_window_row(&w, &e, tile * p[INTEGER_OUTPUT_WIDTH], channel, n, is_signed);
	}
}

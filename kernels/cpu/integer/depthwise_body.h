// A convolution with a filter of its own for each channel, one row of the output a tile. Bound by memory: each input byte is read once for each tap, from the
// caches. B is [kH, kW, channels] of int8.
#include "epilogue.h"

// Widens bytes, of which the first n are there.
INLINE vi integer_widened(const void *p, int n, bool is_unsigned)
{
	vb bytes = {0};
	if (n == LANES)
		memcpy(&bytes, p, LANES);
	else
		memcpy(&bytes, p, (size_t)n);
	const vi wide = __builtin_convertvector(bytes, vi);
	return is_unsigned ? wide & vi_set(0xff) : wide;
}

void INFERD_NAME(integer_depthwise)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter, channels = p[INTEGER_GROUPS], width = p[INTEGER_OUTPUT_WIDTH], taps = p[INTEGER_KERNEL_WIDTH];
	const bool is_unsigned = p[INTEGER_FLAGS] & INTEGER_UNSIGNED_A;
	integer_epilogue e = integer_describe(step, bases, 0);
	const int64_t image = tile / p[INTEGER_OUTPUT_HEIGHT], top = tile % p[INTEGER_OUTPUT_HEIGHT] * p[INTEGER_STRIDE_HEIGHT] - p[INTEGER_PAD_TOP];
	const uint8_t *x = (const uint8_t *)inferd_address(step, bases, INTEGER_A) + image * p[INTEGER_HEIGHT] * p[INTEGER_WIDTH] * channels;
	const int8_t *b = inferd_address(step, bases, INTEGER_B);
	const vi a_zero = vi_set(e.a_zero);
	for (int64_t channel = 0; channel < channels; channel += LANES) {
		const int n = channels - channel < LANES ? (int)(channels - channel) : LANES;
		const vi zeros = vi_load(e.zeros + channel);
		for (int64_t column = 0; column < width; column++) {
			const int64_t left = column * p[INTEGER_STRIDE_WIDTH] - p[INTEGER_PAD_LEFT];
			vi sum = {0};
			for (int64_t i = 0; i < p[INTEGER_KERNEL_HEIGHT]; i++) {
				const int64_t y = top + i * p[INTEGER_DILATION_HEIGHT];
				if (y < 0 || y >= p[INTEGER_HEIGHT])
					continue;
				for (int64_t j = 0; j < taps; j++) {
					const int64_t at = left + j * p[INTEGER_DILATION_WIDTH];
					if (at < 0 || at >= p[INTEGER_WIDTH])
						continue;
					const vi left_factor = integer_widened(x + (y * p[INTEGER_WIDTH] + at) * channels + channel, n, is_unsigned) - a_zero;
					sum += left_factor * (integer_widened(b + (i * taps + j) * channels + channel, n, false) - zeros);
				}
			}
			integer_finish(&e, sum, tile * width + column, channel, n);
		}
	}
}

// Rows of A in scratch, as the products read them: where bytes have to be widened or made unsigned, where a row does not end with a whole group, and where it
// is gathered from an image. Moves a byte for every N multiply-adds, N being the columns of a tile.
#ifndef INFERD_GEMM8_STAGE_H
#define INFERD_GEMM8_STAGE_H

#include "dot.h"

// Signed bytes are made unsigned by adding 128, to the zero point too.
enum { STAGE_SHIFT = WIDENED ? 0 : 128 };

// Converts n bytes to a row, filled up with zeros.
INLINE void stage_row(void *to, const uint8_t *from, int64_t n, int64_t depth, const bool is_signed)
{
	if (WIDENED) {
		int16_t *words = to;
		for (int64_t i = 0; i < n; i++)
			words[i] = is_signed ? (int8_t)from[i] : from[i];
		for (int64_t i = n; i < depth * GROUP; i++)
			words[i] = 0;
		return;
	}
	uint8_t *bytes = to;
	for (int64_t i = 0; i < n; i++)
		bytes[i] = is_signed ? from[i] ^ 0x80 : from[i];
	memset(bytes + n, 0, (size_t)(depth * GROUP - n));
}

// What a window over images needs to know.
typedef struct {
	const uint8_t *images; // at the group's first channel
	int64_t height, width, pixel, channels;
	int64_t output_height, output_width, kernel_height, kernel_width;
	int64_t stride_height, stride_width, dilation_height, dilation_width, pad_top, pad_left;
	int fill; // what padding counts as
} stage_window;

INLINE stage_window stage_window_of(const inferd_step *step, const uint8_t *images, int64_t group, int32_t a_zero)
{
	const int64_t *p = step->parameter, channels = p[INFERD_GEMM8_CHANNELS];
	return (stage_window){
		images + group * channels, p[INFERD_GEMM8_HEIGHT], p[INFERD_GEMM8_WIDTH], p[INFERD_GEMM8_GROUPS] * channels, channels,
		p[INFERD_GEMM8_OUTPUT_HEIGHT], p[INFERD_GEMM8_OUTPUT_WIDTH], p[INFERD_GEMM8_KERNEL_HEIGHT], p[INFERD_GEMM8_KERNEL_WIDTH],
		p[INFERD_GEMM8_STRIDE_HEIGHT], p[INFERD_GEMM8_STRIDE_WIDTH], p[INFERD_GEMM8_DILATION_HEIGHT], p[INFERD_GEMM8_DILATION_WIDTH],
		p[INFERD_GEMM8_PAD_TOP], p[INFERD_GEMM8_PAD_LEFT], a_zero,
	};
}

// One row of the kernel, whose first tap is at column x of an image's row, padding included.
INLINE void stage_taps(const stage_window *w, uint8_t *to, const uint8_t *row, int64_t x)
{
	const int64_t taps = w->kernel_width, channels = w->channels;
	if (w->dilation_width == 1 && channels == w->pixel) { // neighbouring taps are neighbours in memory
		int64_t left = x < 0 ? -x : 0, end = w->width - x;
		left = left < taps ? left : taps;
		end = end < left ? left : end < taps ? end : taps;
		memset(to, w->fill, (size_t)(left * channels));
		memcpy(to + left * channels, row + (x + left) * channels, (size_t)((end - left) * channels));
		memset(to + end * channels, w->fill, (size_t)((taps - end) * channels));
		return;
	}
	for (int64_t tap = 0; tap < taps; tap++, x += w->dilation_width, to += channels)
		if (x < 0 || x >= w->width)
			memset(to, w->fill, (size_t)channels);
		else
			memcpy(to, row + x * w->pixel, (size_t)channels);
}

// All taps of one output pixel, [kernel height, kernel width, channels].
INLINE void stage_gather(const stage_window *w, uint8_t *to, int64_t pixel)
{
	const int64_t x = pixel % w->output_width * w->stride_width - w->pad_left, row = pixel / w->output_width;
	const int64_t image = row / w->output_height;
	int64_t y = row % w->output_height * w->stride_height - w->pad_top;
	for (int64_t tap = 0; tap < w->kernel_height; tap++, y += w->dilation_height, to += w->kernel_width * w->channels)
		if (y < 0 || y >= w->height)
			memset(to, w->fill, (size_t)(w->kernel_width * w->channels));
		else
			stage_taps(w, to, w->images + (image * w->height + y) * w->width * w->pixel, x);
}

// Copies `rows` rows from row `first` of A on. `bytes` holds one row as it is in memory.
INLINE void stage_rows(const inferd_step *step, char *to, int64_t to_row, uint8_t *bytes, const stage_window *window, int64_t first, int64_t rows, const bool is_signed)
{
	const int64_t k = step->parameter[INFERD_GEMM8_K], depth = step->parameter[INFERD_GEMM8_DEPTH];
	const bool gathers = step->parameter[INFERD_GEMM8_FLAGS] & INFERD_GEMM8_CONVOLUTION;
	for (int64_t r = 0; r < rows; r++, to += to_row) {
		const uint8_t *from = bytes;
		if (gathers)
			stage_gather(window, bytes, first + r);
		else
			from = window->images + (first + r) * k;
		stage_row(to, from, k, depth, is_signed);
	}
}

// The sum of a row as it is multiplied.
INLINE int32_t stage_sum(const char *row, int64_t depth)
{
	vi sum = vi_set(0);
	int64_t i = 0;
	for (; i + LANES <= depth; i += LANES)
		sum = dot(sum, vi_load(row + i * 4), dot_ones());
	if (i < depth)
		sum = dot(sum, vi_bits(vf_load_partial((const float *)(row + i * 4), (int)(depth - i))), dot_ones());
	uint32_t all = 0;
	for (int lane = 0; lane < LANES; lane++)
		all += (uint32_t)sum[lane];
	return (int32_t)all;
}

#endif

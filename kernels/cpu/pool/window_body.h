// Maximum and average over a sliding window, NHWC.
//
//     y[row][column][c] = the largest of, or the mean of, the x under the window's taps that lie inside the image
//
// A tile is a block of output rows. Vectors run over the channels; up to four of them stay in registers while the taps of one output
// pixel pass by in the order of rows and columns; the usual maxima share columns between neighbouring outputs. Bound by loads: kernel height x kernel width x 4 bytes per output from L1, or the
// input's 4 bytes per element from the cache that holds it. A maximum is NaN where any of its elements is.
#include "pool.h"
#include "vector.h"

typedef struct {
	const float *first;           // the first tap inside the image
	int64_t row_step, column_step; // floats from tap to tap
	int64_t rows, columns;         // taps inside the image
	float count;                   // what an average divides by
	float *output;
} pool_window;

// The larger one, or NaN where either is: the instruction returns its second operand then, so one of the two orders keeps the
// NaN, and no bit of it is lost in the union.
INLINE vf pool_larger(vf a, vf b) { return vf_bits(vi_bits(vf_max(a, b)) | vi_bits(vf_max(b, a))); }

// vectors * LANES channels from c, the last of them `lanes` wide. All but w, c and lanes are constants.
INLINE void pool_pixel(const int kind, const int vectors, const int partial, const pool_window *w, int64_t c, int lanes)
{
	vf result[4];
#pragma GCC unroll 4
	for (int j = 0; j < vectors; j++)
		result[j] = kind == POOL_MAXIMUM ? vf_set(-INFINITY) : vf_zero();
	const float *row = w->first + c;
	for (int64_t i = 0; i < w->rows; i++, row += w->row_step) {
		const float *x = row;
		for (int64_t k = 0; k < w->columns; k++, x += w->column_step) {
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++) {
				vf value = partial ? vf_load_partial(x + j * LANES, lanes) : vf_load(x + j * LANES);
				if (kind == POOL_MAXIMUM)
					result[j] = pool_larger(result[j], value);
				else
					result[j] += value;
			}
		}
	}
#pragma GCC unroll 4
	for (int j = 0; j < vectors; j++) {
		vf y = kind == POOL_MAXIMUM ? result[j] : result[j] / vf_set(w->count);
		if (partial)
			vf_store_partial(w->output + c + j * LANES, y, lanes);
		else
			vf_store(w->output + c + j * LANES, y);
	}
}

// All channels of one output pixel; kind is a constant.
INLINE void pool_channels(const int kind, const pool_window *w, int64_t channels)
{
	int64_t c = 0;
	for (; c + 4 * LANES <= channels; c += 4 * LANES)
		pool_pixel(kind, 4, 0, w, c, LANES);
	int64_t rest = (channels - c) / LANES;
	if (rest == 3)
		pool_pixel(kind, 3, 0, w, c, LANES);
	else if (rest == 2)
		pool_pixel(kind, 2, 0, w, c, LANES);
	else if (rest == 1)
		pool_pixel(kind, 1, 0, w, c, LANES);
	c += rest * LANES;
	if (c < channels)
		pool_pixel(kind, 1, 1, w, c, (int)(channels - c));
}

enum { POOL_COLUMNS = 4 };

// The maxima of POOL_COLUMNS neighbouring output columns whose windows lie inside the image's width, one vector of channels: the columns of
// the window are reduced once and shared by the outputs they belong to. All but w, c, lanes and output_stride are constants.
INLINE void pool_shared_columns(const int kernel_width, const int stride, const int partial, const pool_window *w, int64_t c, int lanes,
                                int64_t output_stride)
{
	const int read = (POOL_COLUMNS - 1) * stride + kernel_width;
	vf column[16];
#pragma GCC unroll 16
	for (int j = 0; j < read; j++)
		column[j] = vf_set(-INFINITY);
	const float *row = w->first + c;
	for (int64_t i = 0; i < w->rows; i++, row += w->row_step) {
		const float *x = row;
#pragma GCC unroll 16
		for (int j = 0; j < read; j++, x += w->column_step)
			column[j] = pool_larger(column[j], partial ? vf_load_partial(x, lanes) : vf_load(x));
	}
#pragma GCC unroll 4
	for (int i = 0; i < POOL_COLUMNS; i++) {
		vf y = column[i * stride];
#pragma GCC unroll 4
		for (int k = 1; k < kernel_width; k++)
			y = pool_larger(y, column[i * stride + k]);
		if (partial)
			vf_store_partial(w->output + i * output_stride + c, y, lanes);
		else
			vf_store(w->output + i * output_stride + c, y);
	}
}

// All channels of POOL_COLUMNS output columns; kernel_width and stride are constants.
INLINE void pool_shared_channels(const int kernel_width, const int stride, const pool_window *w, int64_t channels, int64_t output_stride)
{
	int64_t c = 0;
	for (; c + LANES <= channels; c += LANES)
		pool_shared_columns(kernel_width, stride, 0, w, c, LANES, output_stride);
	if (c < channels)
		pool_shared_columns(kernel_width, stride, 1, w, c, (int)(channels - c), output_stride);
}

// Computes POOL_COLUMNS output columns together where there is code for the window; returns 0 where there is none.
static int pool_shared(const int64_t *p, const pool_window *w)
{
	if (p[POOL_KERNEL_WIDTH] == 3 && p[POOL_STRIDE_WIDTH] == 2)
		pool_shared_channels(3, 2, w, p[POOL_CHANNELS], p[POOL_OUTPUT_STRIDE]);
	else if (p[POOL_KERNEL_WIDTH] == 3 && p[POOL_STRIDE_WIDTH] == 1)
		pool_shared_channels(3, 1, w, p[POOL_CHANNELS], p[POOL_OUTPUT_STRIDE]);
	else if (p[POOL_KERNEL_WIDTH] == 2 && p[POOL_STRIDE_WIDTH] == 2)
		pool_shared_channels(2, 2, w, p[POOL_CHANNELS], p[POOL_OUTPUT_STRIDE]);
	else
		return 0;
	return 1;
}

typedef struct {
	int64_t begin, end; // taps inside the image
	int64_t padded;     // the number of taps inside the padded image
} pool_taps;

// The taps of a window along one axis: kernel taps from `at`, dilation apart, over `size` positions with `after` of padding behind.
static pool_taps pool_clip(int64_t at, int64_t kernel, int64_t dilation, int64_t size, int64_t after)
{
	if (at >= 0 && at + (kernel - 1) * dilation < size)
		return (pool_taps){0, kernel, kernel}; // spares three divisions
	pool_taps t;
	t.begin = at < 0 ? (-at + dilation - 1) / dilation : 0;
	t.end = at < size ? (size - 1 - at) / dilation + 1 : 0;
	t.padded = at < size + after ? (size + after - 1 - at) / dilation + 1 : 0;
	t.padded = t.padded < kernel ? t.padded : kernel;
	t.end = t.end < kernel ? t.end : kernel;
	t.begin = t.begin < t.end ? t.begin : t.end;
	return t;
}

void INFERD_NAME(pool_window)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter;
	const float *input = inferd_address(step, bases, POOL_INPUT);
	float *output = inferd_address(step, bases, POOL_OUTPUT);
	int64_t width = p[POOL_WIDTH], output_width = p[POOL_OUTPUT_WIDTH], stride = p[POOL_INPUT_STRIDE];
	pool_window w = {
		.row_step = p[POOL_DILATION_HEIGHT] * width * stride,
		.column_step = p[POOL_DILATION_WIDTH] * stride,
	};
	int64_t row = tile * p[POOL_ROW_BLOCK], last = row + p[POOL_ROW_BLOCK] < p[POOL_ROWS] ? row + p[POOL_ROW_BLOCK] : p[POOL_ROWS];
	for (; row < last; row++) {
		int64_t image = row / p[POOL_OUTPUT_HEIGHT], y = row % p[POOL_OUTPUT_HEIGHT] * p[POOL_STRIDE_HEIGHT] - p[POOL_PAD_TOP];
		pool_taps vertical = pool_clip(y, p[POOL_KERNEL_HEIGHT], p[POOL_DILATION_HEIGHT], p[POOL_HEIGHT], p[POOL_PAD_BOTTOM]);
		for (int64_t column = 0, done; column < output_width; column += done) {
			int64_t x = column * p[POOL_STRIDE_WIDTH] - p[POOL_PAD_LEFT];
			pool_taps horizontal = pool_clip(x, p[POOL_KERNEL_WIDTH], p[POOL_DILATION_WIDTH], width, p[POOL_PAD_RIGHT]);
			w.rows = vertical.end - vertical.begin;
			w.columns = horizontal.end - horizontal.begin;
			w.count = p[POOL_INCLUDE_PAD] ? (float)(vertical.padded * horizontal.padded) : (float)(w.rows * w.columns);
			w.output = output + (row * output_width + column) * p[POOL_OUTPUT_STRIDE];
			w.first = input;
			if (w.rows > 0 && w.columns > 0)
				w.first += ((image * p[POOL_HEIGHT] + y + vertical.begin * p[POOL_DILATION_HEIGHT]) * width + x +
				            horizontal.begin * p[POOL_DILATION_WIDTH]) * stride;
			int64_t beyond = x + (POOL_COLUMNS - 1) * p[POOL_STRIDE_WIDTH] + p[POOL_KERNEL_WIDTH];
			int together = p[POOL_KIND] == POOL_MAXIMUM && p[POOL_DILATION_WIDTH] == 1 && x >= 0 && beyond <= width &&
			               column + POOL_COLUMNS <= output_width;
			done = together && pool_shared(p, &w) ? POOL_COLUMNS : 1;
			if (done > 1)
				continue;
			if (p[POOL_KIND] == POOL_MAXIMUM)
				pool_channels(POOL_MAXIMUM, &w, p[POOL_CHANNELS]);
			else
				pool_channels(POOL_AVERAGE, &w, p[POOL_CHANNELS]);
		}
	}
}

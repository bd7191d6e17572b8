// Maximum and average over a sliding window, NHWC.
//
//     y[row][column][c] = the largest of, or the mean of, the x under the window's taps that lie inside the image
//
// A tile is a block of output rows. Vectors run over the channels; up to four of them stay in registers while the taps of one output
// pixel pass by in the order of rows and columns. Bound by loads: kernel height x kernel width x 4 bytes per output from L1, or the
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
					result[j] = vf_select(result[j] != result[j], result[j], vf_max(result[j], value));
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

typedef struct {
	int64_t begin, end; // taps inside the image
	int64_t padded;     // the number of taps inside the padded image
} pool_taps;

// The taps of a window along one axis: kernel taps from `at`, dilation apart, over `size` positions with `after` of padding behind.
static pool_taps pool_clip(int64_t at, int64_t kernel, int64_t dilation, int64_t size, int64_t after)
{
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
		for (int64_t column = 0; column < output_width; column++) {
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
			if (p[POOL_KIND] == POOL_MAXIMUM)
				pool_channels(POOL_MAXIMUM, &w, p[POOL_CHANNELS]);
			else
				pool_channels(POOL_AVERAGE, &w, p[POOL_CHANNELS]);
		}
	}
}

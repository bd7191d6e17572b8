// Each element of the output is a weighted sum over rows and columns of the input: linear and cubic interpolation, with or without a wider filter.
//
//     y[image][i][j][c] = sum over r of row_weight(i, r) * sum over k of column_weight(j, k) * x[image][row(i, r)][column(j, k)][c]
//
// The sums are made in this order, so both kernels, whatever the tiles are, give the same bits. A tile is a block of output rows. Bound by memory in the usual
// case, two times as many rows and columns: 4 bytes read per element of the input, 4 bytes written per element of y, beside 6 FLOP; else by loads from L1.
#include "resize.h"
#include "group.h"

// What both kernels read from the step.
typedef struct {
	const float *x;
	float *y; // the tile's first row
	const int32_t *rows, *columns, *column_first;
	const float *row_weights, *column_weights;
	int64_t width, channels, output_width, row_taps, column_taps;
	int64_t height, output_height, column_vectors;
	int64_t row, last; // output rows of the tile
	int64_t i, first;  // the row in its image, and the number of the image's first input row
} resize_tile;

INLINE resize_tile resize_begin(const inferd_step *step, void *const *bases, int64_t tile)
{
	const int64_t *p = step->parameter;
	const char *tables = inferd_address(step, bases, RESIZE_TABLES);
	resize_tile t = {
		.x = inferd_address(step, bases, RESIZE_INPUT),
		.rows = (const int32_t *)(tables + p[RESIZE_ROW_INDEX]),
		.columns = (const int32_t *)(tables + p[RESIZE_COLUMN_INDEX]),
		.column_first = (const int32_t *)(tables + p[RESIZE_COLUMN_FIRST]),
		.row_weights = (const float *)(tables + p[RESIZE_ROW_WEIGHT]),
		.column_weights = (const float *)(tables + p[RESIZE_COLUMN_WEIGHT]),
		.width = p[RESIZE_WIDTH],
		.channels = p[RESIZE_CHANNELS],
		.output_width = p[RESIZE_OUTPUT_WIDTH],
		.row_taps = p[RESIZE_ROW_TAPS],
		.column_taps = p[RESIZE_COLUMN_TAPS],
		.height = p[RESIZE_HEIGHT],
		.output_height = p[RESIZE_OUTPUT_HEIGHT],
		.column_vectors = p[RESIZE_COLUMN_VECTORS],
		.row = tile * p[RESIZE_ROW_BLOCK],
	};
	t.i = t.row % t.output_height;
	t.first = t.row / t.output_height * t.height;
	t.last = t.row + p[RESIZE_ROW_BLOCK] < p[RESIZE_ROWS] ? t.row + p[RESIZE_ROW_BLOCK] : p[RESIZE_ROWS];
	t.y = (float *)inferd_address(step, bases, RESIZE_OUTPUT) + t.row * t.output_width * t.channels;
	return t;
}

// Goes on to the next row, counting where it lies in its image.
INLINE void resize_next(resize_tile *t)
{
	if (++t->i == t->output_height) {
		t->i = 0;
		t->first += t->height;
	}
}

// The weighted columns of one row of a plane. taps is a constant, or the number where there is no code for it; vectors is a constant, see group.h.
INLINE void planes_columns(const resize_tile *t, const int vectors, const int64_t taps, const float *x, float *line)
{
	const int32_t *index = t->columns, *first = t->column_first;
	const float *weight = t->column_weights;
	for (int64_t j = 0; j < t->output_width; j += LANES) {
		group_source s = group_load(vectors, x, t->width, *first++);
		vf sum = group_pick(vectors, &s, index) * vf_load(weight);
#pragma GCC unroll 4
		for (int64_t k = 1; k < taps; k++)
			sum = vf_fma(group_pick(vectors, &s, index + k * LANES), vf_load(weight + k * LANES), sum);
		vf_store(line + j, sum);
		index += taps * LANES;
		weight += taps * LANES;
	}
}

// One output row of a plane from lines whose columns are weighted. taps is as above.
INLINE void planes_rows(const int64_t taps, const float *const *lines, const float *weight, float *y, int64_t width)
{
	for (int64_t j = 0; j < width; j += LANES) {
		vf sum = vf_load(lines[0] + j) * vf_set(weight[0]);
#pragma GCC unroll 4
		for (int64_t k = 1; k < taps; k++)
			sum = vf_fma(vf_load(lines[k] + j), vf_set(weight[k]), sum);
		if (j + LANES <= width)
			vf_store(y + j, sum);
		else
			vf_store_partial(y + j, sum, (int)(width - j));
	}
}

// The rows of a tile of planes; both numbers of taps are as above.
INLINE void planes_tile(resize_tile t, const int64_t row_taps, const int64_t column_taps, float *lines)
{
	int64_t line = (t.output_width + LANES - 1) / LANES * LANES;
	const float **read = (const float **)(lines + row_taps * line);
	int64_t *held = (int64_t *)(read + row_taps);
	for (int64_t k = 0; k < row_taps; k++)
		held[k] = -1;
	for (; t.row < t.last; t.row++, t.y += t.output_width) {
#pragma GCC unroll 4
		for (int64_t k = 0; k < row_taps; k++) {
			int64_t row = t.first + t.rows[t.i * row_taps + k], slot = (uint64_t)row % row_taps;
			read[k] = lines + slot * line;
			if (held[slot] == row)
				continue;
			held[slot] = row;
			if (t.column_vectors == 1)
				planes_columns(&t, 1, column_taps, t.x + row * t.width, lines + slot * line);
			else if (t.column_vectors == 2)
				planes_columns(&t, 2, column_taps, t.x + row * t.width, lines + slot * line);
			else
				planes_columns(&t, 0, column_taps, t.x + row * t.width, lines + slot * line);
		}
		planes_rows(row_taps, read, t.row_weights + t.i * row_taps, t.y, t.output_width);
		resize_next(&t);
	}
}

// Planes: one channel. The rows that output rows share are weighted once: as many lines as there are row taps are kept in scratch, each row in the line that
// its number chooses. The input rows of an output row are neighbours, so no two of them meet in a line.
void INFERD_NAME(resize_planes)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	resize_tile t = resize_begin(step, bases, tile);
	if (t.row_taps == 2 && t.column_taps == 2)
		planes_tile(t, 2, 2, scratch);
	else if (t.row_taps == 4 && t.column_taps == 4)
		planes_tile(t, 4, 4, scratch);
	else
		planes_tile(t, t.row_taps, t.column_taps, scratch);
}

// A vector of channels of one output pixel; x is the image at these channels. taps and partial are constants, or the numbers; lanes counts where partial is set.
INLINE vf pixels_sum(const resize_tile *t, const int64_t row_taps, const int64_t column_taps, const int partial, const float *x, int64_t i, int64_t j, int lanes)
{
	const int32_t *rows = t->rows + i * row_taps, *columns = t->columns + j * column_taps;
	const float *row_weight = t->row_weights + i * row_taps, *column_weight = t->column_weights + j * column_taps;
	vf sum = vf_zero();
#pragma GCC unroll 4
	for (int64_t r = 0; r < row_taps; r++) {
		const float *row = x + rows[r] * t->width * t->channels;
		vf line = vf_zero();
#pragma GCC unroll 4
		for (int64_t k = 0; k < column_taps; k++) {
			const float *from = row + columns[k] * t->channels;
			vf value = partial ? vf_load_partial(from, lanes) : vf_load(from), weight = vf_set(column_weight[k]);
			line = k == 0 ? value * weight : vf_fma(value, weight, line);
		}
		sum = r == 0 ? line * vf_set(row_weight[0]) : vf_fma(line, vf_set(row_weight[r]), sum);
	}
	return sum;
}

// One output row of pixels; the taps are as above.
INLINE void pixels_row(const resize_tile *t, const int64_t row_taps, const int64_t column_taps)
{
	int64_t channels = t->channels, i = t->i;
	const float *image = t->x + t->first * t->width * channels;
	float *y = t->y;
	for (int64_t j = 0; j < t->output_width; j++, y += channels) {
		int64_t c = 0;
		for (; c + LANES <= channels; c += LANES)
			vf_store(y + c, pixels_sum(t, row_taps, column_taps, 0, image + c, i, j, LANES));
		int lanes = (int)(channels - c);
		if (lanes > 0)
			vf_store_partial(y + c, pixels_sum(t, row_taps, column_taps, 1, image + c, i, j, lanes), lanes);
	}
}

// Pixels: vectors run over the channels.
void INFERD_NAME(resize_pixels)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	resize_tile t = resize_begin(step, bases, tile);
	for (; t.row < t.last; t.row++, t.y += t.output_width * t.channels) {
		if (t.row_taps == 2 && t.column_taps == 2)
			pixels_row(&t, 2, 2);
		else if (t.row_taps == 4 && t.column_taps == 4)
			pixels_row(&t, 4, 4);
		else
			pixels_row(&t, t.row_taps, t.column_taps);
		resize_next(&t);
	}
}

// Each element of the output is one of the input.
//
//     y[image][i][j][c] = x[image][row(i)][column(j)][c]
//
// A tile is a block of output rows. Neighbouring rows that are the same are written together; in planes (one channel) a vector of positions is picked from one
// or two vectors of the input's row, with channels vectors run over them. Bound by memory: 4 bytes read per element of the input, 4 bytes written per element of y.
#include "resize.h"
#include "group.h"

// The same row of a plane `rows` times, which may be a constant. vectors is one, see group.h.
INLINE void nearest_plane(const int vectors, const float *x, float *y, int64_t rows, int64_t width, int64_t output_width, const int32_t *first, const int32_t *index)
{
	for (int64_t j = 0; j < output_width; j += LANES, first++, index += LANES) {
		group_source s = group_load(vectors, x, width, *first);
		vf picked = group_pick(vectors, &s, index);
		int64_t left = output_width - j;
		float *to = y + j;
#pragma GCC unroll 2
		for (int64_t r = 0; r < rows; r++, to += output_width) {
			if (left >= LANES)
				vf_store(to, picked);
			else
				vf_store_partial(to, picked, (int)left);
		}
	}
}

// The same row of pixels `rows` times.
INLINE void nearest_pixels(const float *x, float *y, int64_t rows, int64_t channels, int64_t output_width, const int32_t *index)
{
	for (int64_t j = 0; j < output_width; j++, y += channels) {
		const float *from = x + index[j] * channels;
		for (int64_t c = 0; c < channels; c += LANES) {
			int64_t left = channels - c;
			vf value = left >= LANES ? vf_load(from + c) : vf_load_partial(from + c, (int)left);
			float *to = y + c;
			for (int64_t r = 0; r < rows; r++, to += output_width * channels) {
				if (left >= LANES)
					vf_store(to, value);
				else
					vf_store_partial(to, value, (int)left);
			}
		}
	}
}

void INFERD_NAME(resize_nearest)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter;
	const char *tables = inferd_address(step, bases, RESIZE_TABLES);
	const int32_t *from = (const int32_t *)(tables + p[RESIZE_ROW_INDEX]), *columns = (const int32_t *)(tables + p[RESIZE_COLUMN_INDEX]);
	const int32_t *first = (const int32_t *)(tables + p[RESIZE_COLUMN_FIRST]);
	int64_t channels = p[RESIZE_CHANNELS], width = p[RESIZE_WIDTH], output_width = p[RESIZE_OUTPUT_WIDTH], height = p[RESIZE_OUTPUT_HEIGHT];
	int64_t row = tile * p[RESIZE_ROW_BLOCK], last = row + p[RESIZE_ROW_BLOCK] < p[RESIZE_ROWS] ? row + p[RESIZE_ROW_BLOCK] : p[RESIZE_ROWS];
	int64_t image = row / height, i = row % height;
	float *y = (float *)inferd_address(step, bases, RESIZE_OUTPUT) + row * output_width * channels;
	for (int64_t rows; row < last; row += rows, y += rows * output_width * channels) {
		for (rows = 1; row + rows < last && i + rows < height && from[i + rows] == from[i]; rows++)
			;
		const float *x = (const float *)inferd_address(step, bases, RESIZE_INPUT) + (image * p[RESIZE_HEIGHT] + from[i]) * width * channels;
		if (channels > 1)
			nearest_pixels(x, y, rows, channels, output_width, columns);
		else if (p[RESIZE_COLUMN_VECTORS] == 1 && rows == 2) // two times as many rows and columns, the usual case
			nearest_plane(1, x, y, 2, width, output_width, first, columns);
		else if (p[RESIZE_COLUMN_VECTORS] == 1)
			nearest_plane(1, x, y, rows, width, output_width, first, columns);
		else if (p[RESIZE_COLUMN_VECTORS] == 2)
			nearest_plane(2, x, y, rows, width, output_width, first, columns);
		else
			nearest_plane(0, x, y, rows, width, output_width, first, columns);
		if ((i += rows) == height) {
			image++;
			i = 0;
		}
	}
}

// Direct convolution: a matrix product whose rows are gathered through a table of pointers, with no im2col copy.
//
//     y[p][o] = activation(bias[o] + sum over taps t, channels c of x[t(p)][c] w[t][c][o] + residual[p][o])
//
// A tile is a block of output pixels times a range of panels (1 to 3 vectors of output channels). For each output pixel and tap the table
// holds the address of the input pixel, or of zeros where the tap falls on padding. The register block multiplies 4 to 8 pixels with one
// panel: per step over c one broadcast a pixel and one load a vector of weights. Bound by fused multiply-adds (2 FLOP each) once a
// panel (taps x length x vectors x lanes x 4 bytes) fits in L2, which it is streamed from once per register block.
//
// With few input channels (an image) the steps over one tap are too few. Then tiles are whole output rows and their input rows are
// first copied, dense and padded with zeros, to scratch; a row of taps becomes one run of kernel width x channels consecutive floats.
//
// One output is always summed in the order bias, taps by row and column, channels: blocks and tiles do not change its bits.
#include "multiply.h"

typedef struct {
	const float **table; // [taps][table_stride] addresses of input pixels
	int64_t table_stride;
	int64_t taps, length;
	int64_t offset;      // of the group's first channel in a pixel
	const float *panel;  // bias[vectors * LANES], then weights [taps][length][vectors * LANES]
	int64_t pixel;       // first output pixel, and how many
	int64_t pixels;
	int64_t channel;     // first output channel of the panel
	int last;            // lanes in use in the panel's last vector
} direct_block;

// Multiplies `rows` pixels from `first` with the panel. rows and vectors are constants.
INLINE void direct_multiply(const int rows, const int vectors, const direct_block *b, const epilogue *e, int64_t first)
{
	vf sum[BLOCK_ROWS][BLOCK_VECTORS];
	const float *w = b->panel;
#pragma GCC unroll 4
	for (int j = 0; j < vectors; j++) {
		vf bias = vf_load(w + j * LANES);
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++)
			sum[i][j] = bias;
	}
	w += vectors * LANES;
	const float **pointers = b->table + first;
	for (int64_t t = 0; t < b->taps; t++, pointers += b->table_stride) {
		const float *x[BLOCK_ROWS];
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++)
			x[i] = pointers[i] + b->offset;
		w = multiply_run(rows, vectors, x, b->length, w, sum);
	}
	epilogue_store(e, rows, vectors, sum, b->pixels - first, b->last, b->pixel + first, b->channel);
}

// All pixels of the tile with one panel: register blocks of `rows` pixels and, so that none is left over, of one row fewer.
INLINE void direct_panel(const int rows, const int vectors, const direct_block *b, const epilogue *e)
{
	int64_t blocks = (b->pixels + rows - 1) / rows, shorter = blocks * rows - b->pixels, first = 0;
	for (; shorter < blocks; blocks--, first += rows)
		direct_multiply(rows, vectors, b, e, first);
	for (; blocks > 0; blocks--, first += rows - 1)
		direct_multiply(rows - 1, vectors, b, e, first);
}

static __attribute__((noinline)) void direct_panel_1(const direct_block *b, const epilogue *e) { direct_panel(ROWS_1, 1, b, e); }
static __attribute__((noinline)) void direct_panel_2(const direct_block *b, const epilogue *e) { direct_panel(ROWS_2, 2, b, e); }
static __attribute__((noinline)) void direct_panel_3(const direct_block *b, const epilogue *e) { direct_panel(ROWS_3, 3, b, e); }

// The input as the table builder sees it: the tensor itself, or the staged copy of some of its rows.
typedef struct {
	const float *origin; // the pixel that output pixel (row, column) = (0, 0) reads with tap (0, 0), were there no padding
	int64_t height, width, row_stride, pixel_stride, image_stride;
	int64_t pad_top, pad_left;
} direct_source;

// Fills `run` slots for neighbouring output columns, whose tap falls on the input columns x, x + stride, ... of the row.
static void direct_fill_run(const float **slot, int64_t run, const float *row, int64_t x, int64_t stride, const direct_source *s, const float *zeros)
{
	int64_t begin = x < 0 ? (-x + stride - 1) / stride : 0;
	if (begin > run)
		begin = run;
	int64_t end = x + (run - 1) * stride < s->width ? run : x < s->width ? (s->width - 1 - x) / stride + 1 : 0;
	const float *from = row + x * s->pixel_stride;
	int64_t step = stride * s->pixel_stride, i = 0;
	for (; i < begin; i++)
		slot[i] = zeros;
	for (; i < end; i++)
		slot[i] = from + i * step;
	for (; i < run; i++)
		slot[i] = zeros;
}

// Fills table[tap][0 .. padded) for the output pixels from `first` (row-major over images, rows and columns).
static void direct_fill_table(const inferd_step *step, const direct_source *s, int64_t first, int64_t pixels, int64_t padded,
                              const float *zeros, const float **table)
{
	const int64_t *p = step->parameter;
	int64_t output_width = p[CONV_OUTPUT_WIDTH], output_height = p[CONV_OUTPUT_HEIGHT], stride = p[CONV_STRIDE_WIDTH];
	int64_t taps_height = p[DIRECT_TAPS_HEIGHT], taps_width = p[DIRECT_TAPS_WIDTH];
	int64_t column = first % output_width, row = first / output_width % output_height, image = first / output_width / output_height;
	for (int64_t i = 0, run; i < pixels; i += run) {
		run = output_width - column < pixels - i ? output_width - column : pixels - i;
		const float **slot = table + i;
		for (int64_t th = 0; th < taps_height; th++) {
			int64_t y = row * p[CONV_STRIDE_HEIGHT] - s->pad_top + th * p[CONV_DILATION_HEIGHT];
			int64_t x = column * stride - s->pad_left;
			int inside = y >= 0 && y < s->height;
			const float *from = inside ? s->origin + image * s->image_stride + y * s->row_stride : zeros;
			for (int64_t tw = 0; tw < taps_width; tw++, x += p[CONV_DILATION_WIDTH], slot += padded)
				direct_fill_run(slot, run, from, inside ? x : s->width, stride, s, zeros);
		}
		column = 0;
		if (++row == output_height) {
			row = 0;
			image++;
		}
	}
	// The last register block reads existing pixels again and drops the result.
	for (int64_t t = 0; t < taps_height * taps_width; t++)
		for (int64_t i = pixels; i < padded; i++)
			table[t * padded + i] = table[t * padded + pixels - 1];
}

// Copies `width` pixels of a row from planes to consecutive pixels.
static void direct_interleave(float *to, const float *from, int64_t plane, int64_t channels, int64_t width)
{
	typedef float quad __attribute__((vector_size(16)));
	int64_t x = 0;
	if (channels == 3) {
		for (; x + 4 <= width; x += 4) {
			quad r, g, b;
			memcpy(&r, from + x, sizeof r);
			memcpy(&g, from + plane + x, sizeof g);
			memcpy(&b, from + 2 * plane + x, sizeof b);
			quad rg = __builtin_shufflevector(r, g, 0, 4, 1, 5), gb = __builtin_shufflevector(g, b, 1, 5, 2, 6);
			quad last = __builtin_shufflevector(r, g, 3, 7, 3, 7);
			quad pixels[3] = {__builtin_shufflevector(rg, b, 0, 1, 4, 2), __builtin_shufflevector(gb, r, 0, 1, 6, 2),
			                  __builtin_shufflevector(last, b, 6, 0, 1, 7)};
			memcpy(to + x * 3, pixels, sizeof pixels);
		}
	}
	for (; x < width; x++)
		for (int64_t c = 0; c < channels; c++)
			to[x * channels + c] = from[c * plane + x];
}

// Copies the input rows of a tile of whole output rows to `to`: [staged rows][staged width][channels], zeros where there is padding.
static direct_source direct_stage(const inferd_step *step, const float *input, int64_t image, int64_t first_row, float *to)
{
	const int64_t *p = step->parameter;
	int64_t channels = p[CONV_CHANNELS], width = p[CONV_WIDTH], height = p[CONV_HEIGHT], stride = p[CONV_INPUT_STRIDE];
	int64_t left = p[CONV_PAD_LEFT], staged_width = p[DIRECT_STAGED_WIDTH];
	int64_t copied = width < staged_width - left ? width : staged_width - left; // the last columns may be beyond every tap
	int64_t right = staged_width - left - copied;
	float *row = to;
	for (int64_t i = 0; i < p[DIRECT_STAGED_ROWS]; i++, row += staged_width * channels) {
		int64_t y = first_row * p[CONV_STRIDE_HEIGHT] - p[CONV_PAD_TOP] + i;
		if (y < 0 || y >= height) {
			memset(row, 0, (size_t)(staged_width * channels) * sizeof *row);
			continue;
		}
		float *inside = row + left * channels;
		memset(row, 0, (size_t)(left * channels) * sizeof *row);
		memset(inside + copied * channels, 0, (size_t)(right * channels) * sizeof *row);
		if (p[DIRECT_PLANAR]) {
			direct_interleave(inside, input + (image * channels * height + y) * width, height * width, channels, copied);
		} else {
			const float *from = input + (image * height + y) * width * stride;
			if (stride == channels)
				memcpy(inside, from, (size_t)(copied * channels) * sizeof *row);
			else
				for (int64_t x = 0; x < copied; x++)
					memcpy(inside + x * channels, from + x * stride, (size_t)channels * sizeof *row);
		}
	}
	// Rows are counted from the first of the tile, so the table is filled for output row 0 of a small image.
	return (direct_source){.origin = to,
	                       .height = p[DIRECT_STAGED_ROWS],
	                       .width = staged_width,
	                       .row_stride = staged_width * channels,
	                       .pixel_stride = channels};
}

// Multiplies the block's pixels with the panels of all groups numbered from `unit` to `end`.
static void direct_units(const inferd_step *step, const epilogue *e, direct_block *b, const float *weights, int64_t unit, int64_t end)
{
	const int64_t *p = step->parameter;
	int64_t groups = p[DIRECT_GROUPS], panels = p[DIRECT_PANELS], wide = p[DIRECT_WIDE_PANELS], narrow = p[DIRECT_NARROW_VECTORS];
	int64_t group_channels = p[CONV_OUTPUT_CHANNELS] / groups;
	int64_t group_vectors = wide + panels * narrow;
	int64_t vector_floats = (1 + b->taps * b->length) * LANES;
	for (; unit < end; unit++) {
		int64_t group = unit / panels, panel = unit % panels;
		int64_t vectors = narrow + (panel < wide), before = panel * narrow + (panel < wide ? panel : wide);
		int64_t used = group_channels - before * LANES;
		if (used > vectors * LANES)
			used = vectors * LANES;
		b->offset = group * (p[CONV_CHANNELS] / groups);
		b->panel = weights + (group * group_vectors + before) * vector_floats;
		b->channel = group * group_channels + before * LANES;
		b->last = (int)(used - (vectors - 1) * LANES);
		if (vectors == 1)
			direct_panel_1(b, e);
		else if (vectors == 2)
			direct_panel_2(b, e);
		else
			direct_panel_3(b, e);
		if (e->second_pass)
			epilogue_second_pass(e, b->pixel, b->pixels, b->channel, used);
	}
}

void INFERD_NAME(conv_direct)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const float *input = inferd_address(step, bases, CONV_INPUT);
	const float *weights = inferd_address(step, bases, CONV_WEIGHTS);
	epilogue e = epilogue_of(step, bases);
	int64_t channel_blocks = p[DIRECT_CHANNEL_BLOCKS], units = p[DIRECT_GROUPS] * p[DIRECT_PANELS];
	int64_t part = tile % channel_blocks, block = tile / channel_blocks;
	int64_t padded = (p[DIRECT_PIXEL_BLOCK] + 7) / 8 * 8 + 8; // a register block reads up to 7 pointers beyond the last pixel
	direct_block b = {.table = scratch, .table_stride = padded, .length = p[DIRECT_LENGTH]};
	b.taps = p[DIRECT_TAPS_HEIGHT] * p[DIRECT_TAPS_WIDTH];
	float *rest = (float *)(b.table + b.taps * padded);
	if (p[DIRECT_STAGED]) {
		int64_t height = p[CONV_OUTPUT_HEIGHT], width = p[CONV_OUTPUT_WIDTH], rows = p[DIRECT_PIXEL_BLOCK] / width;
		int64_t blocks = (height + rows - 1) / rows, image = block / blocks, first_row = block % blocks * rows;
		b.pixel = (image * height + first_row) * width;
		b.pixels = (first_row + rows < height ? rows : height - first_row) * width;
		direct_source source = direct_stage(step, input, image, first_row, rest);
		direct_fill_table(step, &source, 0, b.pixels, padded, NULL, b.table);
	} else {
		b.pixel = block * p[DIRECT_PIXEL_BLOCK];
		b.pixels = p[DIRECT_PIXELS] - b.pixel < p[DIRECT_PIXEL_BLOCK] ? p[DIRECT_PIXELS] - b.pixel : p[DIRECT_PIXEL_BLOCK];
		memset(rest, 0, (size_t)(p[CONV_CHANNELS] > b.length ? p[CONV_CHANNELS] : b.length) * sizeof *rest);
		direct_source source = {
			.origin = input,
			.height = p[CONV_HEIGHT],
			.width = p[CONV_WIDTH],
			.row_stride = p[CONV_WIDTH] * p[CONV_INPUT_STRIDE],
			.pixel_stride = p[CONV_INPUT_STRIDE],
			.image_stride = p[CONV_HEIGHT] * p[CONV_WIDTH] * p[CONV_INPUT_STRIDE],
			.pad_top = p[CONV_PAD_TOP],
			.pad_left = p[CONV_PAD_LEFT],
		};
		direct_fill_table(step, &source, b.pixel, b.pixels, padded, rest, b.table);
	}
	direct_units(step, &e, &b, weights, part * units / channel_blocks, (part + 1) * units / channel_blocks);
}

// Depthwise convolution: every output channel sees one input channel, so vectors run over channels and nothing is reduced across lanes.
//
//     y[row][column][o] = activation(bias[o] + sum over taps t of x[t(row, column)][o / multiplier] w[t][o] + residual[row][column][o])
//
// For one vector of channels the sums of 4 to 8 neighbouring columns stay in registers while the taps pass by: an input vector is
// loaded once per tap row and used by every column it belongs to. Bound by multiply-adds where the input rows are in L1 (0.6 loads each at
// stride 1, kernel width 3; 0.9 at stride 2), else by the bandwidth of the cache that holds the input.
//
// Widths 3, 5 and 7 without dilation are specialised. Everything else, and the columns left over by the blocks, goes through a table of
// pointers, four columns at a time, with zeros behind the pointers that fall on padding; elsewhere taps outside the image are
// skipped. One output is always summed in the order bias, taps by row and column.
#include "epilogue.h"

enum { GENERIC_COLUMNS = 4 }; // of a block that goes through the table

typedef struct {
	const float *input;     // the pixel under the first tap row inside the image, first tap, first column; it may lie left of the image
	int64_t pixel_stride, row_step;
	int64_t left, right;    // columns read that lie left of the image, and those from `right` on that lie beyond it
	const float **table;    // generic: [tap rows][kernel width][GENERIC_COLUMNS]
	int64_t tap_rows, kernel_width;
	const float *weights;   // of channel 0
	int64_t vector_floats;  // floats per channel vector: bias, then taps
	int64_t skipped;        // floats of taps above the image
	int64_t channel, channel_end; // a multiple of LANES to the end of the range
	int64_t multiplier;
	int64_t pixel, valid;   // the first output pixel, and the number of columns that exist
} depthwise_block;

// One vector of channels for `columns` output columns that all exist. All parameters but b, e and c are constants.
INLINE void depthwise_vector(const int kernel_width, const int stride, const int columns, const int edge, const int partial,
                             const depthwise_block *b, const epilogue *e, int64_t c)
{
	const int read = (columns - 1) * stride + kernel_width;
	const int lanes = partial ? (int)(b->channel_end - c) : LANES;
	const float *w = b->weights + c / LANES * b->vector_floats;
	vf sum[BLOCK_ROWS][BLOCK_VECTORS];
	vf bias = vf_load(w);
#pragma GCC unroll 8
	for (int i = 0; i < columns; i++)
		sum[i][0] = bias;
	w += LANES + b->skipped;
	const float *x = b->input + c;
	for (int64_t row = 0; row < b->tap_rows; row++, x += b->row_step, w += kernel_width * LANES) {
		const float *at = x;
		vf weight[7];
#pragma GCC unroll 8
		for (int k = 0; k < kernel_width; k++)
			weight[k] = vf_load(w + k * LANES);
#pragma GCC unroll 24
		for (int j = 0; j < read; j++, at += b->pixel_stride) {
			if (edge && ((j < kernel_width / 2 && j < b->left) || (j >= read - kernel_width / 2 && j >= b->right)))
				continue;
			vf value = partial ? vf_load_partial(at, lanes) : vf_load(at);
#pragma GCC unroll 8
			for (int k = 0; k < kernel_width; k++)
				if (j >= k && (j - k) % stride == 0 && (j - k) / stride < columns)
					sum[(j - k) / stride][0] = vf_fma(value, weight[k], sum[(j - k) / stride][0]);
		}
	}
	epilogue_store(e, columns, 1, sum, columns, lanes, b->pixel, c);
}

// All channels of the block.
INLINE void depthwise_channels(const int kernel_width, const int stride, const int columns, const depthwise_block *b, const epilogue *e)
{
	const int read = (columns - 1) * stride + kernel_width;
	int64_t c = b->channel;
	if (b->left > 0 || b->right < read)
		for (; c + LANES <= b->channel_end; c += LANES)
			depthwise_vector(kernel_width, stride, columns, 1, 0, b, e, c);
	else
		for (; c + LANES <= b->channel_end; c += LANES)
			depthwise_vector(kernel_width, stride, columns, 0, 0, b, e, c);
	if (c < b->channel_end)
		depthwise_vector(kernel_width, stride, columns, 1, 1, b, e, c);
}

static __attribute__((noinline)) void depthwise_3_1(const depthwise_block *b, const epilogue *e, int64_t columns)
{
	if (columns == 8)
		depthwise_channels(3, 1, 8, b, e);
	else if (columns == 7)
		depthwise_channels(3, 1, 7, b, e);
	else
		depthwise_channels(3, 1, 4, b, e);
}

static __attribute__((noinline)) void depthwise_3_2(const depthwise_block *b, const epilogue *e, int64_t columns)
{
	if (columns == 8)
		depthwise_channels(3, 2, 8, b, e);
	else if (columns == 7)
		depthwise_channels(3, 2, 7, b, e);
	else
		depthwise_channels(3, 2, 4, b, e);
}

static __attribute__((noinline)) void depthwise_5_1(const depthwise_block *b, const epilogue *e, int64_t columns)
{
	if (columns == 8)
		depthwise_channels(5, 1, 8, b, e);
	else if (columns == 7)
		depthwise_channels(5, 1, 7, b, e);
	else
		depthwise_channels(5, 1, 4, b, e);
}

static __attribute__((noinline)) void depthwise_5_2(const depthwise_block *b, const epilogue *e, int64_t columns)
{
	if (columns == 8)
		depthwise_channels(5, 2, 8, b, e);
	else if (columns == 7)
		depthwise_channels(5, 2, 7, b, e);
	else
		depthwise_channels(5, 2, 4, b, e);
}

static __attribute__((noinline)) void depthwise_7_1(const depthwise_block *b, const epilogue *e, int64_t columns)
{
	if (columns == 7)
		depthwise_channels(7, 1, 7, b, e);
	else
		depthwise_channels(7, 1, 4, b, e);
}

// Any kernel, stride, dilation and multiplier; partial and multiplied are constants.
INLINE void depthwise_generic_vector(const int partial, const int multiplied, const depthwise_block *b, const epilogue *e, int64_t c)
{
	const int lanes = partial ? (int)(b->channel_end - c) : LANES;
	const float *w = b->weights + c / LANES * b->vector_floats;
	vf sum[BLOCK_ROWS][BLOCK_VECTORS];
	vf bias = vf_load(w);
#pragma GCC unroll 8
	for (int i = 0; i < GENERIC_COLUMNS; i++)
		sum[i][0] = bias;
	w += LANES + b->skipped;
	const float **pointers = b->table;
	for (int64_t t = 0; t < b->tap_rows * b->kernel_width; t++, pointers += GENERIC_COLUMNS, w += LANES) {
		vf weight = vf_load(w);
#pragma GCC unroll 8
		for (int i = 0; i < GENERIC_COLUMNS; i++) {
			vf value = {0};
			if (multiplied)
				for (int lane = 0; lane < lanes; lane++)
					value[lane] = pointers[i][(c + lane) / b->multiplier];
			else
				value = partial ? vf_load_partial(pointers[i] + c, lanes) : vf_load(pointers[i] + c);
			sum[i][0] = vf_fma(value, weight, sum[i][0]);
		}
	}
	epilogue_store(e, GENERIC_COLUMNS, 1, sum, b->valid, lanes, b->pixel, c);
}

static void depthwise_generic(const depthwise_block *b, const epilogue *e)
{
	int64_t c = b->channel;
	if (b->multiplier != 1) {
		for (; c < b->channel_end; c += LANES)
			depthwise_generic_vector(c + LANES > b->channel_end, 1, b, e, c);
		return;
	}
	for (; c + LANES <= b->channel_end; c += LANES)
		depthwise_generic_vector(0, 0, b, e, c);
	if (c < b->channel_end)
		depthwise_generic_vector(1, 0, b, e, c);
}

// Fills the table for GENERIC_COLUMNS columns from `column`; image_row is the input row of the first tap row inside the image.
static void depthwise_fill_table(const int64_t *p, const depthwise_block *b, int64_t column, const float *image_row, const float *zeros)
{
	const float **slot = b->table;
	for (int64_t row = 0; row < b->tap_rows; row++, image_row += b->row_step)
		for (int64_t k = 0; k < b->kernel_width; k++)
			for (int64_t i = 0; i < GENERIC_COLUMNS; i++) {
				int64_t x = (column + i) * p[CONV_STRIDE_WIDTH] - p[CONV_PAD_LEFT] + k * p[CONV_DILATION_WIDTH];
				*slot++ = x >= 0 && x < p[CONV_WIDTH] ? image_row + x * b->pixel_stride : zeros;
			}
}

// One block of columns whose width the specialised kernels know.
static void depthwise_special(const depthwise_block *b, const epilogue *e, int64_t kernel_width, int64_t stride, int64_t columns)
{
	if (kernel_width == 3 && stride == 1)
		depthwise_3_1(b, e, columns);
	else if (kernel_width == 3)
		depthwise_3_2(b, e, columns);
	else if (kernel_width == 5 && stride == 1)
		depthwise_5_1(b, e, columns);
	else if (kernel_width == 5)
		depthwise_5_2(b, e, columns);
	else
		depthwise_7_1(b, e, columns);
}

// One output row: its columns in blocks.
static void depthwise_row(const int64_t *p, depthwise_block *b, const epilogue *e, const float *input, int64_t output_row, const float *zeros)
{
	int64_t kernel_width = p[CONV_KERNEL_WIDTH], stride = p[CONV_STRIDE_WIDTH], output_width = p[CONV_OUTPUT_WIDTH], width = p[CONV_WIDTH];
	int64_t dilation = p[CONV_DILATION_HEIGHT], height = p[CONV_HEIGHT];
	int64_t image = output_row / p[CONV_OUTPUT_HEIGHT], row = output_row % p[CONV_OUTPUT_HEIGHT];
	int64_t top = row * p[CONV_STRIDE_HEIGHT] - p[CONV_PAD_TOP];
	int64_t first_tap = top < 0 ? (-top + dilation - 1) / dilation : 0;
	int64_t last_tap = top < height ? (height - 1 - top) / dilation : -1;
	if (last_tap > p[CONV_KERNEL_HEIGHT] - 1)
		last_tap = p[CONV_KERNEL_HEIGHT] - 1;
	b->tap_rows = last_tap < first_tap ? 0 : last_tap - first_tap + 1;
	b->skipped = b->tap_rows ? first_tap * kernel_width * LANES : 0;
	b->row_step = dilation * width * b->pixel_stride;
	const float *image_row = b->tap_rows ? input + (image * height + top + first_tap * dilation) * width * b->pixel_stride : input;
	for (int64_t column = 0; column < output_width; column += b->valid) {
		int64_t columns = p[DEPTHWISE_COLUMN_BLOCK], first = column * stride - p[CONV_PAD_LEFT];
		int64_t read = (columns - 1) * stride + kernel_width;
		b->pixel = output_row * output_width + column;
		b->valid = output_width - column < columns ? output_width - column : columns;
		b->left = first < 0 ? -first : 0;
		b->right = width - first < read ? width - first : read;
		if (p[DEPTHWISE_GENERIC] || b->valid < columns || b->left > kernel_width / 2 || read - b->right > kernel_width / 2) {
			b->valid = b->valid < GENERIC_COLUMNS ? b->valid : GENERIC_COLUMNS;
			depthwise_fill_table(p, b, column, image_row, zeros);
			depthwise_generic(b, e);
		} else {
			b->input = image_row + first * b->pixel_stride;
			depthwise_special(b, e, kernel_width, stride, columns);
		}
		if (e->second_pass)
			epilogue_second_pass(e, b->pixel, b->valid, b->channel, b->channel_end - b->channel);
	}
}

void INFERD_NAME(conv_depthwise)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	int64_t channels = p[CONV_OUTPUT_CHANNELS], vectors = (channels + LANES - 1) / LANES, taps = p[CONV_KERNEL_HEIGHT] * p[CONV_KERNEL_WIDTH];
	int64_t channel_blocks = p[DEPTHWISE_CHANNEL_BLOCKS], part = tile % channel_blocks;
	int64_t first = tile / channel_blocks * p[DEPTHWISE_ROW_BLOCK], end = first + p[DEPTHWISE_ROW_BLOCK];
	if (end > p[DEPTHWISE_ROWS])
		end = p[DEPTHWISE_ROWS];
	epilogue e = epilogue_of(step, bases);
	depthwise_block b = {
		.pixel_stride = p[CONV_INPUT_STRIDE],
		.kernel_width = p[CONV_KERNEL_WIDTH],
		.weights = inferd_address(step, bases, CONV_WEIGHTS),
		.vector_floats = (1 + taps) * LANES,
		.multiplier = p[DEPTHWISE_MULTIPLIER],
		.channel = part * vectors / channel_blocks * LANES,
		.channel_end = (part + 1) * vectors / channel_blocks * LANES,
	};
	if (b.channel_end > channels)
		b.channel_end = channels;
	const float *input = inferd_address(step, bases, CONV_INPUT);
	float *zeros = scratch;
	int64_t zero_floats = (p[CONV_CHANNELS] + 15) / 16 * 16;
	memset(zeros, 0, (size_t)zero_floats * sizeof *zeros);
	b.table = (const float **)(zeros + zero_floats);
	for (int64_t row = first; row < end; row++)
		depthwise_row(p, &b, &e, input, row, zeros);
}

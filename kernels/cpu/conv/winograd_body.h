// Winograd convolution F(4x4, 3x3): a 4x4 tile of outputs from a 6x6 tile of inputs with 36 multiplications a channel instead of 144.
//
//     Y = activation(At ( sum over channels of (G w Gt) * (Bt x B) ) A + bias + residual),  * element by element
//
// Kernel 3x3, stride and dilation 1, one group. A tile of the step is a block of 4x4 output tiles times a range of panels. Its 36 transformed
// inputs V[36][tiles][channels] stay in L2; per panel 36 small matrix products give M[36][tiles][panel], which is transformed back. Bound
// by multiply-adds, 2.25 for an output and input channel where a direct convolution has 9, and by streaming the transformed weights
// (36 x channels x output channels x 4 bytes) once a tile of the step.
//
// The transforms cancel: with inputs and weights of unit variance the error is some thirty times that of direct summation, and an infinite
// input makes NaN of the outputs of its whole tile. One output is always summed in the order of the channels.
#include "multiply.h"

// One dimension of Bt x: six inputs to six sums.
INLINE void winograd_input(vf x0, vf x1, vf x2, vf x3, vf x4, vf x5, vf out[6])
{
	vf two = vf_set(2.0f), four = vf_set(4.0f), five = vf_set(5.0f);
	out[0] = vf_fma(four, x0, vf_fma(-five, x2, x4));
	vf even = vf_fma(-four, x2, x4), odd = vf_fma(-four, x1, x3);
	out[1] = even + odd;
	out[2] = even - odd;
	even = x4 - x2;
	odd = two * (x3 - x1);
	out[3] = even + odd;
	out[4] = even - odd;
	out[5] = vf_fma(four, x1, vf_fma(-five, x3, x5));
}

// One dimension of At m: six sums to four outputs.
INLINE void winograd_output(vf m0, vf m1, vf m2, vf m3, vf m4, vf m5, vf out[4])
{
	vf sum = m1 + m2, difference = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
	out[0] = m0 + sum + sum2;
	out[1] = vf_fma(vf_set(2.0f), difference2, difference);
	out[2] = vf_fma(vf_set(4.0f), sum2, sum);
	out[3] = vf_fma(vf_set(8.0f), difference2, difference) + m5;
}

// Where a 4x4 tile of outputs lies.
typedef struct {
	int64_t image, row, column; // of its first output
} winograd_place;

static winograd_place winograd_locate(const int64_t *p, int64_t index)
{
	int64_t across = (p[CONV_OUTPUT_WIDTH] + 3) / 4, down = (p[CONV_OUTPUT_HEIGHT] + 3) / 4;
	return (winograd_place){index / across / down, index / across % down * 4, index % across * 4};
}

// Transforms LANES channels of one 6x6 input tile; x are the addresses of its pixels, `lanes` channels exist. to[k * plane] takes sum k.
INLINE void winograd_scatter_vector(const float *const x[36], int64_t c, const int partial, int lanes, float *to, int64_t plane)
{
	vf rows[6][6];
#pragma GCC unroll 6
	for (int i = 0; i < 6; i++) {
		vf d[6];
#pragma GCC unroll 6
		for (int j = 0; j < 6; j++)
			d[j] = partial ? vf_load_partial(x[i * 6 + j] + c, lanes) : vf_load(x[i * 6 + j] + c);
		winograd_input(d[0], d[1], d[2], d[3], d[4], d[5], rows[i]);
	}
#pragma GCC unroll 6
	for (int j = 0; j < 6; j++) {
		vf sums[6];
		winograd_input(rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j], sums);
#pragma GCC unroll 6
		for (int i = 0; i < 6; i++)
			vf_store(to + (i * 6 + j) * plane, sums[i]);
	}
}

// Transforms the input of one tile to transformed[36][plane], of which `to` is the tile's place in the first plane.
static void winograd_scatter(const int64_t *p, const float *input, winograd_place at, const float *zeros, float *to, int64_t plane)
{
	const float *x[36];
	int64_t stride = p[CONV_INPUT_STRIDE], width = p[CONV_WIDTH], height = p[CONV_HEIGHT], channels = p[CONV_CHANNELS];
	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 6; j++) {
			int64_t row = at.row - p[CONV_PAD_TOP] + i, column = at.column - p[CONV_PAD_LEFT] + j;
			int inside = row >= 0 && row < height && column >= 0 && column < width;
			x[i * 6 + j] = inside ? input + ((at.image * height + row) * width + column) * stride : zeros;
		}
	int64_t c = 0;
	for (; c + LANES <= channels; c += LANES)
		winograd_scatter_vector(x, c, 0, LANES, to + c, plane);
	if (c < channels)
		winograd_scatter_vector(x, c, 1, (int)(channels - c), to + c, plane);
}

// Transforms one vector of sums[36][plane] back to 4x4 outputs and finishes them.
static void winograd_gather(const int64_t *p, const epilogue *e, winograd_place at, const float *sums, int64_t plane, vf bias, int64_t channel, int lanes)
{
	vf rows[4][6];
#pragma GCC unroll 6
	for (int j = 0; j < 6; j++) {
		const float *m = sums + j * plane;
		vf column[4];
		winograd_output(vf_load(m), vf_load(m + 6 * plane), vf_load(m + 12 * plane), vf_load(m + 18 * plane), vf_load(m + 24 * plane),
		                vf_load(m + 30 * plane), column);
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++)
			rows[i][j] = column[i];
	}
	int64_t height = p[CONV_OUTPUT_HEIGHT], width = p[CONV_OUTPUT_WIDTH];
	int64_t valid = width - at.column < 4 ? width - at.column : 4;
	for (int i = 0; i < 4 && at.row + i < height; i++) {
		vf out[4], y[BLOCK_ROWS][BLOCK_VECTORS];
		winograd_output(rows[i][0], rows[i][1], rows[i][2], rows[i][3], rows[i][4], rows[i][5], out);
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			y[j][0] = out[j] + bias;
		int64_t pixel = (at.image * height + at.row + i) * width + at.column;
		epilogue_store(e, 4, 1, y, valid, lanes, pixel, channel);
		if (e->second_pass)
			epilogue_second_pass(e, pixel, valid, channel, lanes);
	}
}

// `rows` rows of one of the 36 products: out[i] = x[i] (length) times weights [length][vectors * LANES]. rows and vectors are constants.
INLINE void winograd_rows(const int rows, const int vectors, const float *x, int64_t stride, int64_t length, const float *w, float *out)
{
	vf sum[BLOCK_ROWS][BLOCK_VECTORS];
	const float *pointers[BLOCK_ROWS];
#pragma GCC unroll 16
	for (int i = 0; i < rows; i++) {
		pointers[i] = x + i * stride;
#pragma GCC unroll 4
		for (int j = 0; j < vectors; j++)
			sum[i][j] = vf_zero();
	}
	multiply_run(rows, vectors, pointers, length, w, sum);
#pragma GCC unroll 16
	for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
		for (int j = 0; j < vectors; j++)
			vf_store(out + (i * vectors + j) * LANES, sum[i][j]);
}

// All 36 products of the block with one panel; tiles and x have room for a whole register block beyond `tiles`.
INLINE void winograd_products(const int rows, const int vectors, int64_t tiles, const float *v, int64_t stride, int64_t plane, int64_t length,
                              const float *w, float *sums, int64_t sums_plane)
{
	for (int k = 0; k < 36; k++, w += length * vectors * LANES) {
		const float *x = v + k * plane;
		float *out = sums + k * sums_plane;
		int64_t blocks = (tiles + rows - 1) / rows, shorter = blocks * rows - tiles;
		for (; shorter < blocks; blocks--, x += rows * stride, out += rows * vectors * LANES)
			winograd_rows(rows, vectors, x, stride, length, w, out);
		for (; blocks > 0; blocks--, x += (rows - 1) * stride, out += (rows - 1) * vectors * LANES)
			winograd_rows(rows - 1, vectors, x, stride, length, w, out);
	}
}

static __attribute__((noinline)) void winograd_products_1(int64_t tiles, const float *v, int64_t stride, int64_t plane, int64_t length,
                                                          const float *w, float *sums, int64_t sums_plane)
{
	winograd_products(ROWS_1, 1, tiles, v, stride, plane, length, w, sums, sums_plane);
}

static __attribute__((noinline)) void winograd_products_2(int64_t tiles, const float *v, int64_t stride, int64_t plane, int64_t length,
                                                          const float *w, float *sums, int64_t sums_plane)
{
	winograd_products(ROWS_2, 2, tiles, v, stride, plane, length, w, sums, sums_plane);
}

static __attribute__((noinline)) void winograd_products_3(int64_t tiles, const float *v, int64_t stride, int64_t plane, int64_t length,
                                                          const float *w, float *sums, int64_t sums_plane)
{
	winograd_products(ROWS_3, 3, tiles, v, stride, plane, length, w, sums, sums_plane);
}

void INFERD_NAME(conv_winograd)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const float *input = inferd_address(step, bases, CONV_INPUT), *weights = inferd_address(step, bases, CONV_WEIGHTS);
	epilogue e = epilogue_of(step, bases);
	int64_t channels = p[CONV_CHANNELS], stride = (channels + LANES - 1) / LANES * LANES, block = p[WINOGRAD_BLOCK];
	int64_t channel_blocks = p[WINOGRAD_CHANNEL_BLOCKS], part = tile % channel_blocks, first = tile / channel_blocks * block;
	int64_t tiles = p[WINOGRAD_TILES] - first < block ? p[WINOGRAD_TILES] - first : block;
	int64_t room = block + BLOCK_ROWS, plane = room * stride, sums_plane = room * BLOCK_VECTORS * LANES;
	float *v = scratch, *sums = v + 36 * plane, *zeros = sums + 36 * sums_plane;
	memset(zeros, 0, (size_t)stride * sizeof *zeros);
	for (int64_t i = 0; i < tiles; i++)
		winograd_scatter(p, input, winograd_locate(p, first + i), zeros, v + i * stride, plane);
	int64_t panels = p[WINOGRAD_PANELS], wide = p[WINOGRAD_WIDE_PANELS], narrow = p[WINOGRAD_NARROW_VECTORS];
	for (int64_t panel = part * panels / channel_blocks; panel < (part + 1) * panels / channel_blocks; panel++) {
		int64_t vectors = narrow + (panel < wide), before = panel * narrow + (panel < wide ? panel : wide);
		const float *bias = weights + before * LANES * (1 + 36 * channels), *w = bias + vectors * LANES;
		if (vectors == 1)
			winograd_products_1(tiles, v, stride, plane, channels, w, sums, sums_plane);
		else if (vectors == 2)
			winograd_products_2(tiles, v, stride, plane, channels, w, sums, sums_plane);
		else
			winograd_products_3(tiles, v, stride, plane, channels, w, sums, sums_plane);
		for (int64_t i = 0; i < tiles; i++)
			for (int64_t j = 0; j < vectors; j++) {
				int64_t channel = (before + j) * LANES, left = p[CONV_OUTPUT_CHANNELS] - channel;
				winograd_gather(p, &e, winograd_locate(p, first + i), sums + (i * vectors + j) * LANES, sums_plane, vf_load(bias + j * LANES),
				                channel, left < LANES ? (int)left : LANES);
			}
	}
}

// Depthwise convolution, NHWC: each channel has a filter of its own. The weights are those less their zero points, a number of 16 bits in each lane. Bound by
// three operations a vector and tap beside the load, or by reading the input.
#include "epilogue.h"

enum { DEPTHWISE_COLUMNS = 8 };

typedef struct {
	const uint8_t *image;
	const char *weights; // [taps][LANES] int32
	int64_t row, row_end, column_end, tap_columns; // taps inside the image's height; the columns of taps to use and those that there are
	int64_t column;                                // the first of them
	int64_t y, x;                                  // of the first tap
	int64_t width, pixel, dilation_height, dilation_width, stride_width;
	int32_t zero;
	bool is_signed;
} depthwise_block;

// What two numbers of 16 bits in the low halves of lanes make; the high half of b is 0.
INLINE vi depthwise_product(vi a, vi b)
{
#if defined(INFERD_ISA_AVX512) && !defined(INFERD_EMULATE_AVX512)
	return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(INFERD_ISA_AVX2)
	return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(INFERD_ISA_SCALAR)
	return (vi)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
	return a * (b << 16 >> 16);
#endif
}

// The sums of n channels, n <= LANES, in `columns` neighbouring output columns whose taps all lie inside the image.
INLINE void depthwise_sums(const depthwise_block *b, const int columns, int n, const bool is_signed, int32_t *sum)
{
	vi acc[DEPTHWISE_COLUMNS], zero = vi_set(b->zero);
#pragma GCC unroll 8
	for (int i = 0; i < columns; i++)
		acc[i] = vi_set(0);
	for (int64_t row = b->row; row < b->row_end; row++)
		for (int64_t column = b->column; column < b->column_end; column++) {
			const int64_t x = b->x + column * b->dilation_width;
			const uint8_t *from = b->image + ((b->y + row * b->dilation_height) * b->width + x) * b->pixel;
			vi weight = vi_load(b->weights + (row * b->tap_columns + column) * LANES * 4);
#pragma GCC unroll 8
			for (int i = 0; i < columns; i++, from += b->stride_width * b->pixel) {
				vi v = n == LANES ? vi_load_8(from, is_signed) : vi_load_8_partial(from, n, is_signed);
				acc[i] = (vi)((vu)acc[i] + (vu)depthwise_product(v - zero, weight));
			}
		}
#pragma GCC unroll 8
	for (int i = 0; i < columns; i++)
		vi_store(sum + i * LANES, acc[i]);
}

INLINE void depthwise_columns(const depthwise_block *b, const int columns, int n, int32_t *sum)
{
	if (b->is_signed)
		depthwise_sums(b, columns, n, true, sum);
	else
		depthwise_sums(b, columns, n, false, sum);
}

// The taps, of `taps` from position `first` on, that lie within [0, size).
INLINE void depthwise_inside(int64_t first, int64_t taps, int64_t dilation, int64_t size, int64_t *from, int64_t *end)
{
	*from = first < 0 ? (-first + dilation - 1) / dilation : 0;
	*end = size > first ? (size - first + dilation - 1) / dilation : 0;
	*end = *end < taps ? *end : taps;
	*from = *from < *end ? *from : *end;
}

// Output row `row` of all images, n channels from the given one on.
static void depthwise_row(const inferd_step *step, depthwise_block *b, const gemm8_epilogue *e, const uint8_t *images, int64_t row, int64_t channel, int n)
{
	const int64_t *p = step->parameter, output_width = p[INFERD_GEMM8_OUTPUT_WIDTH], height = p[INFERD_GEMM8_HEIGHT], taps = b->tap_columns;
	int32_t sum[DEPTHWISE_COLUMNS * LANES];
	b->image = images + row / p[INFERD_GEMM8_OUTPUT_HEIGHT] * height * b->width * b->pixel + channel;
	b->y = row % p[INFERD_GEMM8_OUTPUT_HEIGHT] * p[INFERD_GEMM8_STRIDE_HEIGHT] - p[INFERD_GEMM8_PAD_TOP];
	depthwise_inside(b->y, p[INFERD_GEMM8_KERNEL_HEIGHT], b->dilation_height, height, &b->row, &b->row_end);
	for (int64_t count, column = 0; column < output_width; column += count) {
		b->x = column * b->stride_width - p[INFERD_GEMM8_PAD_LEFT];
		const int64_t last = b->x + (DEPTHWISE_COLUMNS - 1) * b->stride_width + (taps - 1) * b->dilation_width;
		if (column + DEPTHWISE_COLUMNS <= output_width && b->x >= 0 && last < b->width) {
			count = DEPTHWISE_COLUMNS;
			b->column = 0;
			b->column_end = taps;
			depthwise_columns(b, DEPTHWISE_COLUMNS, n, sum);
		} else {
			count = 1;
			depthwise_inside(b->x, taps, b->dilation_width, b->width, &b->column, &b->column_end);
			depthwise_columns(b, 1, n, sum);
		}
		epilogue_finish(e, sum, LANES, row * output_width + column, count, channel, n);
	}
}

// A tile is a range of output rows of all images and a range of channels.
void INFERD_NAME(inferd_gemm8_depthwise)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter, channels = p[INFERD_GEMM8_GROUPS], vectors = (channels + LANES - 1) / LANES, blocks = p[INFERD_GEMM8_CHANNEL_BLOCKS];
	const int64_t part = tile % blocks, first = tile / blocks * p[INFERD_GEMM8_ROW_BLOCK], rows = p[INFERD_GEMM8_M] / p[INFERD_GEMM8_OUTPUT_WIDTH];
	const int64_t end = first + p[INFERD_GEMM8_ROW_BLOCK] < rows ? first + p[INFERD_GEMM8_ROW_BLOCK] : rows;
	const gemm8_epilogue e = epilogue_of(step, bases, 0);
	const char *weights = inferd_address(step, bases, INFERD_GEMM8_B);
	depthwise_block b = {
		.tap_columns = p[INFERD_GEMM8_KERNEL_WIDTH],
		.width = p[INFERD_GEMM8_WIDTH],
		.pixel = channels,
		.dilation_height = p[INFERD_GEMM8_DILATION_HEIGHT],
		.dilation_width = p[INFERD_GEMM8_DILATION_WIDTH],
		.stride_width = p[INFERD_GEMM8_STRIDE_WIDTH],
		.zero = e.a_zero,
		.is_signed = p[INFERD_GEMM8_FLAGS] & INFERD_GEMM8_A_IS_SIGNED,
	};
	for (int64_t row = first; row < end; row++)
		for (int64_t vector = part * vectors / blocks; vector < (part + 1) * vectors / blocks; vector++) {
			const int64_t channel = vector * LANES, left = channels - channel;
			b.weights = weights + vector * p[INFERD_GEMM8_K] * LANES * 4;
			depthwise_row(step, &b, &e, inferd_address(step, bases, INFERD_GEMM8_A), row, channel, left < LANES ? (int)left : LANES);
		}
}

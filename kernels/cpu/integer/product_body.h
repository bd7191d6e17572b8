// The product of one tile. Bound by arithmetic, 2 M N K at four times the rate of float32 where the processor multiplies bytes, where M is large; by reading B,
// K N bytes, where it is small.
//
// A tile first packs its rows of A into scratch as uint8 (int8 has 128 added, and its zero point too), patches of a convolution one after the other with
// padding as the zero point; then blocks of rows meet panels of B, whose sums stay in registers over the whole of K. Sums are exact in any order.
#include "epilogue.h"

enum { WIDTH = 2 * LANES };

// Adds the products of four neighbours: a's bytes unsigned, b's signed, as vpdpbusd does it.
#if defined(INFERD_ISA_AVX512_VNNI) && !defined(INFERD_EMULATE_AVX512)
typedef vi integer_bytes;
INLINE integer_bytes integer_split_a(vi a) { return a; }
INLINE integer_bytes integer_split_b(vi b) { return b; }
INLINE vi integer_dot(vi sum, integer_bytes a, integer_bytes b) { return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b); }
enum { BLOCK_ROWS = 12, BLOCK_WIDE_ROWS = 6 };
#else
// Without that instruction: the even and the odd bytes as 16-bit numbers, whose products pmaddwd adds in pairs without saturating.
typedef int16_t vh __attribute__((vector_size(LANES * 4)));
typedef struct { vh even, odd; } integer_bytes;
INLINE integer_bytes integer_split_a(vi a) { return (integer_bytes){(vh)(a & vi_set(0x00ff00ff)), (vh)((vu)a >> 8) & (vh)vi_set(0x00ff00ff)}; }
INLINE integer_bytes integer_split_b(vi b) { return (integer_bytes){(vh)((vh)b << 8) >> 8, (vh)b >> 8}; }
#if defined(INFERD_ISA_AVX512)
INLINE vi integer_pairs(vh a, vh b) { return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b); }
#elif defined(INFERD_ISA_AVX2)
INLINE vi integer_pairs(vh a, vh b) { return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b); }
#else
INLINE vi integer_pairs(vh a, vh b) { return (vi)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#endif
INLINE vi integer_dot(vi sum, integer_bytes a, integer_bytes b) { return sum + integer_pairs(a.even, b.even) + integer_pairs(a.odd, b.odd); }
enum { BLOCK_ROWS = LANES == 16 ? 8 : 4, BLOCK_WIDE_ROWS = LANES == 16 ? 4 : 2 };
#endif

enum { BLOCK_SUMS = 2 * BLOCK_ROWS };

typedef struct {
	const uint8_t *a; // packed rows
	int64_t a_row, groups; // of four k
	const int32_t *row_sums;
	int32_t a_zero; // as packed
	integer_epilogue e;
} integer_job;

// Finishes a block's sums. A function that is called: activations are long, and blocks are many.
static __attribute__((noinline)) void integer_finish_block(const integer_job *job, const vi *sums, int rows, int vectors, int64_t block_row, int64_t row, int64_t column, int64_t columns)
{
	for (int j = 0; j < vectors && j * LANES < columns; j++) {
		const int64_t left = columns - j * LANES, at = column + j * LANES;
		const vi terms = vi_load(job->e.terms + at) * vi_set(job->a_zero), zeros = vi_load(job->e.zeros + at);
		for (int r = 0; r < rows; r++) {
			vi x = sums[r * vectors + j] - terms;
			if (job->e.has_zeros)
				x -= zeros * vi_set(job->row_sums[block_row + r]);
			integer_finish(&job->e, x, row + block_row + r, at, left < LANES ? (int)left : LANES);
		}
	}
}

// rows x vectors sums of four k after the other, where the panels of B begin at b.
INLINE void integer_block(const int rows, const int vectors, const integer_job *job, const int8_t *b, int64_t block_row, int64_t row, int64_t column, int64_t columns)
{
	vi sum[BLOCK_SUMS]; // the first rows * vectors
	const uint8_t *a = job->a + block_row * job->a_row;
	const int64_t panel = job->groups * WIDTH * 4;
#pragma GCC unroll 32
	for (int i = 0; i < rows * vectors; i++)
		sum[i] = (vi){0};
	for (int64_t k = 0; k < job->groups; k++) {
		integer_bytes right[4];
#pragma GCC unroll 8
		for (int j = 0; j < vectors; j++)
			right[j] = integer_split_b(vi_load(b + j / 2 * panel + (k * 2 + j % 2) * LANES * 4));
#pragma GCC unroll 16
		for (int r = 0; r < rows; r++) {
			int32_t four;
			memcpy(&four, a + r * job->a_row + 4 * k, 4);
			integer_bytes left = integer_split_a(vi_set(four));
#pragma GCC unroll 8
			for (int j = 0; j < vectors; j++)
				sum[r * vectors + j] = integer_dot(sum[r * vectors + j], left, right[j]);
		}
	}
	vi sums[BLOCK_SUMS];
#pragma GCC unroll 32
	for (int i = 0; i < rows * vectors; i++)
		sums[i] = sum[i];
	integer_finish_block(job, sums, rows, vectors, block_row, row, column, columns);
}

typedef void integer_kernel(const integer_job *job, const int8_t *b, int64_t block_row, int64_t row, int64_t column, int64_t columns);

// One function per block shape, so that each gets its own register allocation.
#define INTEGER_BLOCK(rows, vectors) \
	static __attribute__((noinline)) void integer_##rows##x##vectors(const integer_job *job, const int8_t *b, int64_t block_row, int64_t row, int64_t column, int64_t columns) \
	{ \
		integer_block(rows, vectors, job, b, block_row, row, column, columns); \
	}

INTEGER_BLOCK(1, 2)
INTEGER_BLOCK(2, 2)
INTEGER_BLOCK(3, 2)
INTEGER_BLOCK(4, 2)
INTEGER_BLOCK(1, 4)
INTEGER_BLOCK(2, 4)
#if LANES == 16
INTEGER_BLOCK(5, 2)
INTEGER_BLOCK(6, 2)
INTEGER_BLOCK(7, 2)
INTEGER_BLOCK(8, 2)
INTEGER_BLOCK(3, 4)
INTEGER_BLOCK(4, 4)
#if defined(INFERD_ISA_AVX512_VNNI) && !defined(INFERD_EMULATE_AVX512)
INTEGER_BLOCK(9, 2)
INTEGER_BLOCK(10, 2)
INTEGER_BLOCK(11, 2)
INTEGER_BLOCK(12, 2)
INTEGER_BLOCK(5, 4)
INTEGER_BLOCK(6, 4)
static integer_kernel *const integer_panel[] = {NULL, integer_1x2, integer_2x2, integer_3x2, integer_4x2, integer_5x2, integer_6x2, integer_7x2, integer_8x2, integer_9x2, integer_10x2, integer_11x2, integer_12x2};
static integer_kernel *const integer_wide[] = {NULL, integer_1x4, integer_2x4, integer_3x4, integer_4x4, integer_5x4, integer_6x4};
#else
static integer_kernel *const integer_panel[] = {NULL, integer_1x2, integer_2x2, integer_3x2, integer_4x2, integer_5x2, integer_6x2, integer_7x2, integer_8x2};
static integer_kernel *const integer_wide[] = {NULL, integer_1x4, integer_2x4, integer_3x4, integer_4x4};
#endif
#else
static integer_kernel *const integer_panel[] = {NULL, integer_1x2, integer_2x2, integer_3x2, integer_4x2};
static integer_kernel *const integer_wide[] = {NULL, integer_1x4, integer_2x4};
#endif

// Multiplies packed rows with the panels of `columns` columns.
static void integer_multiply(const integer_job *job, const int8_t *b, int64_t rows, int64_t row, int64_t column, int64_t columns)
{
	const int64_t panel = job->groups * WIDTH * 4;
	for (int64_t done = 0; done < columns;) {
		const bool wide = rows <= BLOCK_WIDE_ROWS && columns - done > WIDTH;
		const int64_t most = wide ? BLOCK_WIDE_ROWS : BLOCK_ROWS, blocks = (rows + most - 1) / most;
		for (int64_t i = 0, first = 0; i < blocks; i++) { // dealt out evenly: short blocks wait for their sums
			const int64_t count = rows / blocks + (i < rows % blocks);
			(wide ? integer_wide : integer_panel)[count](job, b, first, row, column + done, columns - done);
			first += count;
		}
		done += wide ? 2 * WIDTH : WIDTH;
		b += wide ? 2 * panel : panel;
	}
}

#include "patches.h"

// Tiles are numbered with the rows inmost, then the columns, then the groups, so that neighbours share panels of B.
void INFERD_NAME(integer_product)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const int64_t m = p[INTEGER_ROWS], n = p[INTEGER_GROUP_COLUMNS], tile_rows = p[INTEGER_TILE_ROWS], tile_columns = p[INTEGER_TILE_COLUMNS];
	const int64_t row_tiles = (m + tile_rows - 1) / tile_rows, column_tiles = (n + tile_columns - 1) / tile_columns;
	const int64_t row = tile % row_tiles * tile_rows, column = tile / row_tiles % column_tiles * tile_columns, group = tile / row_tiles / column_tiles;
	const int64_t rows = m - row < tile_rows ? m - row : tile_rows, columns = n - column < tile_columns ? n - column : tile_columns;
	const int64_t k = p[INTEGER_KERNEL_HEIGHT] * p[INTEGER_KERNEL_WIDTH] * p[INTEGER_GROUP_CHANNELS], groups = (k + 3) / 4;
	int32_t *row_sums = scratch;
	uint8_t *a = (uint8_t *)scratch + (tile_rows * 4 + 63) / 64 * 64;
	integer_job job = {.a = a, .a_row = INTEGER_A_ROW(k), .groups = groups, .row_sums = row_sums, .e = integer_describe(step, bases, group)};
	integer_pack_rows(step, bases, &job.e, group, row, rows, k, a, job.a_row, job.e.has_zeros ? row_sums : NULL);
	job.a_zero = job.e.a_zero + (p[INTEGER_FLAGS] & INTEGER_UNSIGNED_A ? 0 : 128);
	const int8_t *b = inferd_address(step, bases, INTEGER_B);
	b += (group * p[INTEGER_COLUMN_PITCH] + column) * groups * 4;
	integer_multiply(&job, b, rows, row, column, columns);
}

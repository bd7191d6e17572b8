// Two-dimensional transposition: destination[column][row] = source[row][column], rows and columns contiguous in their tensor.
//
// Bound by memory. The 4-byte forms work on squares held in registers; the two shapes with up to four rows or columns (images of three
// channels, channel shuffles of two groups) become interleaving, which reads and writes whole vectors.
#include "walk.h"

typedef float quad __attribute__((vector_size(16)));

INLINE quad quad_load(const void *p) { quad v; memcpy(&v, p, sizeof v); return v; }
INLINE void quad_store(void *p, quad v) { memcpy(p, &v, sizeof v); }

INLINE void transpose_quads(quad v[4])
{
	quad a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
	quad c = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
	v[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
	v[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
	v[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
	v[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

#if LANES >= 8
enum { SQUARE = 8 };
typedef float octet __attribute__((vector_size(32)));

INLINE octet octet_join(const char *low, const char *high)
{
	quad a = quad_load(low), b = quad_load(high);
	return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
}

// Half a square at a time: four columns of all eight rows, joined crosswise at the load, so that the rest stays within 128-bit lanes.
INLINE void transpose_square(char *destination, int64_t to, const char *source, int64_t from)
{
	for (int half = 0; half < 2; half++) {
		octet v[4], t[4];
		for (int i = 0; i < 4; i++)
			v[i] = octet_join(source + i * from + half * 16, source + (i + 4) * from + half * 16);
		octet a = __builtin_shufflevector(v[0], v[1], 0, 8, 1, 9, 4, 12, 5, 13), b = __builtin_shufflevector(v[0], v[1], 2, 10, 3, 11, 6, 14, 7, 15);
		octet c = __builtin_shufflevector(v[2], v[3], 0, 8, 1, 9, 4, 12, 5, 13), d = __builtin_shufflevector(v[2], v[3], 2, 10, 3, 11, 6, 14, 7, 15);
		t[0] = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
		t[1] = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
		t[2] = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
		t[3] = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
		for (int i = 0; i < 4; i++)
			memcpy(destination + (half * 4 + i) * to, &t[i], sizeof t[i]);
	}
}
#else
enum { SQUARE = 4 };

INLINE void transpose_square(char *destination, int64_t to, const char *source, int64_t from)
{
	quad v[4];
	for (int i = 0; i < 4; i++)
		v[i] = quad_load(source + i * from);
	transpose_quads(v);
	for (int i = 0; i < 4; i++)
		quad_store(destination + i * to, v[i]);
}
#endif

// Element by element; size is a compile-time constant.
INLINE void transpose_elements(char *destination, int64_t to, const char *source, int64_t from, int64_t rows, int64_t columns, int64_t size)
{
	for (int64_t column = 0; column < columns; column++)
		for (int64_t row = 0; row < rows; row++)
			memcpy(destination + column * to + row * size, source + row * from + column * size, (size_t)size);
}

// In blocks of 16 x 16, so that a cache line once fetched is used up.
INLINE void transpose_blocks(char *destination, int64_t to, const char *source, int64_t from, int64_t rows, int64_t columns, int64_t size)
{
	for (int64_t column = 0; column < columns; column += 16)
		for (int64_t row = 0; row < rows; row += 16)
			transpose_elements(destination + column * to + row * size, to, source + row * from + column * size, from,
			                   rows - row < 16 ? rows - row : 16, columns - column < 16 ? columns - column : 16, size);
}

// 4-byte elements in squares. Within a band the reads are a few long runs, which the prefetchers follow, and what is written fits into L1
// until the next rows complete its cache lines.
INLINE void transpose_words(char *destination, int64_t to, const char *source, int64_t from, int64_t rows, int64_t columns)
{
	int64_t whole_rows = rows / SQUARE * SQUARE, whole_columns = columns / SQUARE * SQUARE;
	enum { BAND = 64 };
	for (int64_t band = 0; band < whole_columns; band += BAND) {
		int64_t end = band + BAND < whole_columns ? band + BAND : whole_columns;
		for (int64_t row = 0; row < whole_rows; row += SQUARE)
			for (int64_t column = band; column < end; column += SQUARE)
				transpose_square(destination + column * to + row * 4, to, source + row * from + column * 4, from);
	}
	transpose_elements(destination + whole_rows * 4, to, source + whole_rows * from, from, rows - whole_rows, whole_columns, 4);
	transpose_elements(destination + whole_columns * to, to, source + whole_columns * 4, from, rows, columns - whole_columns, 4);
}

// Two rows: destination[column][2].
INLINE void interleave2(char *destination, const char *source, int64_t from, int64_t columns)
{
	int64_t column = 0;
	for (; column + 4 <= columns; column += 4) {
		quad a = quad_load(source + column * 4), b = quad_load(source + from + column * 4);
		quad_store(destination + column * 8, __builtin_shufflevector(a, b, 0, 4, 1, 5));
		quad_store(destination + column * 8 + 16, __builtin_shufflevector(a, b, 2, 6, 3, 7));
	}
	transpose_elements(destination + column * 8, 8, source + column * 4, from, 2, columns - column, 4);
}

// Two columns: source[row][2].
INLINE void deinterleave2(char *destination, int64_t to, const char *source, int64_t rows)
{
	int64_t row = 0;
	for (; row + 4 <= rows; row += 4) {
		quad a = quad_load(source + row * 8), b = quad_load(source + row * 8 + 16);
		quad_store(destination + row * 4, __builtin_shufflevector(a, b, 0, 2, 4, 6));
		quad_store(destination + to + row * 4, __builtin_shufflevector(a, b, 1, 3, 5, 7));
	}
	transpose_elements(destination + row * 4, to, source + row * 8, 8, rows - row, 2, 4);
}

// Three or four rows. With three, each store spills one element that the next one overwrites, so the last columns go one by one.
INLINE void interleave4(char *destination, const char *source, int64_t from, int64_t columns, int64_t rows)
{
	int64_t column = 0;
	for (; column + 4 < columns; column += 4) {
		quad v[4];
		for (int row = 0; row < 4; row++)
			v[row] = quad_load(source + (row < rows ? row : 0) * from + column * 4);
		transpose_quads(v);
		for (int i = 0; i < 4; i++)
			quad_store(destination + (column + i) * rows * 4, v[i]);
	}
	transpose_elements(destination + column * rows * 4, rows * 4, source + column * 4, from, rows, columns - column, 4);
}

// Three or four columns. With three, each load reads one element of the next row, so the last rows go one by one.
INLINE void deinterleave4(char *destination, int64_t to, const char *source, int64_t rows, int64_t columns)
{
	int64_t row = 0;
	for (; row + 4 < rows; row += 4) {
		quad v[4];
		for (int i = 0; i < 4; i++)
			v[i] = quad_load(source + (row + i) * columns * 4);
		transpose_quads(v);
		for (int column = 0; column < columns; column++)
			quad_store(destination + column * to + row * 4, v[column]);
	}
	transpose_elements(destination + row * 4, to, source + row * columns * 4, columns * 4, rows - row, columns, 4);
}

INLINE void transpose4(char *destination, int64_t to, const char *source, int64_t from, int64_t rows, int64_t columns)
{
	if (rows == 2 && to == 8)
		interleave2(destination, source, from, columns);
	else if (columns == 2 && from == 8)
		deinterleave2(destination, to, source, rows);
	else if (rows == 3 && to == 12)
		interleave4(destination, source, from, columns, 3);
	else if (rows == 4 && to == 16)
		interleave4(destination, source, from, columns, 4);
	else if (columns == 3 && from == 12)
		deinterleave4(destination, to, source, rows, 3);
	else if (columns == 4 && from == 16)
		deinterleave4(destination, to, source, rows, 4);
	else
		transpose_words(destination, to, source, from, rows, columns);
}

void INFERD_NAME(inferd_transpose)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	int64_t from = step->parameter[INFERD_MOVEMENT_SOURCE_STRIDE], to = step->parameter[INFERD_MOVEMENT_DESTINATION_STRIDE];
	int64_t other = step->parameter[INFERD_MOVEMENT_OTHER], size = step->parameter[INFERD_MOVEMENT_ELEMENT_SIZE];
	int64_t chunked_rows = step->parameter[INFERD_MOVEMENT_CHUNKED_ROWS];
	for (walk w = walk_begin(step, bases, tile); w.left > 0; walk_next(&w)) {
		int64_t rows = chunked_rows ? walk_chunk(&w) : other, columns = chunked_rows ? other : walk_chunk(&w);
		switch (size) {
		case 1:
			transpose_blocks(w.destination, to, w.source, from, rows, columns, 1);
			break;
		case 2:
			transpose_blocks(w.destination, to, w.source, from, rows, columns, 2);
			break;
		case 4:
			transpose4(w.destination, to, w.source, from, rows, columns);
			break;
		case 8:
			transpose_blocks(w.destination, to, w.source, from, rows, columns, 8);
			break;
		default:
			transpose_blocks(w.destination, to, w.source, from, rows, columns, 16);
		}
	}
}

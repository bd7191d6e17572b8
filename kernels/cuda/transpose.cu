// Transposition of [outer..., rows, columns]: columns are contiguous in x, rows in y, and the outer dimensions lie anywhere.
//
// Bound by memory: 2 * count * size bytes. Tiles go through shared memory, so that reads and writes are both whole lines. Algorithm: Ruetsch and
// Micikevicius, "Optimizing matrix transpose in CUDA", 2009: 32 x 32 words with a pitch of one more, so that a warp meets all banks in either direction.
// Elements of one or two bytes move in words: the tile is 32 * Count elements square and each lane has Count of them side by side.
#include "walk.cuh"

struct TransposeArguments {
	const void *x;
	void *y;
	Walk<2> outer;                           // of x and y
	int64_t source_row, destination_column;  // strides: of x along rows, of y along columns
	Divisor tiles_of_rows, tiles_of_columns; // how many there are
	uint32_t rows, columns;
};

constexpr int kTileRows = 8; // of a block's threads

template <typename T, int Count> INLINE void transpose(const TransposeArguments &a)
{
	constexpr int edge = kWarp * Count;
	constexpr int pitch = edge + 1; // in elements: odd, so that neither columns of words nor those of narrower elements share a bank
	__shared__ T tile[edge * pitch];
	uint32_t i = blockIdx.x;
	const uint32_t column0 = split_off(i, a.tiles_of_columns) * edge, row0 = split_off(i, a.tiles_of_rows) * edge;
	int64_t at[2];
	walk(a.outer, i, at);
	const T *x = static_cast<const T *>(a.x) + at[0];
	T *y = static_cast<T *>(a.y) + at[1];
	const uint32_t across = threadIdx.x * Count;
#pragma unroll
	for (int k = 0; k < edge; k += kTileRows) {
		const uint32_t row = k + threadIdx.y;
		if (row0 + row < a.rows && column0 + across < a.columns) {
			const Pack<T, Count> pack = load<T, Count>(x + (row0 + row) * a.source_row + column0 + across);
#pragma unroll
			for (int j = 0; j < Count; j++)
				tile[row * pitch + across + j] = pack.at[j];
		}
	}
	__syncthreads();
#pragma unroll
	for (int k = 0; k < edge; k += kTileRows) {
		const uint32_t column = k + threadIdx.y;
		if (column0 + column < a.columns && row0 + across < a.rows) {
			Pack<T, Count> pack;
#pragma unroll
			for (int j = 0; j < Count; j++)
				pack.at[j] = tile[(across + j) * pitch + column];
			store<T, Count>(y + (column0 + column) * a.destination_column + row0 + across, pack);
		}
	}
}

KERNEL(transpose_1, TransposeArguments, 256) { transpose<uint8_t, 1>(arguments); }
KERNEL(transpose_2, TransposeArguments, 256) { transpose<uint16_t, 1>(arguments); }
KERNEL(transpose_4, TransposeArguments, 256) { transpose<uint32_t, 1>(arguments); }
KERNEL(transpose_8, TransposeArguments, 256) { transpose<uint2, 1>(arguments); }
KERNEL(transpose_16, TransposeArguments, 256) { transpose<uint4, 1>(arguments); }
KERNEL(transpose_words_1, TransposeArguments, 256) { transpose<uint8_t, 4>(arguments); }
KERNEL(transpose_words_2, TransposeArguments, 256) { transpose<uint16_t, 2>(arguments); }

// Transposition of [outer..., rows, columns]: columns are contiguous in x, rows in y, and the outer dimensions lie anywhere.
//
// Bound by memory: 2 * count * size bytes. Tiles go through shared memory, so that reads and writes are both whole lines. Algorithm: Ruetsch and
// Micikevicius, "Optimizing matrix transpose in CUDA", 2009: 32 x 32 words with a pitch of one more, so that a warp meets all banks in either direction.
// Elements of one or two bytes move in words where they are aligned, through tiles with as many more elements. Where one side is short, a tile of the same
// size has that side short too: whole tiles keep enough bytes under way.
#include "walk.cuh"

struct TransposeArguments {
	const void *x;
	void *y;
	Walk<2> outer;                           // of x and y
	int64_t source_row, destination_column;  // strides: of x along rows, of y along columns
	Divisor tiles_of_rows, tiles_of_columns; // how many there are
	uint32_t rows, columns;
};

constexpr int kThreads = 256;

// The distance of a tile's rows in elements. It is odd, so that neither a column of words nor one of narrower elements shares a bank; where a warp reads several
// columns of few rows, it leaves room for as many of them between rows.
template <int Rows, int Columns> constexpr int kPitch = Columns + (Rows < kWarp ? kWarp / Rows : 1);

// Four bytes of narrow elements, or one element of any size. Put together by shifts they are stored as one, whatever the compiler makes of arrays.
template <typename T, int Count> struct Word {
	uint32_t bits;
	__device__ __forceinline__ T element(int j) const { return static_cast<T>(bits >> (8 * sizeof(T) * j)); }
	__device__ __forceinline__ void put(int j, T value) { bits |= static_cast<uint32_t>(value) << (8 * sizeof(T) * j); }
};

template <typename T> struct Word<T, 1> {
	T value;
	__device__ __forceinline__ T element(int) const { return value; }
	__device__ __forceinline__ void put(int, T v) { value = v; }
};

// A tile of Rows x Columns elements, Count of which side by side are moved as one.
template <typename T, int Count, int Rows, int Columns> INLINE void transpose(const TransposeArguments &a)
{
	constexpr int pitch = kPitch<Rows, Columns>;
	__shared__ T tile[Rows * pitch];
	uint32_t i = blockIdx.x;
	const uint32_t column0 = split_off(i, a.tiles_of_columns) * Columns, row0 = split_off(i, a.tiles_of_rows) * Rows;
	int64_t at[2];
	walk(a.outer, i, at);
	const T *x = static_cast<const T *>(a.x) + at[0];
	T *y = static_cast<T *>(a.y) + at[1];
	{
		constexpr int lanes = Columns / Count;
		const uint32_t column = threadIdx.x % lanes * Count;
#pragma unroll
		for (int k = 0; k < Rows; k += kThreads / lanes) {
			const uint32_t row = k + threadIdx.x / lanes;
			if (row0 + row < a.rows && column0 + column < a.columns) {
				const Word<T, Count> word = *reinterpret_cast<const Word<T, Count> *>(x + (row0 + row) * a.source_row + column0 + column);
#pragma unroll
				for (int j = 0; j < Count; j++)
					tile[row * pitch + column + j] = word.element(j);
			}
		}
	}
	__syncthreads();
	constexpr int lanes = Rows / Count;
	const uint32_t row = threadIdx.x % lanes * Count;
#pragma unroll
	for (int k = 0; k < Columns; k += kThreads / lanes) {
		const uint32_t column = k + threadIdx.x / lanes;
		if (column0 + column < a.columns && row0 + row < a.rows) {
			Word<T, Count> word = {};
#pragma unroll
			for (int j = 0; j < Count; j++)
				word.put(j, tile[(row + j) * pitch + column]);
			*reinterpret_cast<Word<T, Count> *>(y + (column0 + column) * a.destination_column + row0 + row) = word;
		}
	}
}

KERNEL(transpose_128x128_1, TransposeArguments, kThreads) { transpose<uint8_t, 4, 128, 128>(arguments); }
KERNEL(transpose_64x64_2, TransposeArguments, kThreads) { transpose<uint16_t, 2, 64, 64>(arguments); }
KERNEL(transpose_32x32_1, TransposeArguments, kThreads) { transpose<uint8_t, 1, 32, 32>(arguments); }
KERNEL(transpose_32x32_2, TransposeArguments, kThreads) { transpose<uint16_t, 1, 32, 32>(arguments); }
KERNEL(transpose_32x32_4, TransposeArguments, kThreads) { transpose<uint32_t, 1, 32, 32>(arguments); }
KERNEL(transpose_32x32_8, TransposeArguments, kThreads) { transpose<uint2, 1, 32, 32>(arguments); }
KERNEL(transpose_32x32_16, TransposeArguments, kThreads) { transpose<uint4, 1, 32, 32>(arguments); }
KERNEL(transpose_128x8_1, TransposeArguments, kThreads) { transpose<uint8_t, 1, 128, 8>(arguments); }
KERNEL(transpose_128x8_2, TransposeArguments, kThreads) { transpose<uint16_t, 1, 128, 8>(arguments); }
KERNEL(transpose_128x8_4, TransposeArguments, kThreads) { transpose<uint32_t, 1, 128, 8>(arguments); }
KERNEL(transpose_128x8_8, TransposeArguments, kThreads) { transpose<uint2, 1, 128, 8>(arguments); }
KERNEL(transpose_128x8_16, TransposeArguments, kThreads) { transpose<uint4, 1, 128, 8>(arguments); }
KERNEL(transpose_64x16_1, TransposeArguments, kThreads) { transpose<uint8_t, 1, 64, 16>(arguments); }
KERNEL(transpose_64x16_2, TransposeArguments, kThreads) { transpose<uint16_t, 1, 64, 16>(arguments); }
KERNEL(transpose_64x16_4, TransposeArguments, kThreads) { transpose<uint32_t, 1, 64, 16>(arguments); }
KERNEL(transpose_64x16_8, TransposeArguments, kThreads) { transpose<uint2, 1, 64, 16>(arguments); }
KERNEL(transpose_64x16_16, TransposeArguments, kThreads) { transpose<uint4, 1, 64, 16>(arguments); }
KERNEL(transpose_16x64_1, TransposeArguments, kThreads) { transpose<uint8_t, 1, 16, 64>(arguments); }
KERNEL(transpose_16x64_2, TransposeArguments, kThreads) { transpose<uint16_t, 1, 16, 64>(arguments); }
KERNEL(transpose_16x64_4, TransposeArguments, kThreads) { transpose<uint32_t, 1, 16, 64>(arguments); }
KERNEL(transpose_16x64_8, TransposeArguments, kThreads) { transpose<uint2, 1, 16, 64>(arguments); }
KERNEL(transpose_16x64_16, TransposeArguments, kThreads) { transpose<uint4, 1, 16, 64>(arguments); }
KERNEL(transpose_8x128_1, TransposeArguments, kThreads) { transpose<uint8_t, 1, 8, 128>(arguments); }
KERNEL(transpose_8x128_2, TransposeArguments, kThreads) { transpose<uint16_t, 1, 8, 128>(arguments); }
KERNEL(transpose_8x128_4, TransposeArguments, kThreads) { transpose<uint32_t, 1, 8, 128>(arguments); }
KERNEL(transpose_8x128_8, TransposeArguments, kThreads) { transpose<uint2, 1, 8, 128>(arguments); }
KERNEL(transpose_8x128_16, TransposeArguments, kThreads) { transpose<uint4, 1, 8, 128>(arguments); }

// How tiles of a matrix product's operands come into shared memory.
//
// A stage of the pipeline holds kStageBytes along K: 32 elements of two bytes or 16 of four. Everything moves in chunks of 16 bytes. A tile lies in shared
// memory as rows of chunks, and which chunk of a row lies where is exchanged so that the eight chunks that a load reads at a time are in different banks.
#ifndef INFERD_OPERAND_CUH
#define INFERD_OPERAND_CUH

#include "ptx.cuh"

constexpr int kStageBytes = 64;
constexpr int kChunkBytes = 16;
constexpr int kChunks = kStageBytes / kChunkBytes;

// Elements of a stage along K.
template <typename T> constexpr int kStageDepth = kStageBytes / static_cast<int>(sizeof(T));

// Where a chunk lies, in bytes, in a tile with so many chunks a row: 128 bytes pass all banks once.
template <int ChunksOfRow> INLINE int place_of_chunk(int row, int chunk)
{
	constexpr int kExchanged = ChunksOfRow < 8 ? ChunksOfRow : 8;
	return (row * ChunksOfRow + (chunk ^ row / (8 / kExchanged) % kExchanged)) * kChunkBytes;
}

// Steps of the pipeline that cover K.
template <typename T> INLINE int stages_of(int64_t depth) { return static_cast<int>((depth + kStageDepth<T> - 1) / kStageDepth<T>); }

// A matrix for the loaders: element (row, k) is at base[row * row_stride + k * depth_stride].
template <typename T> struct Operand {
	const T *base;
	int64_t row_stride, depth_stride, rows, depth;
};

// Copies a chunk of elements that are `apart` elements from each other; Wide: of neighbours, in one copy that may read up to the chunk's end.
template <typename T, bool Wide> INLINE void copy_chunk(unsigned char *to, const T *base, const T *from, int64_t apart, int64_t count)
{
	if constexpr (Wide) {
		copy_async<kChunkBytes>(to, count > 0 ? from : base, count > 0);
	} else {
#pragma unroll
		for (int i = 0; i < kWide<T>; i++)
			copy_async<sizeof(T)>(to + i * sizeof(T), i < count ? from + i * apart : base, i < count);
	}
}

// A tile [Rows, K] of an operand, chunks along K. Wide: depth_stride is 1, and rows begin aligned and hold whole chunks.
template <typename T, int Rows, int Threads, bool Wide> struct AlongDepth {
	static constexpr int kCopies = Rows * kChunks / Threads, kApart = Threads / kChunks;
	static_assert(kCopies * Threads == Rows * kChunks && kApart % 8 == 0, "threads do not divide the tile");

	const T *base, *from;
	int64_t apart, depth_stride, left; // elements between this thread's rows; left along K from its chunk on
	int place, rows;

	__device__ __forceinline__ AlongDepth(const Operand<T> &o, int64_t first_row)
	{
		const int row = static_cast<int>(threadIdx.x) / kChunks, chunk = static_cast<int>(threadIdx.x) % kChunks, k = chunk * kWide<T>;
		base = o.base;
		depth_stride = Wide ? 1 : o.depth_stride;
		from = o.base + (first_row + row) * o.row_stride + k * depth_stride;
		apart = kApart * o.row_stride;
		left = o.depth - k;
		place = place_of_chunk<kChunks>(row, chunk);
		rows = static_cast<int>(o.rows - first_row - row < Rows ? o.rows - first_row - row : Rows);
	}

	// Passes over stages.
	__device__ __forceinline__ void skip(int64_t stages)
	{
		from += stages * kStageDepth<T> * depth_stride;
		left -= stages * kStageDepth<T>;
	}

	// Copies the next stage.
	__device__ __forceinline__ void copy(unsigned char *stage)
	{
#pragma unroll
		for (int i = 0; i < kCopies; i++)
			copy_chunk<T, Wide>(stage + place + i * kApart * kStageBytes, base, from + i * apart, depth_stride, i * kApart < rows ? left : 0);
		skip(1);
	}
};

// A tile [K, Rows] of an operand, chunks along its rows. Wide: row_stride is 1, and each k begins aligned and holds whole chunks.
template <typename T, int Rows, int Threads, bool Wide> struct AlongRows {
	static constexpr int kChunksOfRow = Rows * static_cast<int>(sizeof(T)) / kChunkBytes, kApart = Threads / kChunksOfRow, kCopies = kStageDepth<T> / kApart;
	static_assert(kApart * kChunksOfRow == Threads && kCopies * kApart == kStageDepth<T>, "threads do not divide the tile");

	const T *base, *from;
	int64_t depth_stride, row_stride, left; // left along K from this thread's first k on
	int64_t count;                          // rows from its chunk's first on
	int k, chunk;

	__device__ __forceinline__ AlongRows(const Operand<T> &o, int64_t first_row)
	{
		k = static_cast<int>(threadIdx.x) / kChunksOfRow;
		chunk = static_cast<int>(threadIdx.x) % kChunksOfRow;
		const int64_t row = first_row + chunk * kWide<T>;
		base = o.base;
		depth_stride = o.depth_stride;
		row_stride = Wide ? 1 : o.row_stride;
		from = o.base + row * row_stride + k * depth_stride;
		left = o.depth - k;
		count = o.rows - row;
	}

	__device__ __forceinline__ void skip(int64_t stages)
	{
		from += stages * kStageDepth<T> * depth_stride;
		left -= stages * kStageDepth<T>;
	}

	__device__ __forceinline__ void copy(unsigned char *stage)
	{
#pragma unroll
		for (int i = 0; i < kCopies; i++)
			copy_chunk<T, Wide>(stage + place_of_chunk<kChunksOfRow>(k + i * kApart, chunk), base, from + i * kApart * depth_stride, row_stride, i * kApart < left ? count : 0);
		skip(1);
	}
};

#endif

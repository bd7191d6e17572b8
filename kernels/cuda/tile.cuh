// The main loop of matrix products and convolutions: a block computes a tile of C[M, N] from stages of A and B that copies bring into a ring in shared
// memory while earlier ones are multiplied.
//
// Bound by arithmetic where M and N are large: a step loads (TileM + TileN) * 64 bytes and does TileM * TileN multiply-adds for each element of 64 bytes.
// Every kernel adds the products of an element of C in the order of K, one instruction after the other, so the bits do not depend on the tile.
#ifndef INFERD_TILE_CUH
#define INFERD_TILE_CUH

#include "epilogue.cuh"
#include "operand.cuh"

// Sums of few rows and columns are split along K, so that there is work for all multiprocessors: into segments of so many steps, each of which is summed by
// itself. What is one segment depends on the layer alone; whether blocks share the segments of a tile, or one block adds them up, on the number of rows.
struct Segments {
	int64_t count, steps;
};

// The sums of a tile that adds up segments. An element of the total is rounded as join.cu does it.
template <typename Tile> struct Folded : Tile {
	static constexpr bool kFolds = true;
	static constexpr int kSums = static_cast<int>(sizeof(Tile::sum) / sizeof(float));

	float total[kSums] = {};

	__device__ __forceinline__ void fold()
	{
		float(&sums)[kSums] = reinterpret_cast<float(&)[kSums]>(this->sum);
#pragma unroll
		for (int i = 0; i < kSums; i++) {
			total[i] += sums[i];
			sums[i] = 0.0f;
		}
	}

	// Makes the total the sums.
	__device__ __forceinline__ void end()
	{
		fold();
		float(&sums)[kSums] = reinterpret_cast<float(&)[kSums]>(this->sum);
#pragma unroll
		for (int i = 0; i < kSums; i++)
			sums[i] = total[i];
	}
};

// One barrier a step: it both publishes the stage that is read next, and shows that the stage before, which is copied to next, was read by all.
template <typename Tile, typename A, typename B> INLINE void multiply_stages(Tile &tile, A &a, B &b, int steps, int segment_steps, unsigned char *shared)
{
	constexpr int kAhead = Tile::kStages - 1, kBytes = (Tile::kM + Tile::kN) * kStageBytes, kB = Tile::kM * kStageBytes;
	int read = 0, written = 0, left = segment_steps;
#pragma unroll 1
	for (int step = -kAhead; step < steps; step++) {
		if (step >= 0) {
			wait_for_copies<kAhead - 1>();
			tile.publish();
			__syncthreads();
		}
		if (step + kAhead < steps) {
			a.copy(shared + written * kBytes);
			b.copy(shared + written * kBytes + kB);
			written = written + 1 == Tile::kStages ? 0 : written + 1;
		}
		commit_copies(); // also an empty group, so that the wait counts steps
		if (step >= 0) {
			if constexpr (Tile::kFolds) {
				if (left == 0) {
					tile.fold();
					left = segment_steps;
				}
				left--;
			}
			tile.multiply(shared + read * kBytes, shared + read * kBytes + kB);
			read = read + 1 == Tile::kStages ? 0 : read + 1;
		}
	}
	if constexpr (Tile::kFolds)
		tile.end();
}

// The sums of a row of warps, in shared memory: a pitch that puts the rows which a warp writes at a time into different banks.
template <typename Tile> constexpr int kPitch = Tile::kN + 8;

// Finishes the part of the tile that the slab holds. The residual is fetched one turn ahead.
template <typename Tile, typename T> INLINE void finish_part(const float *slab, const Result<T> &r, const Epilogue &e, int64_t first_row, int64_t first_column)
{
	constexpr int kPacks = Tile::kN / kFinished, kAll = Tile::kWarpM * kPacks;
	int at = static_cast<int>(threadIdx.x);
	Pack<T, kFinished> next = residual_at<T, kFinished>(r, e, first_row + at / kPacks, first_column + at % kPacks * kFinished);
#pragma unroll 1
	for (; at < kAll; at += Tile::kThreads) {
		const Pack<T, kFinished> residual = next;
		const int row = at / kPacks, column = at % kPacks * kFinished, later = at + Tile::kThreads;
		if (later < kAll)
			next = residual_at<T, kFinished>(r, e, first_row + later / kPacks, first_column + later % kPacks * kFinished);
		finish<T, kFinished>(r, e, first_row + row, first_column + column, load<float, kFinished>(slab + row * kPitch<Tile> + column), residual);
	}
}

// Lets all threads see the sums of one row of warps after the other: visit(slab, first row of the slab within the tile).
template <typename Tile, typename Visit> INLINE void visit_parts(const Tile &tile, unsigned char *shared, const Visit &visit)
{
	static_assert(Tile::kWarpM * kPitch<Tile> * 4 <= Tile::kSharedBytes, "the slab does not fit into the stages");
	float *slab = reinterpret_cast<float *>(shared);
#pragma unroll 1
	for (int part = 0; part < Tile::kM / Tile::kWarpM; part++) {
		__syncthreads();
		if (warp_of_thread() / Tile::kWarpsOfRow == part)
			tile.spill(slab);
		__syncthreads();
		visit(slab, part * Tile::kWarpM);
	}
}

// Writes the tile: its sums pass through shared memory, so that whole rows are stored, and the code of the activations is there once.
template <typename Tile, typename T> INLINE void write_tile(const Tile &tile, unsigned char *shared, const Result<T> &r, const Epilogue &e, int64_t first_row, int64_t first_column)
{
	visit_parts(tile, shared, [&](const float *slab, int row) { finish_part<Tile, T>(slab, r, e, first_row + row, first_column); });
}

// Writes the sums as they are, for join.cu: rows that are `pitch` apart, a multiple of four of them.
template <typename Tile> INLINE void write_sums(const Tile &tile, unsigned char *shared, float *to, int64_t pitch, int64_t rows, int64_t columns, int64_t first_row, int64_t first_column)
{
	constexpr int kPacks = Tile::kN / 4;
	visit_parts(tile, shared, [&](const float *slab, int part) {
		for (int at = static_cast<int>(threadIdx.x); at < Tile::kWarpM * kPacks; at += Tile::kThreads) {
			const int64_t row = first_row + part + at / kPacks, column = first_column + at % kPacks * 4;
			if (row < rows && column < columns)
				store(to + row * pitch + column, load<float, 4>(slab + at / kPacks * kPitch<Tile> + at % kPacks * 4));
		}
	});
}

#endif

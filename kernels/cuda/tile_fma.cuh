// The tile of a block in exact float32: each thread keeps ThreadM x ThreadN sums in registers.
//
// A warp is 4 x 8 threads. A thread's rows are 4 apart and its columns groups of four, so that what a warp reads from shared memory at a time is of 4 chunks
// of A, in different banks, or 128 bytes of B. Two steps along K are in registers at a time: with more, two blocks no longer share a multiprocessor.
#ifndef INFERD_TILE_FMA_CUH
#define INFERD_TILE_FMA_CUH

#include "tile.cuh"

// The stages hold A as [M, K] and B as [K, N].
template <int M, int N, int ThreadM, int ThreadN, int Stages> struct FmaTile {
	typedef float T;
	static constexpr int kM = M, kN = N, kWarpM = 4 * ThreadM, kWarpN = 8 * ThreadN, kStages = Stages;
	static constexpr int kWarpsOfRow = N / kWarpN, kThreads = M / kWarpM * kWarpsOfRow * kWarp, kSharedBytes = Stages * (M + N) * kStageBytes;


	static constexpr bool kFolds = false;

	float sum[ThreadM][ThreadN];

	__device__ __forceinline__ FmaTile()
	{
#pragma unroll
		for (int i = 0; i < ThreadM; i++)
#pragma unroll
			for (int j = 0; j < ThreadN; j++)
				sum[i][j] = 0.0f;
	}

	static __device__ __forceinline__ int first_column() { return warp_of_thread() % kWarpsOfRow * kWarpN + lane_of_thread() % 8 * 4; }

	__device__ __forceinline__ void multiply(const unsigned char *a, const unsigned char *b)
	{
		const int row = warp_of_thread() / kWarpsOfRow * kWarpM + lane_of_thread() / 8;
#pragma unroll 1
		for (int k = 0; k < kStageDepth<float>; k += 2) {
			Pack<float, 2> left[ThreadM];
#pragma unroll
			for (int i = 0; i < ThreadM; i++)
				left[i] = load<float, 2>(reinterpret_cast<const float *>(a + place_of_chunk<kChunks>(row + 4 * i, k / 4)) + k % 4);
#pragma unroll
			for (int next = 0; next < 2; next++) {
				__align__(16) float right[ThreadN];
#pragma unroll
				for (int j = 0; j < ThreadN; j += 4)
					store(right + j, load<float, 4>(reinterpret_cast<const float *>(b + place_of_chunk<N / 4>(k + next, first_column() / 4 + 2 * j))));
#pragma unroll
				for (int i = 0; i < ThreadM; i++)
#pragma unroll
					for (int j = 0; j < ThreadN; j++)
						sum[i][j] = multiply_add(left[i].at[next], right[j], sum[i][j]);
			}
		}
	}

	// Copies are visible to this tile's loads as they are.
	static __device__ __forceinline__ void publish() {}

	// Writes the warp's sums to the slab of its row of warps.
	__device__ __forceinline__ void spill(float *slab) const
	{
#pragma unroll
		for (int i = 0; i < ThreadM; i++)
#pragma unroll
			for (int j = 0; j < ThreadN / 4; j++)
				store<float, 4>(slab + (lane_of_thread() / 8 + 4 * i) * kPitch<FmaTile> + first_column() + 32 * j,
					{sum[i][4 * j], sum[i][4 * j + 1], sum[i][4 * j + 2], sum[i][4 * j + 3]});
		}
};

#endif

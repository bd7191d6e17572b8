// The tile of a block on tensor cores: warps of WarpM x WarpN sums in registers, fed by ldmatrix, multiplied by mma.sync.
#ifndef INFERD_TILE_MMA_CUH
#define INFERD_TILE_MMA_CUH

#include "tile.cuh"

// T is half_t, bfloat_t or tfloat_t. BAlongRows: the stages hold B as [K, N], which ldmatrix transposes; it can do so with elements of two bytes only.
template <typename T_, int M, int N, int WarpM, int WarpN, int Stages, bool BAlongRows> struct MmaTile {
	typedef T_ T;
	static constexpr int kM = M, kN = N, kWarpM = WarpM, kStages = Stages;
	static constexpr int kWarpsOfRow = N / WarpN, kThreads = M / WarpM * kWarpsOfRow * kWarp, kSharedBytes = Stages * (M + N) * kStageBytes;
	static constexpr int kRows = WarpM / 16, kColumns = WarpN / 8; // instructions for 32 bytes along K
	static_assert(WarpM % 16 == 0 && WarpN % 16 == 0 && !(BAlongRows && sizeof(T) != 2), "no such tile");

	static constexpr bool kFolds = false;

	float sum[kRows][kColumns][4];

	__device__ __forceinline__ MmaTile()
	{
#pragma unroll
		for (int i = 0; i < kRows; i++)
#pragma unroll
			for (int j = 0; j < kColumns; j++)
#pragma unroll
				for (int k = 0; k < 4; k++)
					sum[i][j][k] = 0.0f;
	}

	static __device__ __forceinline__ int first_row() { return warp_of_thread() / kWarpsOfRow * WarpM; }
	static __device__ __forceinline__ int first_column() { return warp_of_thread() % kWarpsOfRow * WarpN; }

	static __device__ __forceinline__ void round(uint32_t (&bits)[4])
	{
		if constexpr (kSame<T, tfloat_t>) {
#pragma unroll
			for (int i = 0; i < 4; i++)
				bits[i] = round_to_tfloat(bits[i]);
		}
	}

	// Columns first and first + 8 to first + 15 of B for one instruction each: of each the low and the high half along K.
	static __device__ __forceinline__ void load_columns(uint32_t (&to)[4], const unsigned char *b, int first, int half)
	{
		const int lane = lane_of_thread();
		if constexpr (BAlongRows) {
			constexpr int kEach = kStageDepth<T> / 2;
			load_matrices<true>(to, b + place_of_chunk<N * 2 / kChunkBytes>(half * kEach + lane % 16, first / 8 + lane / 16));
		} else {
			load_matrices<false>(to, b + place_of_chunk<kChunks>(first + lane / 16 * 8 + lane % 8, half * 2 + lane / 8 % 2));
			round(to);
		}
	}

	__device__ __forceinline__ void multiply(const unsigned char *a, const unsigned char *b)
	{
		const int lane = lane_of_thread();
#pragma unroll
		for (int half = 0; half < 2; half++) {
			uint32_t left[kRows][4], right[kColumns / 2][4];
#pragma unroll
			for (int i = 0; i < kRows; i++) {
				load_matrices<false>(left[i], a + place_of_chunk<kChunks>(first_row() + i * 16 + lane % 16, half * 2 + lane / 16));
				round(left[i]);
			}
#pragma unroll
			for (int j = 0; j < kColumns / 2; j++)
				load_columns(right[j], b, first_column() + j * 16, half);
#pragma unroll
			for (int i = 0; i < kRows; i++)
#pragma unroll
				for (int j = 0; j < kColumns; j++)
					::multiply(T(), sum[i][j], left[i], {right[j / 2][j % 2 * 2], right[j / 2][j % 2 * 2 + 1]});
		}
	}

	// Copies are visible to this tile's loads as they are.
	static __device__ __forceinline__ void publish() {}

	// Writes the warp's sums to the slab of its row of warps.
	__device__ __forceinline__ void spill(float *slab) const
	{
		const int lane = lane_of_thread();
#pragma unroll
		for (int i = 0; i < kRows; i++)
#pragma unroll
			for (int j = 0; j < kColumns; j++)
#pragma unroll
				for (int below = 0; below < 2; below++) {
					float *to = slab + (i * 16 + below * 8 + lane / 4) * kPitch<MmaTile> + first_column() + j * 8 + lane % 4 * 2;
					store<float, 2>(to, {sum[i][j][2 * below], sum[i][j][2 * below + 1]});
				}
	}
};

#endif

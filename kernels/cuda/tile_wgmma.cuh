// The tile of a block on Hopper's tensor cores (sm_90a): groups of four warps multiply 64 x 128 sums straight from shared memory, by wgmma.
//
// The stages are those of the other tiles: rows of 64 bytes, whose exchanged chunks are what wgmma calls a swizzle of 64 bytes.
#ifndef INFERD_TILE_WGMMA_CUH
#define INFERD_TILE_WGMMA_CUH

#include "tile.cuh"

#if !defined(__CUDACC__)
#define INFERD_HOPPER 1
#include "emulation/source/wgmma.h"
#elif defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define INFERD_HOPPER 1
#endif

#if defined(INFERD_HOPPER)

// Describes a matrix in shared memory whose rows are 64 bytes, exchanged as place_of_chunk<4> does: the address in units of 16 bytes, in bits 0 to 13; the
// distance between groups of eight rows, 512 bytes, in bits 32 to 45; 2, for the swizzle, in bits 62 and 63. The matrix begins at a multiple of 512.
INLINE uint64_t describe_rows(const void *p)
{
#if defined(__CUDACC__)
	const uint32_t address = shared_address(p);
#else
	const uint32_t address = emulation::shared_offset(p);
#endif
	return static_cast<uint64_t>(address >> 4 & 0x3fff) | static_cast<uint64_t>(512 >> 4) << 32 | static_cast<uint64_t>(2) << 62;
}

// Makes what this thread has copied to shared memory visible to wgmma, after the next barrier.
INLINE void publish_copies()
{
#if defined(__CUDACC__)
	asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

// The instruction for a type, whose name is part of its text.
#define INFERD_WGMMA(type) \
	asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type " {" \
		"%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
		"%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
		"%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
		"%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, " \
		"%64, %65, 1, 1, 1, 0, 0;" \
		: "+f"(sum[0][0]), "+f"(sum[0][1]), "+f"(sum[0][2]), "+f"(sum[0][3]), "+f"(sum[1][0]), "+f"(sum[1][1]), "+f"(sum[1][2]), "+f"(sum[1][3]), \
		  "+f"(sum[2][0]), "+f"(sum[2][1]), "+f"(sum[2][2]), "+f"(sum[2][3]), "+f"(sum[3][0]), "+f"(sum[3][1]), "+f"(sum[3][2]), "+f"(sum[3][3]), \
		  "+f"(sum[4][0]), "+f"(sum[4][1]), "+f"(sum[4][2]), "+f"(sum[4][3]), "+f"(sum[5][0]), "+f"(sum[5][1]), "+f"(sum[5][2]), "+f"(sum[5][3]), \
		  "+f"(sum[6][0]), "+f"(sum[6][1]), "+f"(sum[6][2]), "+f"(sum[6][3]), "+f"(sum[7][0]), "+f"(sum[7][1]), "+f"(sum[7][2]), "+f"(sum[7][3]), \
		  "+f"(sum[8][0]), "+f"(sum[8][1]), "+f"(sum[8][2]), "+f"(sum[8][3]), "+f"(sum[9][0]), "+f"(sum[9][1]), "+f"(sum[9][2]), "+f"(sum[9][3]), \
		  "+f"(sum[10][0]), "+f"(sum[10][1]), "+f"(sum[10][2]), "+f"(sum[10][3]), "+f"(sum[11][0]), "+f"(sum[11][1]), "+f"(sum[11][2]), "+f"(sum[11][3]), \
		  "+f"(sum[12][0]), "+f"(sum[12][1]), "+f"(sum[12][2]), "+f"(sum[12][3]), "+f"(sum[13][0]), "+f"(sum[13][1]), "+f"(sum[13][2]), "+f"(sum[13][3]), \
		  "+f"(sum[14][0]), "+f"(sum[14][1]), "+f"(sum[14][2]), "+f"(sum[14][3]), "+f"(sum[15][0]), "+f"(sum[15][1]), "+f"(sum[15][2]), "+f"(sum[15][3]) \
		: "l"(a), "l"(b))

// C[64, 128] += A[64, 16] B[128, 16]^T by four warps; begun here, complete after wait_for_groups. The sums of a warp are those of mma for its 16 rows.
template <typename T> INLINE void multiply_group(float (&sum)[16][4], uint64_t a, uint64_t b)
{
#if !defined(__CUDACC__)
	emulation::wgmma<T>(sum, a, b);
#else
	if constexpr (kSame<T, half_t>)
		INFERD_WGMMA("f16");
	else
		INFERD_WGMMA("bf16");
#endif
}
#undef INFERD_WGMMA

// Before the first multiply_group after registers were written, and after the last one.
INLINE void begin_groups()
{
#if defined(__CUDACC__)
	asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

INLINE void wait_for_groups()
{
#if defined(__CUDACC__)
	asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
	asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#endif
}

// T is half_t or bfloat_t; the stages hold both operands along K.
template <typename T_, int Stages> struct WgmmaTile {
	typedef T_ T;
	static constexpr int kM = 128, kN = 128, kWarpM = 64, kStages = Stages, kWarpsOfRow = 4, kThreads = 256, kSharedBytes = Stages * (kM + kN) * kStageBytes;
	static constexpr bool kFolds = false;

	float sum[16][4] = {};

	static __device__ __forceinline__ void publish() { publish_copies(); }

	__device__ __forceinline__ void multiply(const unsigned char *a, const unsigned char *b)
	{
		const uint64_t left = describe_rows(a + warp_of_thread() / kWarpsOfRow * kWarpM * kStageBytes), right = describe_rows(b);
		begin_groups();
#pragma unroll
		for (int half = 0; half < 2; half++) // 32 bytes further along K
			multiply_group<T>(sum, left + 2 * half, right + 2 * half);
		wait_for_groups();
	}

	// Writes the warp's sums to the slab of its group.
	__device__ __forceinline__ void spill(float *slab) const
	{
		const int lane = lane_of_thread(), row = warp_of_thread() % kWarpsOfRow * 16 + lane / 4;
#pragma unroll
		for (int j = 0; j < 16; j++)
#pragma unroll
			for (int below = 0; below < 2; below++)
				store<float, 2>(slab + (row + below * 8) * kPitch<WgmmaTile> + j * 8 + lane % 4 * 2, {sum[j][2 * below], sum[j][2 * below + 1]});
	}
};

#endif

#endif

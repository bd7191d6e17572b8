// Matrix products of float16 and bfloat16 by wgmma, for Hopper only (sm_90a): elsewhere these kernels trap. See gemm.cuh.
//
// They are chosen by an option alone. Their bits are not those of mma.sync, so a model uses them for all numbers of rows or for none.
#include "gemm.cuh"
#include "tile_wgmma.cuh"

template <typename T> INLINE void gemm_by_groups(const GemmArguments &g)
{
#if !defined(INFERD_HOPPER)
	__trap();
#else
#if defined(__CUDACC__)
	DYNAMIC_SHARED(unsigned char, shared);
	if (shared_address(shared) % 512 != 0) // the swizzle goes by addresses
		__trap();
#endif
	gemm_nt<T, WgmmaTile<T, 3>>(g);
#endif
}

KERNEL(gemm_hopper_f16_128x128, GemmArguments, 256) { gemm_by_groups<half_t>(arguments); }
KERNEL(gemm_hopper_bf16_128x128, GemmArguments, 256) { gemm_by_groups<bfloat_t>(arguments); }

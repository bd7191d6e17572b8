// Matrix products of float32 on tensor cores as TF32, for models that allow it; see gemm.cuh.
#include "gemm.cuh"

// ldmatrix does not transpose elements of four bytes: B comes to shared memory with K in neighbours, element by element where it does not lie so.
template <typename Tile> INLINE void gemm_gathered(const GemmArguments &g)
{
	gemm<float, Tile, AlongDepth<float, Tile::kM, Tile::kThreads, false>, AlongDepth<float, Tile::kN, Tile::kThreads, false>>(g);
}

KERNEL(gemm_tf32_nt_128x128, GemmArguments, 256) { gemm_nt<float, MmaWide<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_nt_128x64, GemmArguments, 128) { gemm_nt<float, MmaTall<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_nt_64x64, GemmArguments, 128) { gemm_nt<float, MmaSquare<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_nt_32x32, GemmArguments, 128) { gemm_nt<float, MmaSmall<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_nt_folded, GemmArguments, 256) { gemm_nt<float, MmaFolded<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_nt_16x32, GemmArguments, 64) { gemm_nt<float, MmaNarrow<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_strided_64x64, GemmArguments, 128) { gemm_gathered<MmaSquare<tfloat_t, false>>(arguments); }
KERNEL(gemm_tf32_strided_folded, GemmArguments, 256) { gemm_gathered<MmaFolded<tfloat_t, false>>(arguments); }

// Matrix products of float16 on tensor cores, with sums in float32; see gemm.cuh.
#include "gemm.cuh"

KERNEL(gemm_f16_nt_128x128, GemmArguments, 256) { gemm_nt<half_t, MmaWide<half_t, false>>(arguments); }
KERNEL(gemm_f16_nt_128x64, GemmArguments, 128) { gemm_nt<half_t, MmaTall<half_t, false>>(arguments); }
KERNEL(gemm_f16_nt_64x64, GemmArguments, 128) { gemm_nt<half_t, MmaSquare<half_t, false>>(arguments); }
KERNEL(gemm_f16_nt_32x32, GemmArguments, 128) { gemm_nt<half_t, MmaSmall<half_t, false>>(arguments); }
KERNEL(gemm_f16_nt_folded, GemmArguments, 256) { gemm_nt<half_t, MmaFolded<half_t, false>>(arguments); }
KERNEL(gemm_f16_nt_16x32, GemmArguments, 64) { gemm_nt<half_t, MmaNarrow<half_t, false>>(arguments); }
KERNEL(gemm_f16_nn_128x128, GemmArguments, 256) { gemm_nn<half_t, MmaWide<half_t, true>>(arguments); }
KERNEL(gemm_f16_nn_64x64, GemmArguments, 128) { gemm_nn<half_t, MmaSquare<half_t, true>>(arguments); }
KERNEL(gemm_f16_nn_16x32, GemmArguments, 64) { gemm_nn<half_t, MmaNarrow<half_t, true>>(arguments); }
KERNEL(gemm_f16_strided_64x64, GemmArguments, 128) { gemm_strided<half_t, MmaSquare<half_t, true>>(arguments); }
KERNEL(gemm_f16_strided_folded, GemmArguments, 256) { gemm_strided<half_t, MmaFolded<half_t, true>>(arguments); }

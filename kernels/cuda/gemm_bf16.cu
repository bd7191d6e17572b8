// Matrix products of bfloat16 on tensor cores, with sums in float32; see gemm.cuh.
#include "gemm.cuh"

KERNEL(gemm_bf16_nt_128x128, GemmArguments, 256) { gemm_nt<bfloat_t, MmaWide<bfloat_t, false>>(arguments); }
KERNEL(gemm_bf16_nt_128x64, GemmArguments, 128) { gemm_nt<bfloat_t, MmaTall<bfloat_t, false>>(arguments); }
KERNEL(gemm_bf16_nt_64x64, GemmArguments, 128) { gemm_nt<bfloat_t, MmaSquare<bfloat_t, false>>(arguments); }
KERNEL(gemm_bf16_nt_32x32, GemmArguments, 128) { gemm_nt<bfloat_t, MmaSmall<bfloat_t, false>>(arguments); }
KERNEL(gemm_bf16_nt_folded, GemmArguments, 256) { gemm_nt<bfloat_t, MmaFolded<bfloat_t, false>>(arguments); }
KERNEL(gemm_bf16_nt_16x32, GemmArguments, 64) { gemm_nt<bfloat_t, MmaNarrow<bfloat_t, false>>(arguments); }
KERNEL(gemm_bf16_nn_128x128, GemmArguments, 256) { gemm_nn<bfloat_t, MmaWide<bfloat_t, true>>(arguments); }
KERNEL(gemm_bf16_nn_64x64, GemmArguments, 128) { gemm_nn<bfloat_t, MmaSquare<bfloat_t, true>>(arguments); }
KERNEL(gemm_bf16_nn_16x32, GemmArguments, 64) { gemm_nn<bfloat_t, MmaNarrow<bfloat_t, true>>(arguments); }
KERNEL(gemm_bf16_strided_64x64, GemmArguments, 128) { gemm_strided<bfloat_t, MmaSquare<bfloat_t, true>>(arguments); }
KERNEL(gemm_bf16_strided_folded, GemmArguments, 256) { gemm_strided<bfloat_t, MmaFolded<bfloat_t, true>>(arguments); }

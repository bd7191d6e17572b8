// Matrix products of float32, exactly; see gemm.cuh.
#include "gemm.cuh"

// The bound of twice its threads keeps the widest tile to 128 registers a thread, so that two blocks share a multiprocessor.
KERNEL(gemm_f32_nn_128x128, GemmArguments, 512) { gemm_nn<float, FmaWide>(arguments); }
KERNEL(gemm_f32_nn_64x64, GemmArguments, 128) { gemm_nn<float, FmaSquare>(arguments); }
KERNEL(gemm_f32_nn_32x32, GemmArguments, 128) { gemm_nn<float, FmaSmall>(arguments); }
KERNEL(gemm_f32_nn_folded, GemmArguments, 128) { gemm_nn<float, FmaFolded>(arguments); }
KERNEL(gemm_f32_nn_16x32, GemmArguments, 64) { gemm_nn<float, FmaNarrow>(arguments); }
KERNEL(gemm_f32_strided_64x64, GemmArguments, 128) { gemm_strided<float, FmaSquare>(arguments); }
KERNEL(gemm_f32_strided_16x32, GemmArguments, 64) { gemm_strided<float, FmaNarrow>(arguments); }
KERNEL(gemm_f32_strided_folded, GemmArguments, 128) { gemm_strided<float, FmaFolded>(arguments); }

// Convolutions of bfloat16 on tensor cores, with sums in float32; see conv.cuh. The widest tile has the bound of twice its threads, as in gemm_f32.cu.
#include "conv.cuh"

KERNEL(conv_bf16_wide_128x128, ConvArguments, 512) { conv_mma<bfloat_t, MmaWide<bfloat_t, false>, true>(arguments); }
KERNEL(conv_bf16_wide_128x64, ConvArguments, 128) { conv_mma<bfloat_t, MmaTall<bfloat_t, false>, true>(arguments); }
KERNEL(conv_bf16_wide_64x64, ConvArguments, 128) { conv_mma<bfloat_t, MmaSquare<bfloat_t, false>, true>(arguments); }
KERNEL(conv_bf16_wide_64x32, ConvArguments, 128) { conv_mma<bfloat_t, MmaSlim<bfloat_t, false>, true>(arguments); }
KERNEL(conv_bf16_wide_folded, ConvArguments, 256) { conv_mma<bfloat_t, MmaFolded<bfloat_t, false>, true>(arguments); }
KERNEL(conv_bf16_narrow_64x64, ConvArguments, 128) { conv_mma<bfloat_t, MmaSquare<bfloat_t, false>, false>(arguments); }
KERNEL(conv_bf16_narrow_folded, ConvArguments, 256) { conv_mma<bfloat_t, MmaFolded<bfloat_t, false>, false>(arguments); }

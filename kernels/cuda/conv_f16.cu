// Convolutions of float16 on tensor cores, with sums in float32; see conv.cuh. The widest tile has the bound of twice its threads, as in gemm_f32.cu.
#include "conv.cuh"

KERNEL(conv_f16_wide_128x128, ConvArguments, 512) { conv_mma<half_t, MmaWide<half_t, false>, true>(arguments); }
KERNEL(conv_f16_wide_128x64, ConvArguments, 128) { conv_mma<half_t, MmaTall<half_t, false>, true>(arguments); }
KERNEL(conv_f16_wide_64x64, ConvArguments, 128) { conv_mma<half_t, MmaSquare<half_t, false>, true>(arguments); }
KERNEL(conv_f16_wide_64x32, ConvArguments, 128) { conv_mma<half_t, MmaSlim<half_t, false>, true>(arguments); }
KERNEL(conv_f16_wide_folded, ConvArguments, 256) { conv_mma<half_t, MmaFolded<half_t, false>, true>(arguments); }
KERNEL(conv_f16_narrow_64x64, ConvArguments, 128) { conv_mma<half_t, MmaSquare<half_t, false>, false>(arguments); }
KERNEL(conv_f16_narrow_folded, ConvArguments, 256) { conv_mma<half_t, MmaFolded<half_t, false>, false>(arguments); }

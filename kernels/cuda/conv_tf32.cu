// Convolutions of float32 on tensor cores as TF32, for models that allow it; see conv.cuh. The widest tile has the bound of twice its threads, as in gemm_f32.cu.
#include "conv.cuh"

KERNEL(conv_tf32_wide_128x128, ConvArguments, 512) { conv_mma<float, MmaWide<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_128x64, ConvArguments, 128) { conv_mma<float, MmaTall<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_64x64, ConvArguments, 128) { conv_mma<float, MmaSquare<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_64x32, ConvArguments, 128) { conv_mma<float, MmaSlim<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_folded, ConvArguments, 256) { conv_mma<float, MmaFolded<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_narrow_64x64, ConvArguments, 128) { conv_mma<float, MmaSquare<tfloat_t, false>, false>(arguments); }
KERNEL(conv_tf32_narrow_folded, ConvArguments, 256) { conv_mma<float, MmaFolded<tfloat_t, false>, false>(arguments); }

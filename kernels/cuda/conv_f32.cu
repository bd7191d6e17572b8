// Convolutions of float32, exactly; see conv.cuh. The bound of twice its threads keeps the widest tile to 128 registers a thread, as in gemm_f32.cu.
#include "conv.cuh"

KERNEL(conv_f32_wide_128x128, ConvArguments, 512) { conv_fma<FmaWide, true>(arguments); }
KERNEL(conv_f32_wide_64x64, ConvArguments, 128) { conv_fma<FmaSquare, true>(arguments); }
KERNEL(conv_f32_wide_64x32, ConvArguments, 128) { conv_fma<FmaSlim, true>(arguments); }
KERNEL(conv_f32_wide_folded, ConvArguments, 128) { conv_fma<FmaFolded, true>(arguments); }
KERNEL(conv_f32_narrow_64x64, ConvArguments, 128) { conv_fma<FmaSquare, false>(arguments); }
KERNEL(conv_f32_narrow_folded, ConvArguments, 128) { conv_fma<FmaFolded, false>(arguments); }

// Convolutions of float32 on tensor cores as TF32, for models that allow it; see conv.cuh.
#include "conv.cuh"

KERNEL(conv_tf32_wide_128x128, ConvArguments, 256) { conv_mma<float, MmaWide<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_128x64, ConvArguments, 128) { conv_mma<float, MmaTall<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_64x64, ConvArguments, 128) { conv_mma<float, MmaSquare<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_64x32, ConvArguments, 128) { conv_mma<float, MmaSlim<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_wide_16x32, ConvArguments, 64) { conv_mma<float, MmaNarrow<tfloat_t, false>, true>(arguments); }
KERNEL(conv_tf32_narrow_64x64, ConvArguments, 128) { conv_mma<float, MmaSquare<tfloat_t, false>, false>(arguments); }
KERNEL(conv_tf32_narrow_64x32, ConvArguments, 128) { conv_mma<float, MmaSlim<tfloat_t, false>, false>(arguments); }

// The kernels of attention_tensor.cuh for f16.
#include "attention_tensor.cuh"

KERNEL(attention_f16_d64, AttentionArguments, 128) { attention<half_t, 64, 2, false>(arguments); }
KERNEL(attention_f16_d64_few, AttentionArguments, 128) { attention<half_t, 64, 1, true>(arguments); }
KERNEL(attention_f16_d128, AttentionArguments, 128) { attention<half_t, 128, 2, false>(arguments); }
KERNEL(attention_f16_d128_few, AttentionArguments, 128) { attention<half_t, 128, 1, true>(arguments); }

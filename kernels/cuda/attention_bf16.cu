// The kernels of attention_tensor.cuh for bf16.
#include "attention_tensor.cuh"

KERNEL(attention_bf16_d32_q128, AttentionArguments, 128) { attention<bfloat_t, 32, 2, false>(arguments); }
KERNEL(attention_bf16_d32_q64, AttentionArguments, 128) { attention<bfloat_t, 32, 1, false>(arguments); }
KERNEL(attention_bf16_d32_q16, AttentionArguments, 128) { attention<bfloat_t, 32, 1, true>(arguments); }
KERNEL(attention_bf16_d64_q128, AttentionArguments, 128) { attention<bfloat_t, 64, 2, false>(arguments); }
KERNEL(attention_bf16_d64_q64, AttentionArguments, 128) { attention<bfloat_t, 64, 1, false>(arguments); }
KERNEL(attention_bf16_d64_q16, AttentionArguments, 128) { attention<bfloat_t, 64, 1, true>(arguments); }
KERNEL(attention_bf16_d96_q128, AttentionArguments, 128) { attention<bfloat_t, 96, 2, false>(arguments); }
KERNEL(attention_bf16_d96_q64, AttentionArguments, 128) { attention<bfloat_t, 96, 1, false>(arguments); }
KERNEL(attention_bf16_d96_q16, AttentionArguments, 128) { attention<bfloat_t, 96, 1, true>(arguments); }
KERNEL(attention_bf16_d128_q128, AttentionArguments, 128) { attention<bfloat_t, 128, 2, false>(arguments); }
KERNEL(attention_bf16_d128_q64, AttentionArguments, 128) { attention<bfloat_t, 128, 1, false>(arguments); }
KERNEL(attention_bf16_d128_q16, AttentionArguments, 128) { attention<bfloat_t, 128, 1, true>(arguments); }

// The kernels of attention_tensor.cuh for float32 that may be multiplied as TF32. Few queries are left to attention.cu.
#include "attention_tensor.cuh"

KERNEL(attention_tf32_d64, AttentionArguments, 128) { attention<float, 64, 2, false>(arguments); }
KERNEL(attention_tf32_d128, AttentionArguments, 128) { attention<float, 128, 1, false>(arguments); }

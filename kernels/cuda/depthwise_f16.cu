// Depthwise convolutions of float16; see depthwise.cuh. Names end with the kernel's width and the stride that are unrolled.
#include "depthwise.cuh"

KERNEL(depthwise_f16_3s1, DepthwiseArguments, 256) { depthwise<half_t, kWide<half_t>, 4, 3, 1>(arguments); }
KERNEL(depthwise_f16_3s2, DepthwiseArguments, 256) { depthwise<half_t, kWide<half_t>, 4, 3, 2>(arguments); }
KERNEL(depthwise_f16_5s1, DepthwiseArguments, 256) { depthwise<half_t, kWide<half_t>, 4, 5, 1>(arguments); }
KERNEL(depthwise_f16_5s2, DepthwiseArguments, 256) { depthwise<half_t, kWide<half_t>, 4, 5, 2>(arguments); }
KERNEL(depthwise_f16_any, DepthwiseArguments, 256) { depthwise<half_t, kWide<half_t>, 1, 0, 0>(arguments); }
KERNEL(depthwise_f16_pair_3s1, DepthwiseArguments, 256) { depthwise<half_t, 2, 4, 3, 1>(arguments); }
KERNEL(depthwise_f16_pair_3s2, DepthwiseArguments, 256) { depthwise<half_t, 2, 4, 3, 2>(arguments); }
KERNEL(depthwise_f16_one_any, DepthwiseArguments, 256) { depthwise<half_t, 1, 1, 0, 0>(arguments); }

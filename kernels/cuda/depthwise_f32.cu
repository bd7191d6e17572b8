// Depthwise convolutions of float32; see depthwise.cuh. Names end with the kernel's width and the stride that are unrolled.
#include "depthwise.cuh"

KERNEL(depthwise_f32_3s1, DepthwiseArguments, 256) { depthwise<float, kWide<float>, 4, 3, 1>(arguments); }
KERNEL(depthwise_f32_3s2, DepthwiseArguments, 256) { depthwise<float, kWide<float>, 4, 3, 2>(arguments); }
KERNEL(depthwise_f32_5s1, DepthwiseArguments, 256) { depthwise<float, kWide<float>, 4, 5, 1>(arguments); }
KERNEL(depthwise_f32_5s2, DepthwiseArguments, 256) { depthwise<float, kWide<float>, 4, 5, 2>(arguments); }
KERNEL(depthwise_f32_any, DepthwiseArguments, 256) { depthwise<float, kWide<float>, 1, 0, 0>(arguments); }
KERNEL(depthwise_f32_pair_3s1, DepthwiseArguments, 256) { depthwise<float, 2, 4, 3, 1>(arguments); }
KERNEL(depthwise_f32_pair_3s2, DepthwiseArguments, 256) { depthwise<float, 2, 4, 3, 2>(arguments); }
KERNEL(depthwise_f32_one_any, DepthwiseArguments, 256) { depthwise<float, 1, 1, 0, 0>(arguments); }

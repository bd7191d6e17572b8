// Quantisation of float32 tensors to eight bits and back: what the kernels share with the planner.
#ifndef INFERD_QUANTIZE_H
#define INFERD_QUANTIZE_H

#include "step.h"

// Operands. Scales are float32; zero points have the type of the integers, and without them all are zero.
enum {
	INFERD_QUANTIZE_X,
	INFERD_QUANTIZE_Y,
	INFERD_QUANTIZE_SCALE,
	INFERD_QUANTIZE_ZERO,
	INFERD_QUANTIZE_EXTREMES, // of dynamic quantisation: float32 [tiles][2], the least and the largest element of each tile
};

enum {
	INFERD_QUANTIZE_ELEMENTS,
	INFERD_QUANTIZE_SCALES,
	INFERD_QUANTIZE_AFTER, // neighbouring elements that share a scale, where there are several
	INFERD_QUANTIZE_TYPE,
	INFERD_QUANTIZE_ELEMENTS_PER_TILE,
};

// Types of the integers; the numbers are those of ONNX.
enum {
	INFERD_QUANTIZE_UINT8 = 2, INFERD_QUANTIZE_INT8 = 3, INFERD_QUANTIZE_INT32 = 6,
};

#define INFERD_QUANTIZE_DECLARE(isa) \
	void inferd_quantize_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_dequantize_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_quantize_extremes_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_quantize_dynamic_##isa(const inferd_step *, void *const *, int64_t, void *);

INFERD_QUANTIZE_DECLARE(scalar)
INFERD_QUANTIZE_DECLARE(avx2)
INFERD_QUANTIZE_DECLARE(avx512)

#endif

// Softmax and LogSoftmax: what the kernels share with the planner.
#ifndef INFERD_SOFTMAX_H
#define INFERD_SOFTMAX_H

#include "step.h"

enum { INFERD_SOFTMAX_MASK_RANK = 6 };

enum {
	INFERD_SOFTMAX_OUTER = 0,  // rows, or for the column form planes [axis, inner]
	INFERD_SOFTMAX_AXIS = 1,   // elements of a row
	INFERD_SOFTMAX_INNER = 2,  // column form: elements between two of a row
	INFERD_SOFTMAX_UNITS_PER_TILE = 3,
	INFERD_SOFTMAX_LOG = 4,    // 1: LogSoftmax
	INFERD_SOFTMAX_SCALE = 5,  // double
	INFERD_SOFTMAX_MASK_DIMENSIONS = 6,
	INFERD_SOFTMAX_MASK_DIMS = 8,     // of the rows
	INFERD_SOFTMAX_MASK_STRIDES = 16, // of the rows, in bytes
};

#define INFERD_SOFTMAX_DECLARE(isa) \
	void inferd_softmax_rows_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_softmax_columns_##isa(const inferd_step *, void *const *, int64_t, void *);

INFERD_SOFTMAX_DECLARE(scalar)
INFERD_SOFTMAX_DECLARE(avx2)
INFERD_SOFTMAX_DECLARE(avx512)

#endif

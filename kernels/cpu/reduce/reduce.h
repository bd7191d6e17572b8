// Reductions of the middle one of three dimensions: what the kernels share with the planner.
#ifndef INFERD_REDUCE_H
#define INFERD_REDUCE_H

#include "step.h"

enum {
	INFERD_REDUCE_OUTER = 0,
	INFERD_REDUCE_AXIS = 1,
	INFERD_REDUCE_INNER = 2,
	INFERD_REDUCE_UNITS_PER_TILE = 3,
	INFERD_REDUCE_OP = 4,
	INFERD_REDUCE_LAST = 5,  // arguments: 1 takes the last of equal elements
	INFERD_REDUCE_BYTES = 6, // integers: bytes of an element, 4 or 8
};

enum {
	INFERD_REDUCE_SUM = 0, INFERD_REDUCE_MEAN, INFERD_REDUCE_MAX, INFERD_REDUCE_MIN, INFERD_REDUCE_PROD, INFERD_REDUCE_L1,
	INFERD_REDUCE_L2, INFERD_REDUCE_SUM_SQUARE, INFERD_REDUCE_ARG_MAX, INFERD_REDUCE_ARG_MIN,
};

#define INFERD_REDUCE_DECLARE(isa) \
	void inferd_reduce_rows_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_reduce_columns_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_argument_rows_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_argument_columns_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_reduce_integers_##isa(const inferd_step *, void *const *, int64_t, void *);

INFERD_REDUCE_DECLARE(scalar)
INFERD_REDUCE_DECLARE(avx2)
INFERD_REDUCE_DECLARE(avx512)

#endif

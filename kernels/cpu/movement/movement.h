// Kernels that move elements without computing: what they share with the planner in copy.go and gather.go.
#ifndef INFERD_MOVEMENT_H
#define INFERD_MOVEMENT_H

#include "step.h"

enum { INFERD_MOVEMENT_RANK = 8 };

// Parameters of the copy kernels. Strides and offsets are in bytes.
enum {
	INFERD_MOVEMENT_OUTER_RANK = 0,
	INFERD_MOVEMENT_UNITS = 1, // the product of the outer dimensions
	INFERD_MOVEMENT_UNITS_PER_TILE = 2,
	INFERD_MOVEMENT_SOURCE_OFFSET = 3,
	INFERD_MOVEMENT_DESTINATION_OFFSET = 4,
	INFERD_MOVEMENT_CHUNK = 5,  // length of a unit along the chunked dimension
	INFERD_MOVEMENT_EXTENT = 6, // length of the whole chunked dimension
	INFERD_MOVEMENT_ELEMENT_SIZE = 7,
	INFERD_MOVEMENT_SOURCE_STRIDE = 8,      // strided copy: of the inner dimension; transpose: of a row
	INFERD_MOVEMENT_DESTINATION_STRIDE = 9, // strided copy: of the inner dimension; transpose: of a row
	INFERD_MOVEMENT_OTHER = 10,             // transpose: the length of the dimension that is not chunked
	INFERD_MOVEMENT_CHUNKED_ROWS = 11,      // transpose: 1 where the chunked dimension is that of the source's rows
	INFERD_MOVEMENT_DIMS = 16,
	INFERD_MOVEMENT_SOURCE_STRIDES = 24,
	INFERD_MOVEMENT_DESTINATION_STRIDES = 32,
};

// Parameters of the gather kernel.
enum {
	INFERD_GATHER_COUNT = 0, // indices
	INFERD_GATHER_UNITS = 1, // outer * count
	INFERD_GATHER_UNITS_PER_TILE = 2,
	INFERD_GATHER_AXIS = 3,      // length of the axis in the data
	INFERD_GATHER_ROW_BYTES = 4, // what one index moves
	INFERD_GATHER_INDEX_SIZE = 5,
};

#define INFERD_MOVEMENT_DECLARE(isa) \
	void inferd_copy_rows_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_copy_strided_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_transpose_##isa(const inferd_step *, void *const *, int64_t, void *); \
	void inferd_gather_##isa(const inferd_step *, void *const *, int64_t, void *);

INFERD_MOVEMENT_DECLARE(scalar)
INFERD_MOVEMENT_DECLARE(avx2)
INFERD_MOVEMENT_DECLARE(avx512)

#endif

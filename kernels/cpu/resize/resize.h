// Parameters and kernels of the resizing family. The parameter numbers are read by resize.go, so Go and C cannot differ.
#ifndef INFERD_RESIZE_H
#define INFERD_RESIZE_H

#include "step.h"

enum {
	RESIZE_INPUT,  // float[images][height][width][channels]
	RESIZE_OUTPUT, // float[images][output height][output width][channels]
	RESIZE_TABLES, // see tables.go
};

enum {
	RESIZE_HEIGHT,
	RESIZE_WIDTH,
	RESIZE_CHANNELS,
	RESIZE_OUTPUT_HEIGHT,
	RESIZE_OUTPUT_WIDTH,
	RESIZE_ROW_TAPS,     // elements that a position along the height is made of
	RESIZE_COLUMN_TAPS,  // the same along the width
	RESIZE_ROWS,         // output rows in all: images x output height
	RESIZE_ROW_BLOCK,    // output rows of one tile
	RESIZE_ROW_INDEX,    // where in the tables: int32[output height][row taps]
	RESIZE_ROW_WEIGHT,   // float[output height][row taps]
	RESIZE_COLUMN_INDEX, // int32[output width][column taps]; of planes int32[groups][column taps][LANES], a group being LANES positions
	RESIZE_COLUMN_WEIGHT, // float, the same
	RESIZE_COLUMN_FIRST,  // of planes: int32[groups], the element of the row from which the group's indices count
	RESIZE_COLUMN_VECTORS, // of planes: each group's elements lie within so many vectors, 1 or 2, from its first one on; 0: they lie anywhere
};

void resize_nearest_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_nearest_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_nearest_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_planes_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_planes_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_planes_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_pixels_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_pixels_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void resize_pixels_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

#endif

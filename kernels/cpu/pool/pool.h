// Parameters and kernels of the pooling family. The parameter numbers are read by pool.go, so Go and C cannot differ.
#ifndef INFERD_POOL_H
#define INFERD_POOL_H

#include "step.h"

enum {
	POOL_INPUT,  // float[batch][height][width][input stride]
	POOL_OUTPUT, // float[batch][output height][output width][output stride]
};

enum { POOL_MAXIMUM, POOL_AVERAGE };

enum {
	POOL_KIND,
	POOL_INCLUDE_PAD, // not 0: an average divides by the taps inside the padded image, else by those inside the image
	POOL_HEIGHT,
	POOL_WIDTH,
	POOL_CHANNELS,
	POOL_INPUT_STRIDE, // floats from pixel to pixel
	POOL_OUTPUT_HEIGHT,
	POOL_OUTPUT_WIDTH,
	POOL_OUTPUT_STRIDE,
	POOL_KERNEL_HEIGHT,
	POOL_KERNEL_WIDTH,
	POOL_STRIDE_HEIGHT,
	POOL_STRIDE_WIDTH,
	POOL_DILATION_HEIGHT,
	POOL_DILATION_WIDTH,
	POOL_PAD_TOP,
	POOL_PAD_LEFT,
	POOL_PAD_BOTTOM,
	POOL_PAD_RIGHT,
	POOL_ROWS,      // output rows in all: batch x output height
	POOL_ROW_BLOCK, // output rows of one tile
	POOL_CHANNEL_BLOCKS, // the channels of an image divide into so many tiles (global average only)
};

void pool_window_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void pool_window_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void pool_window_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void pool_global_average_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void pool_global_average_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void pool_global_average_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

#endif

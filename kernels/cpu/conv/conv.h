// Parameters and kernels of the convolution family. The parameter numbers are read by conv.go, so Go and C cannot differ.
#ifndef INFERD_CONV_H
#define INFERD_CONV_H

#include "step.h"

// Operands of every convolution step.
enum {
	CONV_INPUT,    // float[batch][height][width][input stride], or planar [batch][channels][height][width]
	CONV_WEIGHTS,  // as packed by pack.go, the bias inside
	CONV_RESIDUAL, // absent, or float[batch][output height][output width][residual stride], added before the activation
	CONV_OUTPUT,   // float[batch][output height][output width][output stride]
};

// Parameters of every convolution step. Strides of pixels are in floats.
enum {
	CONV_HEIGHT,
	CONV_WIDTH,
	CONV_CHANNELS,
	CONV_INPUT_STRIDE,
	CONV_OUTPUT_HEIGHT,
	CONV_OUTPUT_WIDTH,
	CONV_OUTPUT_CHANNELS,
	CONV_OUTPUT_STRIDE,
	CONV_RESIDUAL_STRIDE,
	CONV_KERNEL_HEIGHT,
	CONV_KERNEL_WIDTH,
	CONV_STRIDE_HEIGHT,
	CONV_STRIDE_WIDTH,
	CONV_DILATION_HEIGHT,
	CONV_DILATION_WIDTH,
	CONV_PAD_TOP,
	CONV_PAD_LEFT,
	CONV_ACTIVATION,
	CONV_ACTIVATION_P0,
	CONV_ACTIVATION_P1,
	CONV_FAMILY, // the first parameter of one kernel's own
};

// Direct convolution's own.
enum {
	DIRECT_PIXELS = CONV_FAMILY, // output pixels in all
	DIRECT_PIXEL_BLOCK,          // output pixels of one tile
	DIRECT_TAPS_HEIGHT,          // the kernel as taps_height x taps_width pointers to `length` consecutive floats each
	DIRECT_TAPS_WIDTH,
	DIRECT_LENGTH,
	DIRECT_GROUPS,
	DIRECT_PANELS,         // panels of output channels in one group
	DIRECT_WIDE_PANELS,    // the first so many panels are one vector wider than the others
	DIRECT_NARROW_VECTORS, // vectors of output channels in the other panels
	DIRECT_CHANNEL_BLOCKS, // the panels of all groups divide into so many tiles
	DIRECT_STAGED,         // not 0: tiles are whole rows, whose input is first copied, zero padded and dense, to scratch
	DIRECT_STAGED_ROWS,    // input rows copied for one tile
	DIRECT_STAGED_WIDTH,   // width of such a row with its padding
	DIRECT_PLANAR,         // not 0: the input is NCHW (staged tiles only)
};

// Depthwise convolution's own.
enum {
	DEPTHWISE_ROWS = CONV_FAMILY, // output rows in all: batch x output height
	DEPTHWISE_ROW_BLOCK,          // output rows of one tile
	DEPTHWISE_COLUMN_BLOCK,       // output columns whose sums are held in registers together: 4, 7 or 8
	DEPTHWISE_CHANNEL_BLOCKS,
	DEPTHWISE_GENERIC,    // not 0: the kernel is none of the specialised ones; the column block is then 4
	DEPTHWISE_MULTIPLIER, // output channels per input channel
};

// Winograd convolution's own.
enum {
	WINOGRAD_TILES = CONV_FAMILY, // 4x4 tiles of outputs in all
	WINOGRAD_BLOCK,               // of one tile of the step
	WINOGRAD_PANELS,              // as DIRECT_PANELS
	WINOGRAD_WIDE_PANELS,
	WINOGRAD_NARROW_VECTORS,
	WINOGRAD_CHANNEL_BLOCKS,
};

void conv_direct_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_direct_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_direct_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_depthwise_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_depthwise_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_depthwise_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_winograd_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_winograd_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void conv_winograd_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

#endif

// Normalisation of rows: what the kernel shares with the planner.
#ifndef INFERD_NORM_H
#define INFERD_NORM_H

#include "step.h"

enum {
	INFERD_NORM_ROWS = 0,
	INFERD_NORM_WIDTH = 1,
	INFERD_NORM_ROWS_PER_TILE = 2,
	INFERD_NORM_EPSILON = 3,       // double
	INFERD_NORM_ROOT_MEAN_SQUARE = 4, // 1: the mean is not subtracted
	INFERD_NORM_CHANNELS = 5,      // above 0: scale and bias have this length, row r takes element r % channels (InstanceNormalization)
};

enum {
	INFERD_NORM_X = 0,
	INFERD_NORM_RESIDUAL = 1,
	INFERD_NORM_SCALE = 2,
	INFERD_NORM_BIAS = 3,
	INFERD_NORM_Y = 4,
	INFERD_NORM_SUM = 5,
};

void inferd_norm_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_norm_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_norm_avx512(const inferd_step *, void *const *, int64_t, void *);

#endif

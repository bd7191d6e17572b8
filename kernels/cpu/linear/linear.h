// The kernels of the family; each is an inferd_kernel (see step.h).
#ifndef INFERD_LINEAR_H
#define INFERD_LINEAR_H

#include "step.h"

// The first parameters of every kernel: rows in all, rows of a tile, columns of the input.
enum { LINEAR_ROWS, LINEAR_TILE_ROWS, LINEAR_COLUMNS };

// Weights are padded to blocks of this many outputs.
enum { LINEAR_BLOCK = 16 };

// Scaler: operands X, offset, scale, Y.
void inferd_scaler_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_scaler_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_scaler_avx512(const inferd_step *, void *const *, int64_t, void *);

// LinearClassifier and LinearRegressor: operands X, packed weights, scores, labels (absent for a regressor).
enum { LINEAR_OUTPUTS = LINEAR_COLUMNS + 1, LINEAR_TRANSFORM, LINEAR_SECOND_CLASS };
void inferd_linear_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_linear_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_linear_avx512(const inferd_step *, void *const *, int64_t, void *);

// Normalizer: operands X, Y.
enum { LINEAR_NORM = LINEAR_COLUMNS + 1 };
enum { LINEAR_NORM_MAX, LINEAR_NORM_L1, LINEAR_NORM_L2 };
void inferd_normalizer_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_normalizer_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_normalizer_avx512(const inferd_step *, void *const *, int64_t, void *);

// OneHotEncoder: operands X [rows], table, Y [rows, categories], count of unknown entries (int64; may be absent). The
// parameter after the rows is the number of categories.
typedef struct {
	int64_t key;
	int64_t category; // -1 where the slot is free
} inferd_one_hot_int_slot;

typedef struct {
	uint64_t hash;
	int64_t category; // -1 where the slot is free
	int64_t offset;   // of the category's bytes from the table's beginning
	int64_t length;
} inferd_one_hot_string_slot;

// A string tensor's element: Go's layout of a string.
typedef struct {
	const char *data;
	int64_t length;
} inferd_string;

enum { LINEAR_SLOT_BITS = LINEAR_COLUMNS + 1 };
void inferd_one_hot_int(const inferd_step *, void *const *, int64_t, void *);
void inferd_one_hot_string(const inferd_step *, void *const *, int64_t, void *);

#endif

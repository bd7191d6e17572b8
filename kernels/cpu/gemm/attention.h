// Attention, float32: O = softmax(scale Q K^T + mask) V for every head of a batch.
#ifndef INFERD_ATTENTION_H
#define INFERD_ATTENTION_H

#include "step.h"

// Operands. The additive mask may be absent.
enum {
	INFERD_ATTENTION_Q,
	INFERD_ATTENTION_K,
	INFERD_ATTENTION_V,
	INFERD_ATTENTION_O,
	INFERD_ATTENTION_MASK,
};

// Each operand has four strides, in elements, in this order; heads may stay interleaved. Columns of O are contiguous.
enum {
	INFERD_ATTENTION_ROW,
	INFERD_ATTENTION_COLUMN,
	INFERD_ATTENTION_BATCH,
	INFERD_ATTENTION_HEAD,
	INFERD_ATTENTION_STRIDES,
};

// Parameters. The strides of operand i begin at INFERD_ATTENTION_FIRST_STRIDE + i * INFERD_ATTENTION_STRIDES.
enum {
	INFERD_ATTENTION_HEADS,
	INFERD_ATTENTION_GROUP, // query heads that share one head of K and V
	INFERD_ATTENTION_QUERIES,
	INFERD_ATTENTION_KEYS,
	INFERD_ATTENTION_HEAD_SIZE,
	INFERD_ATTENTION_VALUE_SIZE,
	INFERD_ATTENTION_TILE_ROWS,
	INFERD_ATTENTION_SCALE,
	INFERD_ATTENTION_FIRST_STRIDE,
};

// Keys are taken in blocks of this many, always, because the sum over keys is split there.
enum { INFERD_ATTENTION_KEY_BLOCK = 256 };

// Elements of a row of scores: whole panels of any width, and an odd number of cache lines.
#define INFERD_ATTENTION_SCORE_ROW(keys) (((keys) + 31) / 32 * 32 + 16)

// Bytes of scratch for a tile of `rows` queries.
int64_t inferd_attention_scratch(int64_t rows, int64_t keys, int64_t head_size, int64_t value_size);

void inferd_attention_f32_scalar(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void inferd_attention_f32_avx2(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);
void inferd_attention_f32_avx512(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

#endif

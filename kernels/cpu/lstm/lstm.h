// The kernels of the family; each is an inferd_kernel (see step.h).
#ifndef INFERD_LSTM_H
#define INFERD_LSTM_H

#include "step.h"

enum lstm_parameter {
	LSTM_STEPS,
	LSTM_BATCH,
	LSTM_INPUTS,
	LSTM_HIDDEN,
	LSTM_DIRECTIONS,
	LSTM_REVERSE,   // the first direction runs backwards
	LSTM_TILE_ROWS, // rows of a projection tile; sequences of a recurrence tile, at most LSTM_RECUR_ROWS
	LSTM_CLIP,      // double; 0 means none
	LSTM_PEEPHOLE,
	LSTM_X_STEP, // strides in elements
	LSTM_X_BATCH,
	LSTM_Y_STEP,
	LSTM_Y_DIRECTION,
	LSTM_Y_BATCH,
};

enum { LSTM_RECUR_ROWS = 12 };
enum { LSTM_GATES = 4 }; // in ONNX's order: input, output, forget, cell

// Operands of the projection: X, packed weights, G. G float32 [directions, steps * batch, blocks, gates, lanes] holds the
// inputs' part of the gates.
enum { LSTM_X, LSTM_PACKED, LSTM_G };
// Operands of the recurrence, besides LSTM_PACKED and LSTM_G; each of them may be absent.
enum { LSTM_LENGTHS = LSTM_G + 1, LSTM_INITIAL_H, LSTM_INITIAL_C, LSTM_Y, LSTM_Y_H, LSTM_Y_C };

void inferd_lstm_project_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_lstm_project_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_lstm_project_avx512(const inferd_step *, void *const *, int64_t, void *);
void inferd_lstm_recur_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_lstm_recur_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_lstm_recur_avx512(const inferd_step *, void *const *, int64_t, void *);

#endif

// What every convolution does to its sums before they reach memory: residual, activation.
//
// Clamps (none, relu, clip) and hard swish are applied in registers, the others by a second pass over output that is still in L1:
// their code is long, and inlined into every register block it would not fit the instruction cache.
#ifndef INFERD_CONV_EPILOGUE_H
#define INFERD_CONV_EPILOGUE_H

#include "activation.h"
#include "conv.h"

typedef struct {
	float low, high; // clamp; infinite where there is none
	int32_t kind;
	int32_t second_pass;
	float p0, p1;
	const float *residual; // or NULL
	int64_t residual_stride;
	float *output;
	int64_t output_stride;
} epilogue;

INLINE epilogue epilogue_of(const inferd_step *step, void *const *bases)
{
	epilogue e = {
		.low = -INFINITY,
		.high = INFINITY,
		.kind = (int32_t)step->parameter[CONV_ACTIVATION],
		.p0 = (float)inferd_parameter_double(step, CONV_ACTIVATION_P0),
		.p1 = (float)inferd_parameter_double(step, CONV_ACTIVATION_P1),
		.residual = inferd_address(step, bases, CONV_RESIDUAL),
		.residual_stride = step->parameter[CONV_RESIDUAL_STRIDE],
		.output = inferd_address(step, bases, CONV_OUTPUT),
		.output_stride = step->parameter[CONV_OUTPUT_STRIDE],
	};
	switch (e.kind) {
	case INFERD_ACTIVATION_NONE:
	case INFERD_ACTIVATION_HARD_SWISH:
		break;
	case INFERD_ACTIVATION_RELU:
		e.low = 0;
		break;
	case INFERD_ACTIVATION_CLIP:
		e.low = e.p0;
		e.high = e.p1;
		break;
	default:
		e.second_pass = 1;
	}
	return e;
}

// A register block: at most so many rows (pixels) and vectors (of channels). The arrays have constant sizes and the loops over
// them constant bounds, so that the compiler keeps them in registers.
enum { BLOCK_ROWS = 8, BLOCK_VECTORS = 3 };

// Finishes and stores rows x vectors sums of consecutive pixels, of which `valid` exist; `last` lanes of the last vector exist.
// `pixel` and `channel` say where in the output tensor the first sum belongs. rows and vectors are constants.
INLINE void epilogue_store(const epilogue *e, const int rows, const int vectors, vf sum[BLOCK_ROWS][BLOCK_VECTORS],
                           int64_t valid, int last, int64_t pixel, int64_t channel)
{
	if (e->residual) {
		const float *r = e->residual + pixel * e->residual_stride + channel;
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++) {
			if (i >= valid)
				break;
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++) {
				const float *from = r + i * e->residual_stride + j * LANES;
				sum[i][j] += j == vectors - 1 && last < LANES ? vf_load_partial(from, last) : vf_load(from);
			}
		}
	}
	vf low = vf_set(e->low), high = vf_set(e->high);
	if (e->kind == INFERD_ACTIVATION_HARD_SWISH) {
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++)
				sum[i][j] = activate(INFERD_ACTIVATION_HARD_SWISH, sum[i][j], 0, 0);
	} else {
#pragma GCC unroll 16
		for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
			for (int j = 0; j < vectors; j++)
				sum[i][j] = vf_min(high, vf_max(low, sum[i][j]));
	}
	float *y = e->output + pixel * e->output_stride + channel;
#pragma GCC unroll 16
	for (int i = 0; i < rows; i++) {
		if (i >= valid)
			break;
#pragma GCC unroll 4
		for (int j = 0; j < vectors; j++) {
			float *to = y + i * e->output_stride + j * LANES;
			if (j == vectors - 1 && last < LANES)
				vf_store_partial(to, sum[i][j], last);
			else
				vf_store(to, sum[i][j]);
		}
	}
}

// The second pass, where the activation needs one: `channels` channels of `pixels` consecutive pixels.
static __attribute__((noinline, unused)) void epilogue_second_pass(const epilogue *e, int64_t pixel, int64_t pixels,
                                                                               int64_t channel, int64_t channels)
{
	for (int64_t i = 0; i < pixels; i++) {
		float *y = e->output + (pixel + i) * e->output_stride + channel;
		int64_t c = 0;
		for (; c + LANES <= channels; c += LANES)
			vf_store(y + c, activate(e->kind, vf_load(y + c), e->p0, e->p1));
		if (c < channels)
			vf_store_partial(y + c, activate(e->kind, vf_load_partial(y + c, (int)(channels - c)), e->p0, e->p1), (int)(channels - c));
	}
}

#endif

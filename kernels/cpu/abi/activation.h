// The activations that kernels fuse into their epilogue: one enumeration for GEMM, convolution and element-wise steps.
// Package kernels/cpu/activation mirrors it in Go; a test of package vectormath compares the two, value by value.
#ifndef INFERD_ACTIVATION_H
#define INFERD_ACTIVATION_H

#include <float.h>

#include "vector_math.h"

enum {
	INFERD_ACTIVATION_NONE = 0,
	INFERD_ACTIVATION_RELU = 1,
	INFERD_ACTIVATION_CLIP = 2, // p0 = minimum, p1 = maximum
	INFERD_ACTIVATION_SIGMOID = 3,
	INFERD_ACTIVATION_TANH = 4,
	INFERD_ACTIVATION_HARD_SIGMOID = 5, // max(0, min(1, p0 x + p1))
	INFERD_ACTIVATION_HARD_SWISH = 6,   // x max(0, min(1, x / 6 + 1 / 2))
	INFERD_ACTIVATION_GELU = 7,         // x / 2 (1 + erf(x / sqrt 2))
	INFERD_ACTIVATION_GELU_TANH = 8,    // the approximation by tanh
	INFERD_ACTIVATION_SILU = 9,         // x sigmoid(x)
	INFERD_ACTIVATION_LEAKY_RELU = 10,  // x below zero is multiplied by p0
};

// x held above -infinity, so that a product with a factor that has become zero is zero and not NaN.
INLINE vf activation_finite_below(vf x) { return vf_max(vf_set(-FLT_MAX), x); }

INLINE vf activation_gelu(vf x)
{
	vf half = vf_set(0.5f) * activation_finite_below(x);
	return vf_fma(half, vf_erf(x * vf_set(0.70710678118654752f)), half);
}

INLINE vf activation_gelu_tanh(vf x)
{
	// (1 + tanh u) / 2 = sigmoid(2 u), which keeps its relative precision below zero.
	vf u = x * vf_fma(x * x, vf_set(0.0713548162726f), vf_set(1.59576912160573f));
	return activation_finite_below(x) * vf_sigmoid(u);
}

INLINE vf activation_hard_sigmoid(vf x, float alpha, float beta)
{
	return vf_max(vf_zero(), vf_min(vf_set(1.0f), vf_fma(vf_set(alpha), x, vf_set(beta))));
}

// Applies the activation to every lane. NaN stays NaN. With a constant kind it folds to that one function; with a variable
// one the switch is a predicted branch per vector, so callers whose body is short hoist it by a loop per kind.
INLINE vf activate(int32_t kind, vf x, float p0, float p1)
{
	switch (kind) {
	case INFERD_ACTIVATION_RELU:
		return vf_max(vf_zero(), x);
	case INFERD_ACTIVATION_CLIP:
		return vf_min(vf_set(p1), vf_max(vf_set(p0), x));
	case INFERD_ACTIVATION_SIGMOID:
		return vf_sigmoid(x);
	case INFERD_ACTIVATION_TANH:
		return vf_tanh(x);
	case INFERD_ACTIVATION_HARD_SIGMOID:
		return activation_hard_sigmoid(x, p0, p1);
	case INFERD_ACTIVATION_HARD_SWISH:
		return activation_finite_below(x) * activation_hard_sigmoid(x, 0.16666666666666666f, 0.5f);
	case INFERD_ACTIVATION_GELU:
		return activation_gelu(x);
	case INFERD_ACTIVATION_GELU_TANH:
		return activation_gelu_tanh(x);
	case INFERD_ACTIVATION_SILU:
		return activation_finite_below(x) * vf_sigmoid(x);
	case INFERD_ACTIVATION_LEAKY_RELU:
		return vf_select(x < vf_zero(), x * vf_set(p0), x);
	default:
		return x;
	}
}

#endif

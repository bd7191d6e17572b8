// The functions of vector_math.h and activation.h over arrays.
#ifndef INFERD_VECTORMATH_H
#define INFERD_VECTORMATH_H

#include <stdint.h>

enum {
	INFERD_FUNCTION_EXP,
	INFERD_FUNCTION_LOG,
	INFERD_FUNCTION_ERF,
	INFERD_FUNCTION_TANH,
	INFERD_FUNCTION_SIGMOID,
	INFERD_FUNCTION_ACTIVATION, // and the kind of the activation behind it
};

void inferd_vectormath_scalar(int32_t function, float p0, float p1, const float *in, float *out, int64_t n);
void inferd_vectormath_avx2(int32_t function, float p0, float p1, const float *in, float *out, int64_t n);
void inferd_vectormath_avx512(int32_t function, float p0, float p1, const float *in, float *out, int64_t n);

#endif

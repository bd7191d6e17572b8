#include "activation.h"
#include "vectormath.h"

INLINE vf vectormath_apply(int32_t function, vf x, float p0, float p1)
{
	switch (function) {
	case INFERD_FUNCTION_EXP:
		return vf_exp(x);
	case INFERD_FUNCTION_LOG:
		return vf_log(x);
	case INFERD_FUNCTION_ERF:
		return vf_erf(x);
	case INFERD_FUNCTION_TANH:
		return vf_tanh(x);
	case INFERD_FUNCTION_SIGMOID:
		return vf_sigmoid(x);
	default:
		return activate(function - INFERD_FUNCTION_ACTIVATION, x, p0, p1);
	}
}

void INFERD_NAME(inferd_vectormath)(int32_t function, float p0, float p1, const float *in, float *out, int64_t n)
{
	for (int64_t i = 0; i < n; i += LANES) {
		int count = n - i < LANES ? (int)(n - i) : LANES;
		vf_store_partial(out + i, vectormath_apply(function, vf_load_partial(in + i, count), p0, p1), count);
	}
}

// The post-transforms of ai.onnx.ml's classifiers and regressors, on the few scores of one row. Plain C: a row has as many
// scores as classes, which is too few for vectors. The expressions are onnxruntime's.
#ifndef INFERD_SCORES_H
#define INFERD_SCORES_H

#include <math.h>
#include <stdint.h>

enum { SCORE_NONE, SCORE_SOFTMAX, SCORE_LOGISTIC, SCORE_SOFTMAX_ZERO, SCORE_PROBIT };

static inline float score_logistic(float x)
{
	float y = 1.0f / (1.0f + expf(-fabsf(x)));
	return x < 0 ? 1.0f - y : y;
}

// The inverse of the normal distribution by Winitzki's approximation of the inverse error function.
static inline float score_probit(float p)
{
	float x = 2.0f * p - 1.0f;
	float sign = x < 0 ? -1.0f : 1.0f;
	float logarithm = logf((1.0f - x) * (1.0f + x));
	float a = 2.0f / ((float)M_PI * 0.147f) + 0.5f * logarithm;
	return (float)M_SQRT2 * sign * sqrtf(sqrtf(a * a - logarithm / 0.147f) - a);
}

// With skip_zero a zero stays zero and takes no part in the sum, although e^0 is 1.
static inline void score_softmax(float *score, int64_t n, int skip_zero)
{
	float maximum = score[0], sum = 0;
	for (int64_t i = 1; i < n; i++)
		maximum = score[i] > maximum ? score[i] : maximum;
	for (int64_t i = 0; i < n; i++) {
		if (skip_zero && fabsf(score[i]) <= 1e-7f) {
			score[i] *= expf(-maximum);
		} else {
			score[i] = expf(score[i] - maximum);
			sum += score[i];
		}
	}
	for (int64_t i = 0; i < n; i++)
		score[i] /= sum;
}

static inline void score_transform(float *score, int64_t n, int64_t transform)
{
	switch (transform) {
	case SCORE_SOFTMAX:
	case SCORE_SOFTMAX_ZERO:
		score_softmax(score, n, transform == SCORE_SOFTMAX_ZERO);
		break;
	case SCORE_LOGISTIC:
		for (int64_t i = 0; i < n; i++)
			score[i] = score_logistic(score[i]);
		break;
	case SCORE_PROBIT:
		for (int64_t i = 0; i < n; i++)
			score[i] = score_probit(score[i]);
		break;
	}
}

#endif

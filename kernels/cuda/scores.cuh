// From the sums of a row to its scores, as ai.onnx.ml's classifiers and regressors transform them; a warp has the row. The expressions are onnxruntime's,
// and those of the CPU's kernels.
#ifndef INFERD_SCORES_CUH
#define INFERD_SCORES_CUH

#include "reduce.cuh"

enum { SCORE_NONE, SCORE_SOFTMAX, SCORE_LOGISTIC, SCORE_SOFTMAX_ZERO, SCORE_PROBIT };

INLINE float score_logistic(float x)
{
	const float y = 1.0f / (1.0f + expf(-fabsf(x)));
	return x < 0.0f ? 1.0f - y : y;
}

// The inverse of the normal distribution by Winitzki's approximation of the inverse error function.
INLINE float score_probit(float p)
{
	constexpr float kPi = 3.14159265358979f, kRootOfTwo = 1.41421356237310f;
	const float x = 2.0f * p - 1.0f, logarithm = logf((1.0f - x) * (1.0f + x));
	const float a = 2.0f / (kPi * 0.147f) + 0.5f * logarithm, value = kRootOfTwo * sqrtf(sqrtf(a * a - logarithm / 0.147f) - a);
	return x < 0.0f ? -value : value;
}

// With skip_zero a zero stays zero and takes no part in the sum, although e^0 is 1.
INLINE void score_softmax(float *score, int64_t n, bool skip_zero)
{
	float greatest = -INFINITY, sum = 0.0f;
	for (int64_t i = lane_of_thread(); i < n; i += kWarp)
		greatest = Maximum::join(greatest, score[i]);
	greatest = reduce_warp<Maximum>(greatest);
	for (int64_t i = lane_of_thread(); i < n; i += kWarp) {
		if (skip_zero && fabsf(score[i]) <= 1e-7f) {
			score[i] *= expf(-greatest);
		} else {
			score[i] = expf(score[i] - greatest);
			sum += score[i];
		}
	}
	sum = reduce_warp<Sum>(sum);
	for (int64_t i = lane_of_thread(); i < n; i += kWarp)
		score[i] /= sum;
}

// Each lane has written scores lane, lane + 32 ..., and transforms these.
INLINE void score_transform(float *score, int64_t n, int transform)
{
	if (transform == SCORE_SOFTMAX || transform == SCORE_SOFTMAX_ZERO) {
		score_softmax(score, n, transform == SCORE_SOFTMAX_ZERO);
		return;
	}
	if (transform == SCORE_NONE)
		return;
	for (int64_t i = lane_of_thread(); i < n; i += kWarp)
		score[i] = transform == SCORE_LOGISTIC ? score_logistic(score[i]) : score_probit(score[i]);
}

// The first of the greatest scores. Index -1: none yet.
struct Best {
	float score = 0.0f;
	int64_t index = -1;

	__device__ __forceinline__ void meet(float other, int64_t at)
	{
		if (at >= 0 && (index < 0 || other > score || (other == score && at < index))) {
			score = other;
			index = at;
		}
	}
};

// Every lane gets the best of the warp.
INLINE Best best_of_warp(Best best)
{
#pragma unroll
	for (int distance = kWarp / 2; distance > 0; distance /= 2) {
		const float score = __shfl_xor_sync(kAllLanes, best.score, distance);
		const int64_t index = __shfl_xor_sync(kAllLanes, best.index, distance);
		best.meet(score, index);
	}
	return best;
}

#endif

// LinearClassifier and LinearRegressor of ai.onnx.ml: X [rows, features] to scores [rows, width] and labels [rows].
//
// Bound by the bytes of X, 4 * rows * features, while there are few outputs, as these models have: a warp has its rows' elements side by side in its lanes, and
// four outputs at a time share what it loads. A sum's order is a matter of the number of features alone.
#include "scores.cuh"

struct LinearModelArguments {
	const void *x;          // float [rows, features]
	const void *weights;    // float [outputs, features]
	const void *intercepts; // float [outputs]
	const void *names;      // int64 [outputs or 2]: labels
	void *scores;           // float [rows, width]
	void *label;            // int64 [rows]; absent for a regressor
	int64_t rows, features, outputs;
	int32_t transform, second, wide; // second: one output has two scores
};

constexpr int kOutputs = 4;

// Four neighbours of a row, zeros beyond its end.
INLINE Pack<float, 4> load_features(const float *row, int64_t at, int64_t features, bool wide)
{
	if (wide)
		return load<float, 4>(row + at);
	Pack<float, 4> pack;
#pragma unroll
	for (int e = 0; e < 4; e++)
		pack.at[e] = at + e < features ? row[at + e] : 0.0f;
	return pack;
}

// sum[row][output] over this lane's features, for rows and outputs that follow each other; those beyond the last are the last again.
template <int Rows>
INLINE void multiply_features(const LinearModelArguments &a, int64_t row, int64_t output, float (&sum)[Rows][kOutputs])
{
	const float *x[Rows], *weights[kOutputs];
#pragma unroll
	for (int r = 0; r < Rows; r++)
		x[r] = static_cast<const float *>(a.x) + min(row + r, a.rows - 1) * a.features;
#pragma unroll
	for (int o = 0; o < kOutputs; o++)
		weights[o] = static_cast<const float *>(a.weights) + min(output + o, a.outputs - 1) * a.features;
	for (int64_t at = lane_of_thread() * 4; at < a.features; at += kWarp * 4) {
		Pack<float, 4> value[Rows];
#pragma unroll
		for (int r = 0; r < Rows; r++)
			value[r] = load_features(x[r], at, a.features, a.wide);
#pragma unroll
		for (int o = 0; o < kOutputs; o++) {
			const Pack<float, 4> weight = load_features(weights[o], at, a.features, a.wide);
#pragma unroll
			for (int r = 0; r < Rows; r++)
#pragma unroll
				for (int e = 0; e < 4; e++)
					sum[r][o] += value[r].at[e] * weight.at[e];
		}
	}
}

// The one sum of a row to its score, or with two labels its two. onnxruntime's answer to PROBIT in that case is undefined; here the second score is the
// transformed one and the first its complement.
INLINE void finish_single(const LinearModelArguments &a, float sum, float *score)
{
	const float value = a.transform == SCORE_PROBIT ? score_probit(sum) : sum;
	if (!a.second) {
		score[0] = value;
	} else if (a.transform == SCORE_LOGISTIC) {
		score[0] = score_logistic(-value);
		score[1] = score_logistic(value);
	} else {
		score[0] = 1.0f - value;
		score[1] = value;
	}
}

// Scores and label of a row whose sums lie where the scores will.
INLINE void finish_linear(const LinearModelArguments &a, int64_t row)
{
	float *score = static_cast<float *>(a.scores) + row * (a.second ? 2 : a.outputs);
	int64_t index;
	if (a.outputs > 1) {
		Best best;
		for (int64_t i = lane_of_thread(); i < a.outputs; i += kWarp)
			best.meet(score[i], i);
		index = best_of_warp(best).index;
		score_transform(score, a.outputs, a.transform);
	} else {
		const float sum = score[0];
		index = sum > 0.0f;
		__syncwarp(); // all lanes have read
		if (lane_of_thread() == 0)
			finish_single(a, sum, score);
	}
	if (a.label && lane_of_thread() == 0)
		static_cast<int64_t *>(a.label)[row] = static_cast<const int64_t *>(a.names)[index];
}

// A warp has Rows rows.
template <int Rows> INLINE void linear_model(const LinearModelArguments &a)
{
	const int64_t first = (static_cast<int64_t>(blockIdx.x) * (blockDim.x / kWarp) + warp_of_thread()) * Rows, width = a.second ? 2 : a.outputs;
	if (first >= a.rows)
		return;
	for (int64_t output = 0; output < a.outputs; output += kOutputs) {
		float sum[Rows][kOutputs] = {};
		multiply_features<Rows>(a, first, output, sum);
#pragma unroll
		for (int r = 0; r < Rows; r++)
#pragma unroll
			for (int o = 0; o < kOutputs; o++) {
				const float total = reduce_warp<Sum>(sum[r][o]);
				if (lane_of_thread() == r * kOutputs + o && first + r < a.rows && output + o < a.outputs)
					static_cast<float *>(a.scores)[(first + r) * width + output + o] = total + static_cast<const float *>(a.intercepts)[output + o];
			}
	}
	__syncwarp(); // all sums are there
	for (int r = 0; r < Rows && first + r < a.rows; r++)
		finish_linear(a, first + r);
}

KERNEL(linear_model_few_f32, LinearModelArguments, 128) { linear_model<1>(arguments); }
KERNEL(linear_model_f32, LinearModelArguments, 128) { linear_model<4>(arguments); }

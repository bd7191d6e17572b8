// From the sums of a row's leaves to its scores and label, as onnxruntime does it.
#ifndef INFERD_TREES_FINISH_H
#define INFERD_TREES_FINISH_H

#include "scores.h"
#include "tables.h"

// A sum starts at -0, which no sum of weights gives (pack.go stores no -0), so a sum that is still -0 had no vote.
static inline int trees_has_vote(float sum, int64_t aggregate)
{
	uint32_t bits;
	memcpy(&bits, &sum, sizeof bits);
	return aggregate <= TREES_AVERAGE ? bits != 0x80000000u : !isinf(sum);
}

static inline float trees_initial(int64_t aggregate)
{
	return aggregate == TREES_MIN ? INFINITY : aggregate == TREES_MAX ? -INFINITY : -0.0f;
}

// A regressor. As in onnxruntime one target alone takes no transform but PROBIT, and of several targets one that no leaf of
// the row voted for is 0 without its base value.
static inline void trees_finish_regressor(const inferd_step *step, const float *base, const float *sum, int64_t stride, float *score)
{
	const int64_t *p = step->parameter;
	int64_t n = p[TREES_N_TARGETS];
	for (int64_t i = 0; i < n; i++) {
		int voted = trees_has_vote(sum[i * stride], p[TREES_AGGREGATE]);
		float value = voted ? sum[i * stride] : 0.0f;
		if (p[TREES_AGGREGATE] == TREES_AVERAGE)
			value /= (float)p[TREES_COUNT];
		score[i] = p[TREES_N_BASES] && (voted || n == 1) ? value + base[i] : value;
	}
	if (n > 1 || p[TREES_TRANSFORM] == SCORE_PROBIT)
		score_transform(score, n, p[TREES_TRANSFORM]);
}

// Three classes or more: the label is the first greatest score among the classes that had a vote or have a base value.
static inline int64_t trees_finish_classes(const inferd_step *step, const float *base, const float *sum, int64_t stride, float *score)
{
	const int64_t *p = step->parameter;
	int64_t n = p[TREES_N_TARGETS], best = -1;
	for (int64_t i = 0; i < n; i++) {
		int voted = trees_has_vote(sum[i * stride], TREES_SUM);
		score[i] = voted ? sum[i * stride] : 0.0f;
		if (p[TREES_N_BASES])
			score[i] = voted ? score[i] + base[i] : base[i];
		if ((voted || p[TREES_N_BASES]) && (best < 0 || score[i] > score[best]))
			best = i;
	}
	score_transform(score, n, p[TREES_TRANSFORM]);
	return best < 0 ? 0 : best;
}

// Only one of two classes has a score: the other's is its complement, its mirror image, or absent.
static inline void trees_spread_single(const int64_t *p, float value, int pair, float *score)
{
	score[1] = 0.0f;
	if (p[TREES_TRANSFORM] == SCORE_PROBIT) {
		score[0] = score_probit(value);
	} else if (!pair) {
		score[0] = value;
	} else if (p[TREES_TRANSFORM] == SCORE_LOGISTIC) {
		score[0] = score_logistic(-value);
		score[1] = score_logistic(value);
	} else {
		score[0] = p[TREES_BINARY] && p[TREES_POSITIVE] ? 1.0f - value : -value;
		score[1] = value;
	}
}

// Two classes. Where there are votes for one class only (BINARY), its score decides alone, at 0.5 if no weight is negative, else
// at 0. ONNX leaves much of this open; onnxruntime's reading is what converters are tested against, so it is the rule
// here, including that base_values[0] joins the second class where that has votes. The result is the label's index, or -1 - label
// where onnxruntime answers 0 or 1 whatever the labels are.
static inline int64_t trees_finish_pair(const inferd_step *step, const float *base, const float *sum, int64_t stride, float *score)
{
	const int64_t *p = step->parameter;
	int voted0 = trees_has_vote(sum[0], TREES_SUM), voted1 = trees_has_vote(sum[stride], TREES_SUM);
	float s0 = voted0 ? sum[0] : 0.0f, s1 = voted1 ? sum[stride] : 0.0f;
	int both = voted1;
	if (p[TREES_N_BASES] == 2) {
		both = 1;
		if (voted1) {
			s1 = base[1] + s0;
			s0 = -s1;
		} else {
			s0 += base[0];
		}
	} else if (p[TREES_N_BASES] == 1) {
		s0 += base[0];
	}
	float decisive = voted1 ? s1 : voted0 ? s0 : 0.0f;
	int positive = decisive > (p[TREES_BINARY] && p[TREES_POSITIVE] ? 0.5f : 0.0f);
	if (both) {
		score[0] = voted0 ? s0 : 0.0f;
		score[1] = voted1 ? s1 : 0.0f;
		score_transform(score, 2, p[TREES_TRANSFORM]);
	} else {
		trees_spread_single(p, s0, p[TREES_BINARY] || p[TREES_N_BASES] == 0, score);
	}
	return p[TREES_BINARY] ? positive : -1 - positive;
}

// Writes the scores and the label of one row. Its sums lie `stride` floats apart.
static inline void trees_finish_row(const inferd_step *step, void *const *bases, int64_t row, const float *sum, int64_t stride)
{
	const int64_t *p = step->parameter;
	const void *blob = inferd_address(step, bases, TREES_BLOB);
	const float *base = trees_table(blob, TREES_BASES);
	float *score = (float *)inferd_address(step, bases, TREES_SCORES) + row * p[TREES_N_TARGETS];
	if (!p[TREES_CLASSIFIER]) {
		trees_finish_regressor(step, base, sum, stride, score);
		return;
	}
	int64_t index;
	if (p[TREES_N_TARGETS] > 2) {
		index = trees_finish_classes(step, base, sum, stride, score);
	} else if (p[TREES_N_TARGETS] == 2) {
		index = trees_finish_pair(step, base, sum, stride, score);
	} else {
		float value = trees_has_vote(sum[0], TREES_SUM) ? sum[0] : 0.0f;
		value += p[TREES_N_BASES] ? base[0] : 0.0f;
		index = -1 - (value > 0);
		score[0] = p[TREES_TRANSFORM] == SCORE_PROBIT ? score_probit(value) : value;
	}
	int64_t *label = inferd_address(step, bases, TREES_LABEL);
	if (label)
		label[row] = index < 0 ? -1 - index : ((const int64_t *)trees_table(blob, TREES_LABELS))[index];
}

#endif

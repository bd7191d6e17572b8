#include "linear.h"
#include "scores.h"

static inline int64_t tile_rows(const inferd_step *step, int64_t first)
{
	int64_t rest = step->parameter[LINEAR_ROWS] - first, rows = step->parameter[LINEAR_TILE_ROWS];
	return rest < rows ? rest : rows;
}

// Y = (X - offset) * scale, all [rows, columns], offset and scale [columns]. Bound by memory: 8 bytes an element.
void INFERD_NAME(inferd_scaler)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	int64_t columns = step->parameter[LINEAR_COLUMNS], first = tile * step->parameter[LINEAR_TILE_ROWS];
	int64_t rows = tile_rows(step, first);
	const float *x = (const float *)inferd_address(step, bases, 0) + first * columns;
	const float *offset = inferd_address(step, bases, 1), *scale = inferd_address(step, bases, 2);
	float *y = (float *)inferd_address(step, bases, 3) + first * columns;
	for (int64_t row = 0; row < rows; row++, x += columns, y += columns) {
		int64_t c = 0;
		for (; c + LANES <= columns; c += LANES)
			vf_store(y + c, (vf_load(x + c) - vf_load(offset + c)) * vf_load(scale + c));
		if (c < columns) {
			int n = (int)(columns - c);
			vf value = (vf_load_partial(x + c, n) - vf_load_partial(offset + c, n)) * vf_load_partial(scale + c, n);
			vf_store_partial(y + c, value, n);
		}
	}
}

enum { BLOCK_VECTORS = LINEAR_BLOCK / LANES, ROW_BLOCK = 4 };

// score[row][block] = intercept + sum over k of x[row][k] * weight[k], one block of outputs for `rows` rows, k in order.
INLINE void linear_block(const float *x, int64_t columns, const float *packed, int64_t padded, int64_t score_stride, const int rows, float *score)
{
	vf sum[ROW_BLOCK][BLOCK_VECTORS];
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < BLOCK_VECTORS; v++)
			sum[r][v] = vf_load(packed + v * LANES);
	for (int64_t k = 0; k < columns; k++) {
		const float *weight = packed + (k + 1) * padded;
		for (int r = 0; r < rows; r++) {
			vf value = vf_set(x[r * columns + k]);
			for (int v = 0; v < BLOCK_VECTORS; v++)
				sum[r][v] = vf_fma(value, vf_load(weight + v * LANES), sum[r][v]);
		}
	}
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < BLOCK_VECTORS; v++)
			vf_store(score + r * score_stride + v * LANES, sum[r][v]);
}

// Scores of one row to its outputs and label index. A single column with two labels becomes two scores. onnxruntime's answer
// to PROBIT in that case is undefined; here the second score is the transformed one and the first its complement.
INLINE int64_t linear_finish(const int64_t *p, float *sum, float *score)
{
	int64_t outputs = p[LINEAR_OUTPUTS], best = 0;
	if (outputs > 1) {
		for (int64_t i = 1; i < outputs; i++)
			best = sum[i] > sum[best] ? i : best;
		score_transform(sum, outputs, p[LINEAR_TRANSFORM]);
		memcpy(score, sum, (size_t)outputs * sizeof *sum);
		return best;
	}
	best = sum[0] > 0;
	float value = p[LINEAR_TRANSFORM] == SCORE_PROBIT ? score_probit(sum[0]) : sum[0];
	if (!p[LINEAR_SECOND_CLASS]) {
		score[0] = value;
	} else if (p[LINEAR_TRANSFORM] == SCORE_LOGISTIC) {
		score[0] = score_logistic(-value);
		score[1] = score_logistic(value);
	} else {
		score[0] = 1.0f - value;
		score[1] = value;
	}
	return best;
}

// X [rows, columns] to scores [rows, outputs] and labels [rows]. The packed weights are int64 labels [max(outputs, 2), padded to a
// cache line], the intercepts [padded], then the coefficients [columns, padded]. Bound by the multiply-adds where the outputs
// fill the blocks, else by their padding: these models are small.
void INFERD_NAME(inferd_linear)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter, columns = p[LINEAR_COLUMNS], outputs = p[LINEAR_OUTPUTS];
	int64_t first = tile * p[LINEAR_TILE_ROWS], rows = tile_rows(step, first);
	int64_t padded = (outputs + LINEAR_BLOCK - 1) / LINEAR_BLOCK * LINEAR_BLOCK;
	int64_t width = p[LINEAR_SECOND_CLASS] ? 2 : outputs, named = ((outputs > 2 ? outputs : 2) + 7) / 8 * 8;
	const float *x = (const float *)inferd_address(step, bases, 0) + first * columns;
	const int64_t *labels = inferd_address(step, bases, 1);
	const float *packed = (const float *)(labels + named);
	float *scores = (float *)inferd_address(step, bases, 2) + first * width, *sum = scratch;
	int64_t *label = inferd_address(step, bases, 3);
	for (int64_t row = 0; row < rows; row += ROW_BLOCK) {
		int64_t present = rows - row < ROW_BLOCK ? rows - row : ROW_BLOCK;
		for (int64_t block = 0; block < padded; block += LINEAR_BLOCK) {
			if (present == ROW_BLOCK) {
				linear_block(x + row * columns, columns, packed + block, padded, padded, ROW_BLOCK, sum + block);
				continue;
			}
			for (int64_t r = 0; r < present; r++)
				linear_block(x + (row + r) * columns, columns, packed + block, padded, padded, 1, sum + r * padded + block);
		}
		for (int64_t r = 0; r < present; r++) {
			int64_t index = linear_finish(p, sum + r * padded, scores + (row + r) * width);
			if (label)
				label[first + row + r] = labels[index];
		}
	}
}

INLINE float row_norm(const float *x, int64_t columns, int64_t norm)
{
	vf sum = norm == LINEAR_NORM_MAX ? vf_set(-INFINITY) : vf_zero();
	for (int64_t c = 0; c < columns; c += LANES) {
		int n = columns - c < LANES ? (int)(columns - c) : LANES;
		vf value = vf_load_partial(x + c, n);
		if (norm == LINEAR_NORM_L1) {
			sum += vf_abs(value);
		} else if (norm == LINEAR_NORM_L2) {
			sum = vf_fma(value, value, sum);
		} else {
			for (int i = n; i < LANES; i++)
				value[i] = -INFINITY;
			sum = vf_max(value, sum);
		}
	}
	if (norm == LINEAR_NORM_MAX)
		return vf_reduce_max(sum);
	float total = vf_reduce_add(sum);
	return norm == LINEAR_NORM_L2 ? sqrtf(total) : total;
}

// Y = X divided by the norm of its row, both [rows, columns]; a row of norm 0 stays as it is. Bound by memory: a row is
// read twice, the second time from the first-level cache.
void INFERD_NAME(inferd_normalizer)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	int64_t columns = step->parameter[LINEAR_COLUMNS], first = tile * step->parameter[LINEAR_TILE_ROWS];
	int64_t rows = tile_rows(step, first);
	const float *x = (const float *)inferd_address(step, bases, 0) + first * columns;
	float *y = (float *)inferd_address(step, bases, 1) + first * columns;
	for (int64_t row = 0; row < rows; row++, x += columns, y += columns) {
		float norm = row_norm(x, columns, step->parameter[LINEAR_NORM]);
		vf divisor = vf_set(norm == 0 ? 1.0f : norm);
		for (int64_t c = 0; c < columns; c += LANES) {
			int n = columns - c < LANES ? (int)(columns - c) : LANES;
			vf_store_partial(y + c, vf_load_partial(x + c, n) / divisor, n);
		}
	}
}

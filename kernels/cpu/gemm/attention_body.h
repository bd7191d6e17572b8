// Attention of one block of queries of one head. Bound by FLOP, 2 rows keys (head size + value size), and keys exponentials a row.
//
// Scores of all keys lie in scratch, so the softmax is exact; K and V pass by in blocks of keys that are packed once per tile.
// A query's bits depend on nothing but the query, its head's keys and values, and its mask.
#include "attention.h"
#include "gemm_multiply.h"

typedef struct {
	float *p;
	int64_t row, column;
} attention_matrix;

// The matrix of one head; p is NULL where the operand is absent.
INLINE attention_matrix attention_operand(const inferd_step *step, void *const *bases, int operand, int64_t batch, int64_t head)
{
	const int64_t *stride = step->parameter + INFERD_ATTENTION_FIRST_STRIDE + operand * INFERD_ATTENTION_STRIDES;
	attention_matrix m = {inferd_address(step, bases, operand), stride[INFERD_ATTENTION_ROW], stride[INFERD_ATTENTION_COLUMN]};
	if (m.p)
		m.p += batch * stride[INFERD_ATTENTION_BATCH] + head * stride[INFERD_ATTENTION_HEAD];
	return m;
}

// Replaces a row of scores by e^(score - maximum) and returns the inverse of their sum. The row is padded to whole vectors.
INLINE float attention_softmax(float *score, int64_t keys)
{
	int64_t padded = (keys + LANES - 1) / LANES * LANES;
	for (int64_t j = keys; j < padded; j++)
		score[j] = -INFINITY;
	vf most = vf_set(-INFINITY), sum = vf_zero();
	for (int64_t j = 0; j < padded; j += LANES)
		most = vf_max(most, vf_load(score + j));
	most = vf_set(vf_reduce_max(most));
	for (int64_t j = 0; j < padded; j += LANES) {
		vf x = vf_load(score + j) - most; // never above zero
		vf y = vf_exp_bounded(vf_max(vf_set(INFERD_EXP_LOW), x));
		y = vf_bits(vi_bits(y) & ~(vi)(x < vf_set(INFERD_EXP_LOW))); // what is masked counts as exactly nothing
		vf_store(score + j, y);
		sum += y;
	}
	return 1.0f / vf_reduce_add(sum);
}

INLINE gemm_job attention_job(float *c, int64_t c_row)
{
	return (gemm_job){.c = c, .c_row = c_row, .b_row = WIDTH, .alpha = 1, .low = -INFINITY, .high = INFINITY, .clips = true, .simple = true, .plain = true, .residual_column = 1};
}

// score = scale Q K^T + mask
static void attention_scores(const inferd_step *step, attention_matrix q, attention_matrix k, attention_matrix mask, float *score, int64_t score_row, int64_t rows, float *panels)
{
	const int64_t *p = step->parameter;
	const int64_t keys = p[INFERD_ATTENTION_KEYS], size = p[INFERD_ATTENTION_HEAD_SIZE];
	gemm_job job = attention_job(score, score_row);
	job.a = q.p;
	job.a_row = q.row;
	job.k = size;
	job.b_panel = size * WIDTH;
	job.alpha = (float)inferd_parameter_double(step, INFERD_ATTENTION_SCALE);
	for (int64_t first = 0; first < keys; first += INFERD_ATTENTION_KEY_BLOCK) {
		int64_t count = keys - first < INFERD_ATTENTION_KEY_BLOCK ? keys - first : INFERD_ATTENTION_KEY_BLOCK;
		inferd_gemm_pack_f32(panels, k.p + first * k.row, size, count, k.column, k.row, WIDTH);
		job.c = score + first;
		if (mask.p) {
			job.residual = mask.p + first * mask.column;
			job.residual_row = mask.row;
			job.residual_column = mask.column;
			job.simple = mask.column == 1;
			job.plain = false;
		}
		// Without a mask the last vector is written whole: the rows of scores have room, and the softmax overwrites what is beyond.
		gemm_multiply(&job, panels, rows, 0, mask.p ? count : (count + LANES - 1) / LANES * LANES);
	}
}

// O = score V, in blocks of keys
static void attention_values(const inferd_step *step, const float *score, int64_t score_row, attention_matrix v, attention_matrix o, int64_t rows, float *panels)
{
	const int64_t *p = step->parameter;
	const int64_t keys = p[INFERD_ATTENTION_KEYS], size = p[INFERD_ATTENTION_VALUE_SIZE];
	gemm_job job = attention_job(o.p, o.row);
	job.a_row = score_row;
	// Where few rows use them, values that fill whole panels are read where they lie.
	bool direct = v.column == 1 && size % WIDTH == 0 && rows <= 2 * GEMM_MOST_ROWS;
	for (int64_t first = 0; first < keys; first += INFERD_ATTENTION_KEY_BLOCK) {
		const float *from = v.p + first * v.row;
		job.k = keys - first < INFERD_ATTENTION_KEY_BLOCK ? keys - first : INFERD_ATTENTION_KEY_BLOCK;
		job.a = score + first;
		job.b_row = direct ? v.row : WIDTH;
		job.b_panel = direct ? WIDTH : job.k * WIDTH;
		if (!direct)
			inferd_gemm_pack_f32(panels, from, job.k, size, v.row, v.column, WIDTH);
		gemm_multiply(&job, direct ? from : panels, rows, 0, size);
		job.residual = o.p; // from the second block on the sum goes on
		job.residual_row = o.row;
		job.plain = false;
	}
}

void INFERD_NAME(inferd_attention_f32)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const int64_t heads = p[INFERD_ATTENTION_HEADS], queries = p[INFERD_ATTENTION_QUERIES], keys = p[INFERD_ATTENTION_KEYS];
	const int64_t size = p[INFERD_ATTENTION_HEAD_SIZE], value_size = p[INFERD_ATTENTION_VALUE_SIZE], tile_rows = p[INFERD_ATTENTION_TILE_ROWS];
	const int64_t row_tiles = (queries + tile_rows - 1) / tile_rows;
	const int64_t first = tile % row_tiles * tile_rows, head = tile / row_tiles % heads, batch = tile / row_tiles / heads;
	const int64_t rows = queries - first < tile_rows ? queries - first : tile_rows, score_row = INFERD_ATTENTION_SCORE_ROW(keys);
	attention_matrix q = attention_operand(step, bases, INFERD_ATTENTION_Q, batch, head);
	attention_matrix k = attention_operand(step, bases, INFERD_ATTENTION_K, batch, head / p[INFERD_ATTENTION_GROUP]);
	attention_matrix v = attention_operand(step, bases, INFERD_ATTENTION_V, batch, head / p[INFERD_ATTENTION_GROUP]);
	attention_matrix o = attention_operand(step, bases, INFERD_ATTENTION_O, batch, head);
	attention_matrix mask = attention_operand(step, bases, INFERD_ATTENTION_MASK, batch, head);
	float *score = scratch, *panels = score + rows * score_row;
	q.p += first * q.row;
	o.p += first * o.row;
	if (mask.p)
		mask.p += first * mask.row;
	if (q.column != 1) {
		for (int64_t r = 0; r < rows; r++)
			for (int64_t i = 0; i < size; i++)
				panels[r * size + i] = q.p[r * q.row + i * q.column];
		q = (attention_matrix){panels, size, 1};
		panels += rows * size;
	}
	attention_scores(step, q, k, mask, score, score_row, rows, panels);
	float inverse[rows];
	for (int64_t r = 0; r < rows; r++)
		inverse[r] = attention_softmax(score + r * score_row, keys);
	attention_values(step, score, score_row, v, o, rows, panels);
	for (int64_t r = 0; r < rows; r++)
		for (int64_t j = 0; j < value_size; j += LANES) {
			int n = value_size - j < LANES ? (int)(value_size - j) : LANES;
			float *at = o.p + r * o.row + j;
			vf_store_partial(at, vf_load_partial(at, n) * vf_set(inverse[r]), n);
		}
}

// Hidden units are handled in blocks of LANES; a block's four gates lie side by side, so that one pass over the weights gives
// all that the block's new state needs.
#include "lstm.h"
#include "vector_math.h"

enum {
	BLOCK = LSTM_GATES * LANES, // floats of a block for one row or one input
	MAX_ROWS = LANES == 16 ? 6 : 3, // rows at a time: rows * gates accumulators fit the registers
};

// Where one direction's packed weights lie: w [blocks, inputs, gates, lanes], bias [blocks, gates, lanes], r [blocks, hidden,
// gates, lanes], peephole [blocks, 3, lanes] in ONNX's order input, output, forget.
typedef struct {
	const float *w, *bias, *r, *peephole;
	int64_t blocks;
} lstm_weights;

static inline lstm_weights lstm_locate(const inferd_step *step, void *const *bases, int64_t direction)
{
	const int64_t *p = step->parameter;
	lstm_weights l = {.blocks = (p[LSTM_HIDDEN] + LANES - 1) / LANES};
	int64_t size = l.blocks * (BLOCK * (p[LSTM_INPUTS] + 1 + p[LSTM_HIDDEN]) + 3 * LANES);
	l.w = (const float *)inferd_address(step, bases, LSTM_PACKED) + direction * size;
	l.bias = l.w + l.blocks * BLOCK * p[LSTM_INPUTS];
	l.r = l.bias + l.blocks * BLOCK;
	l.peephole = l.r + l.blocks * BLOCK * p[LSTM_HIDDEN];
	return l;
}

// sum[row][block] += x[row] * weights, k in order, for `blocks` neighbouring blocks. Bound by the multiply-adds while the
// weights come from the first-level cache, by the second level's bandwidth where few rows use each weight once.
INLINE void lstm_multiply(const float *const *x, int64_t inputs, const float *weights, const int rows, const int blocks, vf sum[][2][LSTM_GATES])
{
	for (int64_t k = 0; k < inputs; k++) {
		for (int b = 0; b < blocks; b++) {
			const float *weight = weights + (b * inputs + k) * BLOCK;
			vf value[MAX_ROWS]; // with one gate's weights at a time, values and sums fill the registers without a spill
			for (int r = 0; r < rows; r++)
				value[r] = vf_set(x[r][k]);
			for (int g = 0; g < LSTM_GATES; g++) {
				vf column = vf_load(weight + g * LANES);
				for (int r = 0; r < rows; r++)
					sum[r][b][g] = vf_fma(value[r], column, sum[r][b][g]);
			}
		}
	}
}

INLINE void project_rows(const float *const *x, int64_t inputs, const lstm_weights *l, int64_t block, float *g, const int rows, const int blocks)
{
	vf sum[MAX_ROWS][2][LSTM_GATES];
	for (int r = 0; r < rows; r++)
		for (int b = 0; b < blocks; b++)
			for (int gate = 0; gate < LSTM_GATES; gate++)
				sum[r][b][gate] = vf_load(l->bias + (block + b) * BLOCK + gate * LANES);
	lstm_multiply(x, inputs, l->w + block * BLOCK * inputs, rows, blocks, sum);
	for (int r = 0; r < rows; r++)
		for (int b = 0; b < blocks; b++)
			for (int gate = 0; gate < LSTM_GATES; gate++)
				vf_store(g + (r * l->blocks + block + b) * BLOCK + gate * LANES, sum[r][b][gate]);
}

// The same for a number of rows that is not known at compile time.
INLINE void project_group(const float *const *x, int64_t inputs, const lstm_weights *l, int64_t block, float *g, int64_t rows)
{
	switch (rows) {
	case 1:
		project_rows(x, inputs, l, block, g, 1, 1);
		break;
	case 2:
		project_rows(x, inputs, l, block, g, 2, 1);
		break;
#if LANES == 16
	case 3:
		project_rows(x, inputs, l, block, g, 3, 1);
		break;
	case 4:
		project_rows(x, inputs, l, block, g, 4, 1);
		break;
	case 5:
		project_rows(x, inputs, l, block, g, 5, 1);
		break;
#endif
	default:
		project_rows(x, inputs, l, block, g, MAX_ROWS, 1);
	}
}

// G = X W^T + biases for LSTM_TILE_ROWS of the steps * batch rows of one direction.
void INFERD_NAME(inferd_lstm_project)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	(void)scratch;
	const int64_t *p = step->parameter, rows = p[LSTM_STEPS] * p[LSTM_BATCH];
	int64_t tiles = step->tiles / p[LSTM_DIRECTIONS], direction = tile / tiles;
	int64_t first = tile % tiles * p[LSTM_TILE_ROWS], end = first + p[LSTM_TILE_ROWS] < rows ? first + p[LSTM_TILE_ROWS] : rows;
	lstm_weights l = lstm_locate(step, bases, direction);
	const float *x = inferd_address(step, bases, LSTM_X);
	float *g = (float *)inferd_address(step, bases, LSTM_G) + direction * rows * l.blocks * BLOCK;
	for (int64_t block = 0; block < l.blocks; block++) {
		for (int64_t row = first; row < end; row += MAX_ROWS) {
			const float *source[MAX_ROWS];
			int64_t present = end - row < MAX_ROWS ? end - row : MAX_ROWS;
			for (int64_t r = 0; r < present; r++)
				source[r] = x + (row + r) / p[LSTM_BATCH] * p[LSTM_X_STEP] + (row + r) % p[LSTM_BATCH] * p[LSTM_X_BATCH];
			project_group(source, p[LSTM_INPUTS], &l, block, g + row * l.blocks * BLOCK, present);
		}
	}
}

// The state of the sequences of one tile. h alternates between two buffers, because a step reads all of the old one.
typedef struct {
	const inferd_step *step;
	lstm_weights weights;
	int64_t padded; // hidden units of a row, a multiple of LANES
	float *h_old, *h_new, *c;
	float clip;
} lstm_state;

// One block's gates of one row to its new state.
INLINE void lstm_gates(const lstm_state *s, int64_t row, int64_t block, const vf *sum)
{
	int64_t at = row * s->padded + block * LANES;
	vf in = sum[0], out = sum[1], forget = sum[2], cell = sum[3], c = vf_load(s->c + at);
	vf high = vf_set(s->clip), low = vf_set(-s->clip);
	const float *peephole = s->weights.peephole + block * 3 * LANES;
	if (s->step->parameter[LSTM_PEEPHOLE]) {
		in = vf_fma(vf_load(peephole), c, in);
		forget = vf_fma(vf_load(peephole + 2 * LANES), c, forget);
	}
	in = vf_sigmoid(vf_min(high, vf_max(low, in)));
	forget = vf_sigmoid(vf_min(high, vf_max(low, forget)));
	cell = vf_tanh(vf_min(high, vf_max(low, cell)));
	c = vf_fma(forget, c, in * cell);
	if (s->step->parameter[LSTM_PEEPHOLE])
		out = vf_fma(vf_load(peephole + LANES), c, out);
	out = vf_sigmoid(vf_min(high, vf_max(low, out)));
	vf_store(s->c + at, c);
	vf_store(s->h_new + at, out * vf_tanh(c));
}

INLINE void recur_rows(const lstm_state *s, const float *const *g, int64_t row, const char *active, int64_t block, const int rows, const int blocks)
{
	vf sum[MAX_ROWS][2][LSTM_GATES];
	const float *h[MAX_ROWS];
	for (int r = 0; r < rows; r++) {
		h[r] = s->h_old + (row + r) * s->padded;
		for (int b = 0; b < blocks; b++)
			for (int gate = 0; gate < LSTM_GATES; gate++)
				sum[r][b][gate] = vf_load(g[r] + (block + b) * BLOCK + gate * LANES);
	}
	int64_t hidden = s->step->parameter[LSTM_HIDDEN];
	lstm_multiply(h, hidden, s->weights.r + block * BLOCK * hidden, rows, blocks, sum);
	for (int r = 0; r < rows; r++)
		for (int b = 0; b < blocks; b++) {
			int64_t at = (row + r) * s->padded + (block + b) * LANES;
			if (active[r])
				lstm_gates(s, row + r, block + b, sum[r][b]);
			else
				vf_store(s->h_new + at, vf_load(s->h_old + at));
		}
}

// The same for a number of rows that is not known at compile time.
INLINE void recur_group(const lstm_state *s, const float *const *g, int64_t row, const char *active, int64_t block, int64_t rows)
{
	switch (rows) {
	case 1:
		recur_rows(s, g, row, active, block, 1, 1);
		break;
	case 2:
		recur_rows(s, g, row, active, block, 2, 1);
		break;
#if LANES == 16
	case 3:
		recur_rows(s, g, row, active, block, 3, 1);
		break;
	case 4:
		recur_rows(s, g, row, active, block, 4, 1);
		break;
	case 5:
		recur_rows(s, g, row, active, block, 5, 1);
		break;
#endif
	default:
		recur_rows(s, g, row, active, block, MAX_ROWS, 1);
	}
}

// Copies rows of `hidden` floats to rows padded to blocks, or zeros where there is no source.
static void lstm_load_state(const float *source, int64_t rows, int64_t hidden, int64_t padded, float *state)
{
	memset(state, 0, (size_t)(rows * padded) * sizeof *state);
	for (int64_t row = 0; source && row < rows; row++)
		memcpy(state + row * padded, source + row * hidden, (size_t)hidden * sizeof *state);
}

static void lstm_store_state(const float *state, int64_t rows, int64_t hidden, int64_t padded, float *destination)
{
	for (int64_t row = 0; destination && row < rows; row++)
		memcpy(destination + row * hidden, state + row * padded, (size_t)hidden * sizeof *state);
}

// One time step of a tile. A sequence that has ended keeps its state and gives zeros. A block's weights stay in the first-level
// cache while all rows pass through it.
static void lstm_advance(const lstm_state *s, const float *g, float *y, const int32_t *lengths, int64_t rows, int64_t first, int64_t time, int backwards)
{
	const int64_t *p = s->step->parameter;
	const float *source[LSTM_RECUR_ROWS];
	char active[LSTM_RECUR_ROWS];
	int64_t at[LSTM_RECUR_ROWS], blocks = s->weights.blocks, block = 0;
	for (int64_t r = 0; r < rows; r++) {
		int64_t length = lengths ? lengths[first + r] : p[LSTM_STEPS];
		length = length > p[LSTM_STEPS] ? p[LSTM_STEPS] : length;
		active[r] = time < length;
		at[r] = backwards && active[r] ? length - 1 - time : time;
		source[r] = g + (at[r] * p[LSTM_BATCH] + first + r) * blocks * BLOCK;
	}
	if (rows == 1) // one row alone gives too few independent sums to hide the latency of the multiply-adds
		for (; block + 2 <= blocks; block += 2)
			recur_rows(s, source, 0, active, block, 1, 2);
	for (; block < blocks; block++)
		for (int64_t row = 0; row < rows; row += MAX_ROWS)
			recur_group(s, source + row, row, active + row, block, rows - row < MAX_ROWS ? rows - row : MAX_ROWS);
	for (int64_t r = 0; y && r < rows; r++) {
		float *destination = y + at[r] * p[LSTM_Y_STEP] + (first + r) * p[LSTM_Y_BATCH];
		size_t size = (size_t)p[LSTM_HIDDEN] * sizeof *destination;
		if (active[r])
			memcpy(destination, s->h_new + r * s->padded, size);
		else
			memset(destination, 0, size);
	}
}

// All time steps for one direction of LSTM_TILE_ROWS sequences.
void INFERD_NAME(inferd_lstm_recur)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter, hidden = p[LSTM_HIDDEN], batch = p[LSTM_BATCH];
	int64_t tiles = step->tiles / p[LSTM_DIRECTIONS], direction = tile / tiles, first = tile % tiles * p[LSTM_TILE_ROWS];
	int64_t rows = batch - first < p[LSTM_TILE_ROWS] ? batch - first : p[LSTM_TILE_ROWS];
	lstm_state s = {.step = step, .weights = lstm_locate(step, bases, direction)};
	s.padded = s.weights.blocks * LANES;
	s.h_old = scratch;
	s.h_new = s.h_old + rows * s.padded;
	s.c = s.h_new + rows * s.padded;
	s.clip = (float)inferd_parameter_double(step, LSTM_CLIP);
	const float *initial_h = inferd_address(step, bases, LSTM_INITIAL_H), *initial_c = inferd_address(step, bases, LSTM_INITIAL_C);
	const float *g = (const float *)inferd_address(step, bases, LSTM_G) + direction * p[LSTM_STEPS] * batch * s.weights.blocks * BLOCK;
	float *y = inferd_address(step, bases, LSTM_Y), *y_h = inferd_address(step, bases, LSTM_Y_H), *y_c = inferd_address(step, bases, LSTM_Y_C);
	const int32_t *lengths = inferd_address(step, bases, LSTM_LENGTHS);
	int64_t state = (direction * batch + first) * hidden;
	lstm_load_state(initial_h ? initial_h + state : NULL, rows, hidden, s.padded, s.h_old);
	lstm_load_state(initial_c ? initial_c + state : NULL, rows, hidden, s.padded, s.c);
	for (int64_t time = 0; time < p[LSTM_STEPS]; time++) {
		lstm_advance(&s, g, y ? y + direction * p[LSTM_Y_DIRECTION] : NULL, lengths, rows, first, time, direction == 1 || p[LSTM_REVERSE]);
		float *swap = s.h_old;
		s.h_old = s.h_new;
		s.h_new = swap;
	}
	lstm_store_state(s.h_old, rows, hidden, s.padded, y_h ? y_h + state : NULL);
	lstm_store_state(s.c, rows, hidden, s.padded, y_c ? y_c + state : NULL);
}

// QuickScorer over byte codes, for trees of up to 64 leaves.
//
// A tile is a block of rows. First each feature of the block becomes codes, bytes that hold its rank among the feature's
// thresholds. Then, tree by tree, every inner node is one comparison of its column with its threshold for all rows at once,
// and clears from the rows that go right the leaves on its left; the first leaf that is left is the row's leaf. The order
// of the tests does not matter, so they are grouped by plane (eight leaves, one byte a row) and a plane stays in registers.
// Bound by the vector ALUs: three byte operations a test, a vector of rows at a time.
#include "finish.h"

#define ROW_LANES (LANES * 4)
typedef int8_t vb __attribute__((vector_size(ROW_LANES)));
typedef uint8_t vub __attribute__((vector_size(ROW_LANES)));
typedef uint32_t vw __attribute__((vector_size(ROW_LANES)));

enum { SEARCH_ROWS = 8, TREE_GROUP = 4 };

INLINE vb vb_load(const void *p) { vb v; memcpy(&v, p, sizeof v); return v; }
INLINE void vb_store(void *p, vb v) { memcpy(p, &v, sizeof v); }
INLINE vb vb_set(int8_t x) { return x - (vb){0}; }
INLINE vb vb_broadcast4(uint32_t x) { return (vb)(x - (vw){0}); }

// The ranks of eight rows' values of one feature: a search of the Eytzinger tree without branches.
INLINE void quick_ranks(const uint32_t *keys, uint32_t levels, const uint32_t *value, uint32_t *rank)
{
	uint32_t at[SEARCH_ROWS];
	for (int r = 0; r < SEARCH_ROWS; r++)
		at[r] = 1;
	for (uint32_t level = 0; level < levels; level++)
		for (int r = 0; r < SEARCH_ROWS; r++)
			at[r] = 2 * at[r] + (value[r] > keys[at[r]]);
	for (int r = 0; r < SEARCH_ROWS; r++)
		rank[r] = at[r] - (1u << levels);
}

// Fills codes[column][block] for `rows` rows of X; the codes of the rest of the block are those of zeros.
static void quick_encode(const inferd_step *step, const void *blob, const float *x, int64_t rows, int64_t block, int8_t *codes)
{
	const trees_quick_feature *feature = trees_table(blob, TREES_QUICK_FEATURES);
	const trees_quick_column *column = trees_table(blob, TREES_QUICK_COLUMNS);
	const uint32_t *keys = trees_table(blob, TREES_QUICK_KEYS);
	int64_t stride = step->parameter[TREES_ROW_STRIDE];
	for (int64_t row = 0; row < block; row += SEARCH_ROWS) {
		int64_t present = rows - row < SEARCH_ROWS ? rows - row : SEARCH_ROWS;
		for (int64_t f = 0; f < step->parameter[TREES_N_QUICK_FEATURES]; f++) {
			uint32_t value[SEARCH_ROWS] = {0}, rank[SEARCH_ROWS];
			int32_t missing[SEARCH_ROWS] = {0};
			for (int r = 0; r < present; r++) {
				float entry = x[(row + r) * stride + feature[f].feature];
				value[r] = trees_key(entry, 0);
				missing[r] = -(entry != entry);
			}
			quick_ranks(keys + feature[f].first_key, feature[f].levels, value, rank);
			for (uint32_t c = feature[f].first_column; c < feature[f].first_column + feature[f].columns; c++) {
				int8_t *code = codes + c * block + row;
				for (int r = 0; r < SEARCH_ROWS; r++) {
					int32_t rest = (int32_t)rank[r] - column[c].base;
					rest = (rest < 0 ? 0 : rest > 255 ? 255 : rest) - 128;
					code[r] = (int8_t)((rest & ~missing[r]) | (column[c].missing & missing[r]));
				}
			}
		}
	}
}

// The index of the lowest set bit of each byte; 8 more than that of the first byte for each plane before it that was empty.
INLINE vb quick_lowest_bit(vb plane, vb base)
{
	vb low = plane & (vb)-(vub)plane; // unsigned: -128 has no negative
	vb upper_half = (low & vb_set(0x0f)) == 0, upper_pair = (low & vb_set(0x33)) == 0, odd = (low & vb_set(0x55)) == 0;
	return base + (upper_half & vb_set(4)) + (upper_pair & vb_set(2)) - odd;
}

// The leaf that each of the block's rows reaches in one tree.
INLINE void quick_tree(const trees_quick_tree *tree, const uint32_t *planes, const trees_quick_test *test, const int8_t *codes,
                       const int vectors, int8_t *leaf)
{
	vb found[4], base[4];
	for (int v = 0; v < vectors; v++)
		found[v] = base[v] = vb_set(0);
	for (uint32_t p = 0; p < tree->planes; p++) {
		vb plane[4];
		for (int v = 0; v < vectors; v++)
			plane[v] = vb_set(-1);
		for (const trees_quick_test *end = test + planes[p]; test < end; test++) {
			const int8_t *code = codes + (int64_t)test->column * vectors * ROW_LANES;
			vb threshold = vb_broadcast4(test->threshold), clear = vb_broadcast4(test->clear);
			for (int v = 0; v < vectors; v++)
				plane[v] &= ~((vb_load(code + v * ROW_LANES) > threshold) & clear);
		}
		for (int v = 0; v < vectors; v++) {
			vb empty = found[v] == 0;
			if (p > 0)
				base[v] += empty & vb_set(8);
			found[v] |= plane[v] & empty;
		}
	}
	for (int v = 0; v < vectors; v++)
		vb_store(leaf + v * ROW_LANES, quick_lowest_bit(found[v], base[v]));
}

// Adds what the rows' leaves of `trees` consecutive trees give to their sums, in the order of the trees.
INLINE void quick_add_single(const trees_quick_tree *tree, const float *leaves, const int8_t *leaf, int64_t block, const int trees, float *sum)
{
	for (int64_t row = 0; row < block; row++) {
		float total = sum[row];
		for (int t = 0; t < trees; t++)
			total += leaves[tree[t].first_leaf + (uint8_t)leaf[t * block + row]];
		sum[row] = total;
	}
}

INLINE void trees_add_votes(const void *blob, uint32_t leaf, int64_t aggregate, float *sum, int64_t stride)
{
	const trees_range *range = (const trees_range *)trees_table(blob, TREES_RANGES) + leaf;
	const trees_vote *vote = (const trees_vote *)trees_table(blob, TREES_VOTES) + range->first;
	for (uint32_t i = 0; i < range->count; i++) {
		float *total = sum + vote[i].target * stride, weight = vote[i].weight;
		if (aggregate <= TREES_AVERAGE)
			*total += weight;
		else if (aggregate == TREES_MIN ? weight < *total : weight > *total)
			*total = weight;
	}
}

INLINE void quick_block(const inferd_step *step, const void *blob, const int8_t *codes, int8_t *leaf, float *sum, const int vectors)
{
	const int64_t *p = step->parameter, block = vectors * ROW_LANES;
	const trees_quick_tree *tree = trees_table(blob, TREES_QUICK_TREES);
	const uint32_t *planes = trees_table(blob, TREES_QUICK_PLANES), *target = trees_table(blob, TREES_TARGETS);
	const trees_quick_test *test = trees_table(blob, TREES_QUICK_TESTS);
	const void *leaves = trees_table(blob, TREES_QUICK_LEAVES);
	for (int64_t t = 0; t < p[TREES_COUNT]; t += TREE_GROUP) {
		int group = p[TREES_COUNT] - t < TREE_GROUP ? (int)(p[TREES_COUNT] - t) : TREE_GROUP;
		for (int i = 0; i < group; i++)
			quick_tree(tree + t + i, planes + tree[t + i].first_plane, test + tree[t + i].first_test, codes, vectors, leaf + i * block);
		if (p[TREES_SINGLE] >= 0 && group == TREE_GROUP) {
			quick_add_single(tree + t, leaves, leaf, block, TREE_GROUP, sum + p[TREES_SINGLE] * block);
			continue;
		}
		for (int i = 0; i < group; i++) {
			if (p[TREES_SINGLE] != TREES_SINGLE_VOTES) {
				quick_add_single(tree + t + i, leaves, leaf + i * block, block, 1, sum + target[t + i] * block);
				continue;
			}
			for (int64_t row = 0; row < block; row++) {
				uint32_t number = ((const uint32_t *)leaves)[tree[t + i].first_leaf + (uint8_t)leaf[i * block + row]];
				trees_add_votes(blob, number, p[TREES_AGGREGATE], sum + row, block);
			}
		}
	}
}

// X [rows, features] to scores [rows, targets] and labels [rows]; one tile a block of up to TREES_TILE_ROWS rows.
void INFERD_NAME(inferd_trees_quick)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter;
	const void *blob = inferd_address(step, bases, TREES_BLOB);
	int64_t first = tile * p[TREES_TILE_ROWS];
	int64_t rows = p[TREES_ROWS] - first < p[TREES_TILE_ROWS] ? p[TREES_ROWS] - first : p[TREES_TILE_ROWS];
	int64_t vectors = rows > 2 * ROW_LANES ? 4 : rows > ROW_LANES ? 2 : 1, block = vectors * ROW_LANES;
	float *sum = scratch;
	int8_t *leaf = (int8_t *)(sum + p[TREES_N_TARGETS] * block), *codes = leaf + TREE_GROUP * block;
	const float *x = (const float *)inferd_address(step, bases, TREES_X) + first * p[TREES_ROW_STRIDE];

	for (int64_t i = 0; i < p[TREES_N_TARGETS] * block; i++)
		sum[i] = trees_initial(p[TREES_AGGREGATE]);
	quick_encode(step, blob, x, rows, block, codes);
	if (vectors == 4)
		quick_block(step, blob, codes, leaf, sum, 4);
	else if (vectors == 2)
		quick_block(step, blob, codes, leaf, sum, 2);
	else
		quick_block(step, blob, codes, leaf, sum, 1);
	for (int64_t row = 0; row < rows; row++)
		trees_finish_row(step, bases, first + row, sum + row, block);
}

// Descends trees of any size without branches: eight lanes go down abreast, one level of each in turn, so that the latency
// of one lane's loads is covered by the others. The lanes are eight rows in one tree, or for rows that are left over eight
// trees for one row. Bound by the load ports: three loads a level and lane.
#include "finish.h"

enum { WALK_LANES = 8, WALK_CHECK_EVERY = 4, WALK_CHECKED_DEPTH = 8 };

// One level down. The comparison is written in assembler because compilers turn the lanes into vectors, element by element, or
// the carry into three instructions; this way a level takes eight and the lanes stay in registers.
INLINE uint32_t walk_level(const trees_record *tree, uint32_t at, const uint32_t *keys, uint32_t link_bits)
{
	const trees_record *record = tree + at;
	uint32_t link = record->link, next = link & ((1u << link_bits) - 1);
	__asm__("cmpl %[value], %[key]\n\tadcl $0, %[next]" // next += key < value
	        : [next] "+r"(next)
	        : [value] "r"(keys[(uint64_t)(link >> link_bits) * WALK_LANES]), [key] "m"(record->key)
	        : "cc");
	return next;
}

// Takes each lane to its leaf: eight rows in one tree (tree_step 0, key_step 1), or one row in eight trees (1 and 0). Deep trees are
// left as soon as every lane has arrived; nothing but a leaf has the greatest key.
INLINE void walk_descend(const trees_record *const *tree, const int tree_step, const uint32_t *keys, const int key_step, uint32_t depth,
                         uint32_t link_bits, uint32_t *at)
{
	uint32_t a[WALK_LANES] = {0};
	for (uint32_t level = 0; level < depth; level++) {
		__asm__("" : "+r"(keys)); // one base register: hoisted addresses of all lanes would not fit the registers
		for (int lane = 0; lane < WALK_LANES; lane++)
			a[lane] = walk_level(tree[lane * tree_step], a[lane], keys + lane * key_step, link_bits);
		if (depth > WALK_CHECKED_DEPTH && level % WALK_CHECK_EVERY == WALK_CHECK_EVERY - 1) {
			uint32_t all = UINT32_MAX;
			for (int lane = 0; lane < WALK_LANES; lane++)
				all &= tree[lane * tree_step][a[lane]].key;
			if (all == UINT32_MAX)
				break;
		}
	}
	memcpy(at, a, sizeof a);
}

// keys[column][lane] for the first `present` lanes.
static void walk_encode(const inferd_step *step, const void *blob, const float *x, int64_t present, uint32_t *keys)
{
	const trees_walk_column *column = trees_table(blob, TREES_WALK_COLUMNS);
	int64_t stride = step->parameter[TREES_ROW_STRIDE];
	for (int64_t c = 0; c < step->parameter[TREES_N_WALK_COLUMNS]; c++)
		for (int64_t lane = 0; lane < present; lane++)
			keys[c * WALK_LANES + lane] = trees_key(x[lane * stride + column[c].feature], column[c].missing);
}

INLINE void walk_add(const inferd_step *step, const void *blob, int64_t tree, uint32_t record, float *sum)
{
	const int64_t *p = step->parameter;
	uint32_t gives = ((const uint32_t *)trees_table(blob, TREES_WALK_LEAVES))[record];
	if (p[TREES_SINGLE] == TREES_SINGLE_VOTES) {
		trees_add_votes(blob, gives, p[TREES_AGGREGATE], sum, 1);
		return;
	}
	float weight;
	memcpy(&weight, &gives, sizeof weight);
	sum[((const uint32_t *)trees_table(blob, TREES_TARGETS))[tree]] += weight;
}

// All trees for one row, whose keys are in the first lane.
static void walk_row(const inferd_step *step, const void *blob, const uint32_t *keys, float *sum)
{
	const trees_walk_tree *tree = trees_table(blob, TREES_WALK_TREES);
	const trees_record *record = trees_table(blob, TREES_WALK_RECORDS);
	int64_t count = step->parameter[TREES_COUNT];
	uint32_t bits = (uint32_t)step->parameter[TREES_LINK_BITS];
	for (int64_t t = 0; t < count; t += WALK_LANES) {
		const trees_record *lane_tree[WALK_LANES];
		uint32_t at[WALK_LANES], depth = 0;
		for (int lane = 0; lane < WALK_LANES; lane++) {
			int64_t member = t + lane < count ? t + lane : count - 1;
			lane_tree[lane] = record + tree[member].first;
			depth = tree[member].depth > depth ? tree[member].depth : depth;
		}
		walk_descend(lane_tree, 1, keys, 0, depth, bits, at);
		for (int lane = 0; lane < WALK_LANES && t + lane < count; lane++)
			walk_add(step, blob, t + lane, tree[t + lane].first + at[lane], sum);
	}
}

// All trees for groups of eight rows: a tree stays in the first-level cache while every group passes through it.
static void walk_groups(const inferd_step *step, const void *blob, const uint32_t *keys, int64_t groups, float *sum)
{
	const int64_t *p = step->parameter, targets = p[TREES_N_TARGETS];
	const trees_walk_tree *tree = trees_table(blob, TREES_WALK_TREES);
	const trees_record *record = trees_table(blob, TREES_WALK_RECORDS);
	for (int64_t t = 0; t < p[TREES_COUNT]; t++) {
		const trees_record *root = record + tree[t].first;
		for (int64_t group = 0; group < groups; group++) {
			uint32_t at[WALK_LANES];
			walk_descend(&root, 0, keys + group * p[TREES_N_WALK_COLUMNS] * WALK_LANES, 1, tree[t].depth, (uint32_t)p[TREES_LINK_BITS], at);
			for (int lane = 0; lane < WALK_LANES; lane++)
				walk_add(step, blob, t, tree[t].first + at[lane], sum + (group * WALK_LANES + lane) * targets);
		}
	}
}

// X [rows, features] to scores [rows, targets] and labels [rows]; one tile a block of up to TREES_TILE_ROWS rows.
void INFERD_NAME(inferd_trees_walk)(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *p = step->parameter, targets = p[TREES_N_TARGETS], columns = p[TREES_N_WALK_COLUMNS];
	const void *blob = inferd_address(step, bases, TREES_BLOB);
	int64_t first = tile * p[TREES_TILE_ROWS];
	int64_t rows = p[TREES_ROWS] - first < p[TREES_TILE_ROWS] ? p[TREES_ROWS] - first : p[TREES_TILE_ROWS];
	int64_t groups = rows / WALK_LANES, grouped = groups * WALK_LANES;
	float *sum = scratch;
	uint32_t *keys = (uint32_t *)(sum + p[TREES_TILE_ROWS] * targets);
	const float *x = (const float *)inferd_address(step, bases, TREES_X) + first * p[TREES_ROW_STRIDE];

	for (int64_t i = 0; i < rows * targets; i++)
		sum[i] = trees_initial(p[TREES_AGGREGATE]);
	for (int64_t group = 0; group < groups; group++)
		walk_encode(step, blob, x + group * WALK_LANES * p[TREES_ROW_STRIDE], WALK_LANES, keys + group * columns * WALK_LANES);
	walk_groups(step, blob, keys, groups, sum);
	for (int64_t row = grouped; row < rows; row++) {
		walk_encode(step, blob, x + row * p[TREES_ROW_STRIDE], 1, keys);
		walk_row(step, blob, keys, sum + row * targets);
	}
	for (int64_t row = 0; row < rows; row++)
		trees_finish_row(step, bases, first + row, sum + row * targets, 1);
}

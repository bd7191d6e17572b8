// Descends trees of any size without branches: eight lanes go down abreast, one level of each in turn, so that the latency
// of one lane's loads is covered by the others. The lanes are eight rows in one tree, or for rows that are left over eight
// trees for one row. Bound by the load ports: three loads a level and lane.
#include "finish.h"

enum { WALK_LANES = 8, WALK_UNROLL = 4, WALK_CHECKED_DEPTH = 16 };

// One level down. `keys` holds the columns, each of WALK_LANES keys of four bytes.
INLINE uint32_t walk_level(const trees_record *tree, uint32_t at, const char *keys, int shift, uint32_t child_mask)
{
	trees_record record = tree[at];
	uint32_t column = (record.link >> shift) & ~(uint32_t)(WALK_LANES * 4 - 1);
	uint32_t value;
	memcpy(&value, keys + column, sizeof value);
	return (record.link & child_mask) + (value > record.key);
}

// Takes each lane to its leaf. Deep trees are left as soon as every lane has arrived: a leaf links to itself.
INLINE void walk_descend(const trees_record *const *tree, const char *const *keys, uint32_t depth, int64_t link_bits, uint32_t *at)
{
	int shift = (int)link_bits - 5;
	uint32_t child_mask = (uint32_t)((1ull << link_bits) - 1), before[WALK_LANES];
	for (int lane = 0; lane < WALK_LANES; lane++)
		at[lane] = 0;
	for (uint32_t level = 0; level < depth; level += WALK_UNROLL) {
		for (int i = 0; i < WALK_UNROLL; i++)
			for (int lane = 0; lane < WALK_LANES; lane++) {
				before[lane] = at[lane];
				at[lane] = walk_level(tree[lane], at[lane], keys[lane], shift, child_mask);
			}
		if (depth > WALK_CHECKED_DEPTH) {
			uint32_t moved = 0;
			for (int lane = 0; lane < WALK_LANES; lane++)
				moved |= before[lane] ^ at[lane];
			if (!moved)
				break;
		}
	}
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
	int64_t count = step->parameter[TREES_COUNT], bits = step->parameter[TREES_LINK_BITS];
	const char *lane_keys[WALK_LANES];
	for (int lane = 0; lane < WALK_LANES; lane++)
		lane_keys[lane] = (const char *)keys;
	for (int64_t t = 0; t < count; t += WALK_LANES) {
		const trees_record *lane_tree[WALK_LANES];
		uint32_t at[WALK_LANES], depth = 0;
		for (int lane = 0; lane < WALK_LANES; lane++) {
			int64_t member = t + lane < count ? t + lane : count - 1;
			lane_tree[lane] = record + tree[member].first;
			depth = tree[member].depth > depth ? tree[member].depth : depth;
		}
		walk_descend(lane_tree, lane_keys, depth, bits, at);
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
		const trees_record *lane_tree[WALK_LANES];
		for (int lane = 0; lane < WALK_LANES; lane++)
			lane_tree[lane] = record + tree[t].first;
		for (int64_t group = 0; group < groups; group++) {
			const char *lane_keys[WALK_LANES];
			uint32_t at[WALK_LANES];
			for (int lane = 0; lane < WALK_LANES; lane++)
				lane_keys[lane] = (const char *)(keys + group * p[TREES_N_WALK_COLUMNS] * WALK_LANES + lane);
			walk_descend(lane_tree, lane_keys, tree[t].depth, p[TREES_LINK_BITS], at);
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

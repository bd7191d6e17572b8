// The packed form of an ensemble, as pack.go writes it: a header of section offsets, then the sections, each 64-byte aligned.
#ifndef INFERD_TREES_TABLES_H
#define INFERD_TREES_TABLES_H

#include "step.h"

enum trees_section {
	TREES_WALK_COLUMNS,   // trees_walk_column by column
	TREES_WALK_TREES,     // trees_walk_tree by tree
	TREES_WALK_RECORDS,   // trees_record, each tree's own from its first on
	TREES_WALK_LEAVES,    // uint32 by record: what its leaf gives
	TREES_TARGETS,        // uint32 by tree: the target that all its leaves vote for, where TREES_SINGLE is set
	TREES_RANGES,         // trees_range by leaf number, into the votes
	TREES_VOTES,          // trees_vote
	TREES_QUICK_FEATURES, // trees_quick_feature
	TREES_QUICK_KEYS,     // uint32: each feature's thresholds in Eytzinger order, index 0 unused
	TREES_QUICK_COLUMNS,  // trees_quick_column
	TREES_QUICK_TREES,    // trees_quick_tree by tree
	TREES_QUICK_PLANES,   // uint32 by plane: its number of tests
	TREES_QUICK_TESTS,    // trees_quick_test
	TREES_QUICK_LEAVES,   // uint32 by tree and leaf: what it gives
	TREES_BASES,          // float by target
	TREES_LABELS,         // int64 by target
	TREES_SECTIONS,
};

// A column is a feature's ordered key with NaN replaced by the least or the greatest key.
typedef struct {
	uint32_t feature;
	uint32_t missing;
} trees_walk_column;

typedef struct {
	uint32_t first; // record
	uint32_t depth; // steps after which every row has arrived
} trees_walk_tree;

// One node. The top bits of `link` hold the column, the rest the record of the left child within the tree; the right
// child follows it. A leaf links to itself with a key that nothing exceeds.
typedef struct {
	uint32_t key;
	uint32_t link;
} trees_record;

typedef struct {
	uint32_t first;
	uint32_t count;
} trees_range;

typedef struct {
	uint32_t target;
	float weight;
} trees_vote;

// A feature's rank is the number of its thresholds below the value, found by a search of `levels` steps.
typedef struct {
	uint32_t feature;
	uint32_t levels;
	uint32_t first_key;
	uint32_t first_column;
	uint32_t columns;
} trees_quick_feature;

// A column of codes: the rank less `base`, limited to 0..255, less 128; `missing` for NaN.
typedef struct {
	int32_t base;
	int32_t missing;
} trees_quick_column;

typedef struct {
	uint32_t first_plane;
	uint32_t planes;
	uint32_t first_test;
	uint32_t first_leaf;
} trees_quick_tree;

// Where the code in `column` exceeds the threshold, the leaves in `clear` cannot be reached. A plane is eight leaves,
// a byte for each row. Both bytes are stored four times over, so that one load broadcasts them.
typedef struct {
	uint32_t column;
	uint32_t threshold;
	uint32_t clear;
} trees_quick_test;

enum trees_parameter {
	TREES_ROWS,
	TREES_ROW_STRIDE, // of X, in elements
	TREES_TILE_ROWS,
	TREES_COUNT,
	TREES_N_TARGETS,
	TREES_N_WALK_COLUMNS,
	TREES_N_QUICK_FEATURES,
	TREES_N_QUICK_COLUMNS,
	TREES_LINK_BITS, // of trees_record.link that hold the child
	TREES_SINGLE,    // the target that every leaf votes for exactly once; -1: each tree has its own; -2: leaves hold votes
	TREES_AGGREGATE,
	TREES_TRANSFORM, // SCORE_* of scores.h
	TREES_CLASSIFIER,
	TREES_BINARY,   // two classes, but votes for only one of them
	TREES_POSITIVE, // no weight is negative
	TREES_N_BASES,
};

enum { TREES_SINGLE_VARIES = -1, TREES_SINGLE_VOTES = -2 };
enum { TREES_SUM, TREES_AVERAGE, TREES_MIN, TREES_MAX };
enum { TREES_X, TREES_BLOB, TREES_SCORES, TREES_LABEL }; // operands

static inline const void *trees_table(const void *blob, enum trees_section section)
{
	return (const char *)blob + ((const uint64_t *)blob)[section];
}

// The integer that orders as the float does; see orderedKey in ensemble.go. Both zeros give the same key.
static inline uint32_t trees_key(float x, uint32_t missing)
{
	uint32_t bits;
	x += 0.0f;
	memcpy(&bits, &x, sizeof bits);
	uint32_t key = bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000u);
	return x != x ? missing : key;
}

#endif

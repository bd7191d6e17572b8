// Ensembles of decision trees: X [rows, features] to scores [rows, targets] and labels [rows].
//
// Bound by the latency of one node after the other, rows * trees * depth of them, each 16 bytes that are in a cache: so every pair of a row and a tree has a
// thread, and a block's rows lie in shared memory. What the trees give is then added up row by row and target by target in the order of the trees, as the
// CPU's kernels do, so that the sums are the same bits there and here and whatever rows share a block.
// The form of the nodes follows RAPIDS' forest inference library: one load a level.
#include "scores.cuh"

struct TreesArguments {
	const void *x;       // float [rows, features]
	const void *nodes;   // TreeNode
	const void *roots;   // uint32 by tree
	const void *targets; // uint32 by tree: what its leaves vote for, unless leaves have lists
	const void *weights; // float [leaves, targets]: the lists of votes
	const void *bases;   // float [bases]
	const void *names;   // int64 [targets]: labels
	void *scores;        // float [rows, targets]
	void *label;         // int64 [rows]; absent for a regressor
	int64_t rows, features, pitch; // pitch: of a row in shared memory; 0 where rows do not fit
	int32_t trees, targets_count, block_rows, block_trees;
	int32_t lists, aggregate, transform, classifier, binary, positive, bases_count;
};

// One node. Rows go right whose feature's key is greater. A leaf's key is what it gives: the bits of a weight, or the number of its list.
struct __align__(16) TreeNode {
	uint32_t key, feature, left, right;
};

constexpr uint32_t kIsLeaf = 0xffffffffu;       // as a feature
constexpr uint32_t kMissingRight = 0x80000000u; // of a feature: NaN goes right
constexpr uint32_t kMissing = 0xffffffffu;      // the key of NaN, which no number has

enum { TREES_SUM, TREES_AVERAGE, TREES_MIN, TREES_MAX };

// The integer that orders as the float does. Both zeros give the same key.
INLINE uint32_t ordered_key(float x)
{
	if (x != x)
		return kMissing;
	const uint32_t bits = __float_as_uint(x + 0.0f);
	return bits ^ (static_cast<uint32_t>(static_cast<int32_t>(bits) >> 31) | 0x80000000u);
}

// What the leaf gives that a row arrives at. Key(feature) is the row's key.
template <typename Key> INLINE uint32_t descend(const TreeNode *nodes, uint32_t root, const Key &key)
{
	TreeNode node = nodes[root];
	while (node.feature != kIsLeaf) {
		const uint32_t value = key(node.feature & ~kMissingRight);
		const bool right = value == kMissing ? (node.feature & kMissingRight) != 0 : value > node.key;
		node = nodes[right ? node.right : node.left];
	}
	return node.key;
}

// A sum starts at -0, which no sum of weights gives, so a sum that is still -0 had no vote.
INLINE float no_vote(int aggregate) { return aggregate == TREES_MIN ? INFINITY : aggregate == TREES_MAX ? -INFINITY : -0.0f; }

INLINE bool has_vote(float sum, int aggregate) { return aggregate <= TREES_AVERAGE ? __float_as_uint(sum) != 0x80000000u : !isinf(sum); }

INLINE float add_vote(float sum, float weight, int aggregate)
{
	if (aggregate <= TREES_AVERAGE)
		return sum + weight;
	return (aggregate == TREES_MIN ? weight < sum : weight > sum) ? weight : sum;
}

// Adds what a stretch of trees gave, gives[tree][row], to the sums of the block's rows, which lie where the scores will.
INLINE void add_trees(const TreesArguments &a, const uint32_t *gives, int first, int count, int rows, float *scores)
{
	const uint32_t *targets = static_cast<const uint32_t *>(a.targets) + first;
	const float *weights = static_cast<const float *>(a.weights);
	for (int i = static_cast<int>(threadIdx.x); i < rows * a.targets_count; i += static_cast<int>(blockDim.x)) {
		const int row = i / a.targets_count, target = i % a.targets_count;
		float sum = first == 0 ? no_vote(a.aggregate) : scores[i];
#pragma unroll 4
		for (int tree = 0; tree < count; tree++) {
			const uint32_t given = gives[tree * a.block_rows + row];
			if (a.lists)
				sum = add_vote(sum, weights[static_cast<int64_t>(given) * a.targets_count + target], a.aggregate);
			else if (targets[tree] == static_cast<uint32_t>(target))
				sum = add_vote(sum, __uint_as_float(given), a.aggregate);
		}
		scores[i] = sum;
	}
}

// As in onnxruntime one target alone takes no transform but PROBIT, and of several targets one that no leaf of the row voted for is 0 without its base value.
INLINE void finish_regressor(const TreesArguments &a, const float *bases, float *score)
{
	const int n = a.targets_count;
	for (int i = lane_of_thread(); i < n; i += kWarp) {
		const bool voted = has_vote(score[i], a.aggregate);
		float value = voted ? score[i] : 0.0f;
		if (a.aggregate == TREES_AVERAGE)
			value /= static_cast<float>(a.trees);
		score[i] = a.bases_count && (voted || n == 1) ? value + bases[i] : value;
	}
	if (n > 1 || a.transform == SCORE_PROBIT)
		score_transform(score, n, a.transform);
}

// Three classes or more: the label is the first greatest score among the classes that had a vote or have a base value.
INLINE int64_t finish_classes(const TreesArguments &a, const float *bases, float *score)
{
	Best best;
	for (int i = lane_of_thread(); i < a.targets_count; i += kWarp) {
		const bool voted = has_vote(score[i], TREES_SUM);
		float value = voted ? score[i] : 0.0f;
		if (a.bases_count)
			value = voted ? value + bases[i] : bases[i];
		score[i] = value;
		if (voted || a.bases_count)
			best.meet(value, i);
	}
	best = best_of_warp(best);
	score_transform(score, a.targets_count, a.transform);
	return best.index < 0 ? 0 : best.index;
}

// Only one of two classes has a score: the other's is its complement, its mirror image, or absent.
INLINE void spread_single(const TreesArguments &a, float value, bool pair, float *score)
{
	score[1] = 0.0f;
	if (a.transform == SCORE_PROBIT) {
		score[0] = score_probit(value);
	} else if (!pair) {
		score[0] = value;
	} else if (a.transform == SCORE_LOGISTIC) {
		score[0] = score_logistic(-value);
		score[1] = score_logistic(value);
	} else {
		score[0] = a.binary && a.positive ? 1.0f - value : -value;
		score[1] = value;
	}
}

// Two classes, by the rules that kernels/cpu/trees/finish.h explains. The result is the label's index, or -1 - label where onnxruntime answers 0 or 1 whatever the
// labels are. All lanes read before the first two write.
INLINE int64_t finish_pair(const TreesArguments &a, const float *bases, float *score)
{
	const float sum0 = score[0], sum1 = score[1];
	const bool voted0 = has_vote(sum0, TREES_SUM), voted1 = has_vote(sum1, TREES_SUM);
	float s0 = voted0 ? sum0 : 0.0f, s1 = voted1 ? sum1 : 0.0f;
	bool both = voted1;
	if (a.bases_count == 2) {
		both = true;
		if (voted1) {
			s1 = bases[1] + s0;
			s0 = -s1;
		} else {
			s0 += bases[0];
		}
	} else if (a.bases_count == 1) {
		s0 += bases[0];
	}
	const float decisive = voted1 ? s1 : voted0 ? s0 : 0.0f;
	const bool positive = decisive > (a.binary && a.positive ? 0.5f : 0.0f);
	__syncwarp();
	if (both) {
		if (lane_of_thread() < 2)
			score[lane_of_thread()] = lane_of_thread() == 0 ? (voted0 ? s0 : 0.0f) : (voted1 ? s1 : 0.0f);
		score_transform(score, 2, a.transform);
	} else if (lane_of_thread() == 0) {
		spread_single(a, s0, a.binary || a.bases_count == 0, score);
	}
	return a.binary ? positive : -1 - static_cast<int64_t>(positive);
}

INLINE int64_t finish_one(const TreesArguments &a, const float *bases, float *score)
{
	const float value = (has_vote(score[0], TREES_SUM) ? score[0] : 0.0f) + (a.bases_count ? bases[0] : 0.0f);
	__syncwarp(); // all lanes have read
	if (lane_of_thread() == 0)
		score[0] = a.transform == SCORE_PROBIT ? score_probit(value) : value;
	return -1 - static_cast<int64_t>(value > 0.0f);
}

INLINE void finish_row(const TreesArguments &a, int64_t row, float *score)
{
	const float *bases = static_cast<const float *>(a.bases);
	if (!a.classifier) {
		finish_regressor(a, bases, score);
		return;
	}
	const int n = a.targets_count;
	const int64_t index = n > 2 ? finish_classes(a, bases, score) : n == 2 ? finish_pair(a, bases, score) : finish_one(a, bases, score);
	if (a.label && lane_of_thread() == 0)
		static_cast<int64_t *>(a.label)[row] = index < 0 ? -1 - index : static_cast<const int64_t *>(a.names)[index];
}

// A block has block_rows rows, a power of two, and takes block_trees trees at a time. Neighbouring threads have neighbouring rows: they pass the same nodes near
// the root.
KERNEL(trees_f32, TreesArguments, 512)
{
	const TreesArguments &a = arguments;
	DYNAMIC_SHARED(uint32_t, keys);
	uint32_t *gives = keys + a.block_rows * a.pitch;
	const int64_t first = static_cast<int64_t>(blockIdx.x) * a.block_rows;
	const int rows = static_cast<int>(min(a.rows - first, static_cast<int64_t>(a.block_rows))), threads = static_cast<int>(blockDim.x);
	const float *x = static_cast<const float *>(a.x) + first * a.features;
	float *scores = static_cast<float *>(a.scores) + first * a.targets_count;
	const TreeNode *nodes = static_cast<const TreeNode *>(a.nodes);
	const uint32_t *roots = static_cast<const uint32_t *>(a.roots);
	if (a.pitch) {
		const int features = static_cast<int>(a.features);
		for (int i = static_cast<int>(threadIdx.x); i < rows * features; i += threads)
			keys[i / features * a.pitch + i % features] = ordered_key(x[i]);
		__syncthreads();
	}
	for (int tree = 0; tree < a.trees; tree += a.block_trees) {
		const int count = min(a.block_trees, a.trees - tree);
		for (int i = static_cast<int>(threadIdx.x); i < count * a.block_rows; i += threads) {
			const int row = i % a.block_rows;
			const uint32_t root = roots[tree + i / a.block_rows];
			if (row >= rows)
				continue;
			if (a.pitch)
				gives[i] = descend(nodes, root, [&](uint32_t feature) { return keys[row * a.pitch + feature]; });
			else
				gives[i] = descend(nodes, root, [&](uint32_t feature) { return ordered_key(x[row * a.features + feature]); });
		}
		__syncthreads();
		add_trees(a, gives, tree, count, rows, scores);
		__syncthreads();
	}
	for (int row = warp_of_thread(); row < rows; row += threads / kWarp)
		finish_row(a, first + row, scores + static_cast<int64_t>(row) * a.targets_count);
}

// Attention in float32: Y = softmax(scale Q K^T + mask) V for every head of a batch; Q [queries, size], K [keys, size], V [keys, value size].
//
// Bound by the multiply-adds, 2 * queries * keys * (size + value size) FLOP a head, of which the CUDA cores do all: tensor cores would round to TF32.
// Algorithm: Dao, "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", 2023. Scores never leave the registers; the keys'
// next tile is on its way while values are multiplied, and the values' while keys are.
//
// A block of 128 threads has 8 * Rows queries. A thread has Rows of them, and of each tile the keys and the columns that its place among 16 neighbours
// gives, so that one load of 16 bytes from shared memory feeds Rows * 4 multiply-adds or more. A row's sums have one order whatever Rows is.
#include "attention.cuh"

constexpr int kThreads = 128, kRowThreads = 16;

template <int Columns, int Rows> struct FloatAttention {
	using Rows4 = Tile<float, Columns>;
	static constexpr int kQueries = kThreads / kRowThreads * Rows;
	static constexpr int kKeys = Columns <= 64 ? 64 : 32;
	static constexpr int kThreadKeys = kKeys / kRowThreads; // neighbours have neighbouring keys
	static constexpr int kVector = Columns % 64 == 0 ? 4 : 2; // neighbouring columns of a thread
	static constexpr int kVectors = Columns / kRowThreads / kVector;

	float out[Rows][kVectors][kVector];
	AttentionRow row[Rows];
	int place, first; // among the neighbours; the first query of this thread
	int chunks;       // of a row of queries or keys

	// score = Q K^T for this thread's queries and keys.
	__device__ __forceinline__ void multiply_keys(const float *q, const float *k, float score[Rows][kThreadKeys])
	{
#pragma unroll 1
		for (int chunk = 0; chunk < chunks; chunk++) {
			Pack<float, 4> key[kThreadKeys];
#pragma unroll
			for (int j = 0; j < kThreadKeys; j++)
				key[j] = load<float, 4>(k + Rows4::at(place + j * kRowThreads, chunk));
#pragma unroll
			for (int i = 0; i < Rows; i++) {
				const Pack<float, 4> query = load<float, 4>(q + Rows4::at(first + i, chunk));
#pragma unroll
				for (int j = 0; j < kThreadKeys; j++)
#pragma unroll
					for (int e = 0; e < 4; e++)
						score[i][j] += query.at[e] * key[j].at[e];
			}
		}
	}

	// Calls change with each score of this thread, its query and its key in the tile, if a condition holds that all threads agree on.
	template <typename Change> __device__ __forceinline__ void for_each_score(const Change &change, bool condition, float score[Rows][kThreadKeys])
	{
		if (!condition)
			return;
#pragma unroll
		for (int i = 0; i < Rows; i++)
#pragma unroll
			for (int j = 0; j < kThreadKeys; j++)
				change(score[i][j], i, place + j * kRowThreads);
	}

	// Scales and masks where there is need to; keys that do not exist count as masked.
	__device__ __forceinline__ void prepare(const AttentionScores<float> &scores, int64_t tile, int64_t keys, float score[Rows][kThreadKeys])
	{
		const int there = static_cast<int>(min(keys - tile, static_cast<int64_t>(kKeys)));
		for_each_score([&](float &x, int, int) { x *= scores.before; }, scores.scaled, score);
		for_each_score([&](float &x, int i, int key) { x += scores.added(scores.mask_at(first + i, tile), min(key, there - 1)); }, scores.mask, score);
		for_each_score([&](float &x, int, int key) { x = key < there ? x : -INFINITY; }, there < kKeys, score);
	}

	// Replaces scores by weights, and shrinks what was summed up with lesser ones.
	__device__ __forceinline__ void weigh(float factor, float score[Rows][kThreadKeys])
	{
#pragma unroll
		for (int i = 0; i < Rows; i++) {
			float greatest = score[i][0];
#pragma unroll
			for (int j = 1; j < kThreadKeys; j++)
				greatest = fmaxf(greatest, score[i][j]);
#pragma unroll
			for (int distance = kRowThreads / 2; distance > 0; distance /= 2)
				greatest = fmaxf(greatest, __shfl_xor_sync(kAllLanes, greatest, distance));
			const float shrink = row[i].raise(greatest, factor);
#pragma unroll
			for (int n = 0; n < kVectors; n++)
#pragma unroll
				for (int e = 0; e < kVector; e++)
					out[i][n][e] *= shrink;
#pragma unroll
			for (int j = 0; j < kThreadKeys; j++)
				score[i][j] = row[i].weigh(score[i][j], factor);
		}
	}

	// out += weights * V. Weights go from thread to thread through the warp's own part of shared memory.
	__device__ __forceinline__ void multiply_values(const float *v, float *exchange, const float score[Rows][kThreadKeys])
	{
		float *own = exchange + lane_of_thread() / kRowThreads * kRowThreads;
		__syncwarp();
#pragma unroll
		for (int i = 0; i < Rows; i++)
#pragma unroll
			for (int j = 0; j < kThreadKeys; j++)
				own[(i * kThreadKeys + j) * kWarp + place] = score[i][j];
		__syncwarp();
#pragma unroll 1
		for (int key = 0; key < kKeys; key += 4) {
			Pack<float, 4> weight[Rows];
#pragma unroll
			for (int i = 0; i < Rows; i++)
				weight[i] = load<float, 4>(own + (i * kThreadKeys + key / kRowThreads) * kWarp + key % kRowThreads);
#pragma unroll
			for (int e = 0; e < 4; e++)
				add_value(v, key + e, e, weight);
		}
	}

	__device__ __forceinline__ void add_value(const float *v, int key, int e, const Pack<float, 4> weight[Rows])
	{
#pragma unroll
		for (int n = 0; n < kVectors; n++) {
			const int column = (n * kRowThreads + place) * kVector;
			const Pack<float, kVector> value = load<float, kVector>(v + Rows4::at(key, column / 4) + column % 4);
#pragma unroll
			for (int i = 0; i < Rows; i++)
#pragma unroll
				for (int c = 0; c < kVector; c++)
					out[i][n][c] += weight[i].at[e] * value.at[c];
		}
	}

	__device__ __forceinline__ void finish(const AttentionArguments &a, const AttentionBlock &block)
	{
		float *y = static_cast<float *>(a.y) + block.batch * a.y_stride.batch + block.head * a.y_stride.head + (block.first + first) * a.y_stride.row;
#pragma unroll
		for (int i = 0; i < Rows; i++) {
			float sum = row[i].sum;
#pragma unroll
			for (int distance = kRowThreads / 2; distance > 0; distance /= 2)
				sum += __shfl_xor_sync(kAllLanes, sum, distance);
			if (block.first + first + i >= a.queries)
				continue;
			const float factor = 1.0f / sum;
#pragma unroll
			for (int n = 0; n < kVectors; n++) {
				const int column = (n * kRowThreads + place) * kVector;
				Pack<float, kVector> pack;
#pragma unroll
				for (int c = 0; c < kVector; c++)
					pack.at[c] = out[i][n][c] * factor;
				float *to = y + i * a.y_stride.row + column;
				if (a.wide_y && column < a.value_size) {
					store(to, pack);
					continue;
				}
#pragma unroll
				for (int c = 0; c < kVector; c++)
					if (column + c < a.value_size)
						to[c] = pack.at[c];
			}
		}
	}

	__device__ __forceinline__ void run(const AttentionArguments &a)
	{
		DYNAMIC_SHARED(float, shared);
		float *q = shared, *k = q + kQueries * Columns, *v = k + kKeys * Columns;
		float *exchange = v + kKeys * Columns + warp_of_thread() * Rows * kThreadKeys * kWarp;
		const AttentionBlock block = attention_block(a, kQueries);
		const AttentionScores<float> scores(a, block);
		const float *keys = attention_head<float>(a.k, a.k_stride, block), *values = attention_head<float>(a.v, a.v_stride, block);
		place = lane_of_thread() % kRowThreads;
		first = static_cast<int>(threadIdx.x) / kRowThreads * Rows;
		chunks = padded(a.head_size) / Rows4::kChunk;
#pragma unroll
		for (int i = 0; i < Rows; i++)
#pragma unroll
			for (int n = 0; n < kVectors; n++)
#pragma unroll
				for (int c = 0; c < kVector; c++)
					out[i][n][c] = 0.0f;
		Rows4::template load_rows<kThreads>(q, kQueries, attention_head<float>(a.q, a.q_stride, block) + block.first * a.q_stride.row, a.q_stride.row,
			a.queries - block.first, a.head_size, a.wide, 0, 1);
		Rows4::template load_rows<kThreads>(k, kKeys, keys, a.k_stride.row, a.keys, a.head_size, a.wide, 0, 1);
		commit_copies();
		for (int64_t tile = 0; tile < a.keys; tile += kKeys) {
			wait_for_copies<0>();
			__syncthreads(); // the keys are there, and nobody reads the last values any more
			Rows4::template load_rows<kThreads>(v, kKeys, values + tile * a.v_stride.row, a.v_stride.row, a.keys - tile, a.value_size, a.wide, 0, 1);
			commit_copies();
			float score[Rows][kThreadKeys] = {};
			multiply_keys(q, k, score);
			wait_for_copies<0>();
			__syncthreads(); // the values are there, and nobody reads these keys any more
			const int64_t next = tile + kKeys;
			if (next < a.keys)
				Rows4::template load_rows<kThreads>(k, kKeys, keys + next * a.k_stride.row, a.k_stride.row, a.keys - next, a.head_size, a.wide, 0, 1);
			commit_copies();
			prepare(scores, tile, a.keys, score);
			weigh(scores.factor, score);
			multiply_values(v, exchange, score);
		}
		finish(a, block);
	}
};

template <int Columns, int Rows> INLINE void attention(const AttentionArguments &a)
{
	FloatAttention<Columns, Rows> state;
	state.run(a);
}

KERNEL(attention_f32_d32_q64, AttentionArguments, kThreads) { attention<32, 8>(arguments); }
KERNEL(attention_f32_d32_q8, AttentionArguments, kThreads) { attention<32, 1>(arguments); }
KERNEL(attention_f32_d64_q64, AttentionArguments, kThreads) { attention<64, 8>(arguments); }
KERNEL(attention_f32_d64_q8, AttentionArguments, kThreads) { attention<64, 1>(arguments); }
KERNEL(attention_f32_d128_q64, AttentionArguments, kThreads) { attention<128, 8>(arguments); }
KERNEL(attention_f32_d128_q8, AttentionArguments, kThreads) { attention<128, 1>(arguments); }

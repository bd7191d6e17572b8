// Attention on tensor cores: Y = softmax(scale Q K^T + mask) V for every head of a batch, elements of two bytes, sums in float.
//
// Bound by the multiply-adds, 2 * queries * keys * (size + value size) FLOP a head, and with few queries by the bytes of keys and values. Algorithm: Dao,
// "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", 2023. Scores stay in the registers in which the first product leaves
// them, which is how the second one wants its left operand; two tiles of keys and values alternate, so that one is on its way while the other is used.
//
// Usually a warp has Groups * 16 queries and all keys. Where there are so few queries that one warp has them all, the warps of a block share each tile's
// keys and add up what they have at the end, always in the same order.
#include "attention.cuh"

// Two floats, rounded, in one register.
INLINE uint32_t register_of(half_t, float low, float high)
{
#if defined(__CUDACC__)
	const __half2 pair = __floats2half2_rn(low, high);
	return *reinterpret_cast<const uint32_t *>(&pair);
#else
	return __float2half(low).bits | static_cast<uint32_t>(__float2half(high).bits) << 16;
#endif
}

INLINE uint32_t register_of(bfloat_t, float low, float high)
{
#if defined(__CUDACC__)
	const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
	return *reinterpret_cast<const uint32_t *>(&pair);
#else
	return __float2bfloat16(low).bits | static_cast<uint32_t>(__float2bfloat16(high).bits) << 16;
#endif
}

// Products that follow each other are unrolled, and multiply() of ptx.cuh is in line, but for bfloat16 on a Turing: there it is done by hand, and long.
template <typename T> constexpr int kUnrolled = 16;
#if defined(__CUDA_ARCH__) && !defined(INFERD_AMPERE)
template <> constexpr int kUnrolled<bfloat_t> = 1;

static __device__ __noinline__ float4 multiply_out_of_line(float4 c, uint4 a, uint2 b)
{
	float sums[4] = {c.x, c.y, c.z, c.w};
	multiply(bfloat_t(), sums, {a.x, a.y, a.z, a.w}, {b.x, b.y});
	return make_float4(sums[0], sums[1], sums[2], sums[3]);
}

INLINE void multiply_shortly(bfloat_t, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
	const float4 sums = multiply_out_of_line(make_float4(c[0], c[1], c[2], c[3]), make_uint4(a[0], a[1], a[2], a[3]), make_uint2(b[0], b[1]));
	c[0] = sums.x, c[1] = sums.y, c[2] = sums.z, c[3] = sums.w;
}
#else
INLINE void multiply_shortly(bfloat_t, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { multiply(bfloat_t(), c, a, b); }
#endif

INLINE void multiply_shortly(half_t, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { multiply(half_t(), c, a, b); }

// A row of the accumulators lies in four neighbouring lanes.
INLINE float greatest_of_row(float x)
{
	x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, 1));
	return fmaxf(x, __shfl_xor_sync(kAllLanes, x, 2));
}

INLINE float sum_of_row(float x)
{
	x += __shfl_xor_sync(kAllLanes, x, 1);
	return x + __shfl_xor_sync(kAllLanes, x, 2);
}

// Tiles are as large as lets two blocks of the largest kind run on a multiprocessor, and one on a Turing, whose 64 KiB they use up.
template <int Columns> constexpr int kTensorKeys = Columns <= 64 ? 64 : 32;
// Warps that share the keys of a tile where queries are few: each needs 16 keys, the depth of a product.
template <int Columns> constexpr int kTensorShares = kTensorKeys<Columns> / 16;

template <typename T, int Columns, int Groups, bool Shared> struct TensorAttention {
	using Rows = Tile<T, Columns>;
	static constexpr int kWarps = Shared ? kTensorShares<Columns> : 4, kThreads = kWarps * kWarp;
	static constexpr int kQueries = Shared ? 16 : kWarps * Groups * 16;
	static constexpr int kKeys = kTensorKeys<Columns>, kWarpKeys = Shared ? 16 : kKeys;
	static constexpr int kScores = kWarpKeys / 8, kOut = Columns / 8, kDepth = Columns / 16; // products side by side, and one after the other
	static constexpr bool kHolds = Groups == 1; // queries stay in registers, where there is room
	static_assert(!Shared || Groups == 1, "warps share 16 queries");

	float out[Groups][kOut][4];
	AttentionRow row[Groups][2];
	uint32_t held[kHolds ? kDepth : 1][Groups][4];
	int lane, first_query, first_key; // of the warp, within the block's tiles

	// The left operand of a product: queries of a group, 16 columns.
	__device__ __forceinline__ void load_queries(const T *q, int group, int depth, uint32_t (&to)[4])
	{
		load_matrices<false>(to, q + Rows::at(first_query + group * 16 + lane % 16, depth * 2 + lane / 16));
	}

	__device__ __forceinline__ void hold_queries(const T *q)
	{
		if constexpr (kHolds) {
#pragma unroll
			for (int depth = 0; depth < kDepth; depth++)
#pragma unroll
				for (int group = 0; group < Groups; group++)
					load_queries(q, group, depth, held[depth][group]);
		}
	}

	__device__ __forceinline__ void multiply_keys(const T *q, const T *k, float (&score)[Groups][kScores][4])
	{
#pragma unroll kUnrolled<T>
		for (int depth = 0; depth < kDepth; depth++) {
			if constexpr (!kHolds) {
#pragma unroll
				for (int group = 0; group < Groups; group++)
					load_queries(q, group, depth, held[0][group]);
			}
#pragma unroll
			for (int n = 0; n < kScores; n += 2) {
				uint32_t key[4]; // of 16 keys, first and last eight columns each
				load_matrices<false>(key, k + Rows::at(first_key + n * 8 + lane / 16 * 8 + lane % 8, depth * 2 + lane / 8 % 2));
#pragma unroll
				for (int group = 0; group < Groups; group++) {
					multiply_shortly(T(), score[group][n], held[kHolds ? depth : 0][group], {key[0], key[1]});
					multiply_shortly(T(), score[group][n + 1], held[kHolds ? depth : 0][group], {key[2], key[3]});
				}
			}
		}
	}

	// Calls change with each score of this lane, its query in the block and its key in the warp's part of the tile, if a condition holds that all agree on.
	template <typename Change> __device__ __forceinline__ void for_each_score(const Change &change, bool condition, float (&score)[Groups][kScores][4])
	{
		if (!condition)
			return;
#pragma unroll
		for (int group = 0; group < Groups; group++)
#pragma unroll
			for (int e = 0; e < 4; e++)
#pragma unroll
				for (int n = 0; n < kScores; n++)
					change(score[group][n][e], first_query + group * 16 + e / 2 * 8 + lane / 4, n * 8 + lane % 4 * 2 + e % 2);
	}

	// Scales and masks where there is need to; keys that do not exist count as masked.
	__device__ __forceinline__ void prepare(const AttentionScores<T> &scores, int64_t tile, int64_t keys, float (&score)[Groups][kScores][4])
	{
		const int there = static_cast<int>(min(keys - tile, static_cast<int64_t>(kKeys))) - first_key;
		for_each_score([&](float &x, int, int) { x *= scores.before; }, scores.scaled, score);
		for_each_score([&](float &x, int query, int key) { x += scores.added(scores.mask_at(query, tile + first_key), min(key, there - 1)); }, scores.mask, score);
		for_each_score([&](float &x, int, int key) { x = key < there ? x : -INFINITY; }, there < kWarpKeys, score);
	}

	// Replaces scores by weights, and shrinks what was summed up with lesser ones.
	__device__ __forceinline__ void weigh(float factor, float (&score)[Groups][kScores][4])
	{
#pragma unroll
		for (int group = 0; group < Groups; group++)
#pragma unroll
			for (int half = 0; half < 2; half++) {
				AttentionRow &r = row[group][half];
				float greatest = -INFINITY;
#pragma unroll
				for (int n = 0; n < kScores; n++)
					greatest = fmaxf(greatest, fmaxf(score[group][n][2 * half], score[group][n][2 * half + 1]));
				const float shrink = r.raise(greatest_of_row(greatest), factor);
#pragma unroll
				for (int n = 0; n < kOut; n++) {
					out[group][n][2 * half] *= shrink;
					out[group][n][2 * half + 1] *= shrink;
				}
#pragma unroll
				for (int n = 0; n < kScores; n++) {
					score[group][n][2 * half] = r.weigh(score[group][n][2 * half], factor);
					score[group][n][2 * half + 1] = r.weigh(score[group][n][2 * half + 1], factor);
				}
			}
	}

	__device__ __forceinline__ void multiply_values(const T *v, const float (&score)[Groups][kScores][4])
	{
#pragma unroll kUnrolled<T>
		for (int depth = 0; depth < kScores; depth += 2) {
			uint32_t weight[Groups][4];
#pragma unroll
			for (int group = 0; group < Groups; group++)
#pragma unroll
				for (int i = 0; i < 4; i++)
					weight[group][i] = register_of(T(), score[group][depth + i / 2][i % 2 * 2], score[group][depth + i / 2][i % 2 * 2 + 1]);
#pragma unroll
			for (int n = 0; n < kOut; n += 2) {
				uint32_t value[4]; // of 16 columns, first and last eight keys each
				load_matrices<true>(value, v + Rows::at(first_key + depth * 8 + lane % 16, n + lane / 16));
#pragma unroll
				for (int group = 0; group < Groups; group++) {
					multiply_shortly(T(), out[group][n], weight[group], {value[0], value[1]});
					multiply_shortly(T(), out[group][n + 1], weight[group], {value[2], value[3]});
				}
			}
		}
	}

	// The results of the warp's own queries, over the place where these lay.
	__device__ __forceinline__ void write_rows(T *tile)
	{
		__syncwarp(); // all lanes have read their queries
#pragma unroll
		for (int group = 0; group < Groups; group++)
#pragma unroll
			for (int half = 0; half < 2; half++) {
				const float factor = 1.0f / sum_of_row(row[group][half].sum);
				const int query = first_query + group * 16 + half * 8 + lane / 4;
#pragma unroll
				for (int n = 0; n < kOut; n++)
					*reinterpret_cast<uint32_t *>(tile + Rows::at(query, n) + lane % 4 * 2) =
						register_of(T(), out[group][n][2 * half] * factor, out[group][n][2 * half + 1] * factor);
			}
	}

	// Adds up what the warps have of the same queries. `parts` holds, for each warp, sums of rows, greatest scores and results.
	__device__ __forceinline__ void join(float *parts, float factor, T *tile)
	{
		constexpr int kPart = 16 * (Columns + 2);
		float *own = parts + warp_of_thread() * kPart;
#pragma unroll
		for (int half = 0; half < 2; half++) {
			const int query = half * 8 + lane / 4;
			own[query] = sum_of_row(row[0][half].sum);
			own[16 + query] = row[0][half].greatest;
#pragma unroll
			for (int n = 0; n < kOut; n++)
#pragma unroll
				for (int e = 0; e < 2; e++)
					own[32 + query * Columns + n * 8 + lane % 4 * 2 + e] = out[0][n][2 * half + e];
		}
		__syncthreads();
		for (int i = static_cast<int>(threadIdx.x); i < 16 * Columns; i += kThreads) {
			const int query = i / Columns, column = i % Columns;
			AttentionRow total;
			float result = 0.0f;
			for (int w = 0; w < kWarps; w++)
				total.raise(parts[w * kPart + 16 + query], factor);
			for (int w = 0; w < kWarps; w++) {
				const float *part = parts + w * kPart;
				const float share = exponential2(fmaf(part[16 + query], factor, -total.anchor));
				total.sum += share * part[query];
				result += share * part[32 + i];
			}
			tile[Rows::at(query, column / Rows::kChunk) + column % Rows::kChunk] = from_float<T>(result / total.sum);
		}
	}

	__device__ __forceinline__ void run(const AttentionArguments &a)
	{
		DYNAMIC_SHARED(T, shared);
		constexpr int kTile = kKeys * Columns;
		T *q = shared, *stages = q + kQueries * Columns; // a stage is a tile of keys, then one of values
		const AttentionBlock block = attention_block(a, kQueries);
		const AttentionScores<T> scores(a, block);
		const T *keys = attention_head<T>(a.k, a.k_stride, block), *values = attention_head<T>(a.v, a.v_stride, block);
		const auto load_stage = [&](T *stage, int64_t tile) {
			Rows::template load_rows<kKeys, kThreads>(stage, keys + tile * a.k_stride.row, a.k_stride.row, a.keys - tile, a.head_size, a.wide);
			Rows::template load_rows<kKeys, kThreads>(stage + kTile, values + tile * a.v_stride.row, a.v_stride.row, a.keys - tile, a.value_size, a.wide);
		};
		lane = lane_of_thread();
		first_query = Shared ? 0 : warp_of_thread() * Groups * 16;
		first_key = Shared ? warp_of_thread() * 16 : 0;
#pragma unroll
		for (int group = 0; group < Groups; group++)
#pragma unroll
			for (int n = 0; n < kOut; n++)
#pragma unroll
				for (int e = 0; e < 4; e++)
					out[group][n][e] = 0.0f;
		Rows::template load_rows<kQueries, kThreads>(
			q, attention_head<T>(a.q, a.q_stride, block) + block.first * a.q_stride.row, a.q_stride.row, a.queries - block.first, a.head_size, a.wide);
		commit_copies();
		load_stage(stages, 0);
		commit_copies();
		wait_for_copies<1>();
		__syncthreads(); // the queries are there
		hold_queries(q);
		int stage = 0;
		for (int64_t tile = 0; tile < a.keys; tile += kKeys, stage ^= 1) {
			wait_for_copies<0>();
			__syncthreads(); // this tile is there, and nobody reads the one before any more
			const T *k = stages + stage * 2 * kTile, *v = k + kTile;
			if (tile + kKeys < a.keys)
				load_stage(stages + (stage ^ 1) * 2 * kTile, tile + kKeys);
			commit_copies();
			float score[Groups][kScores][4] = {};
			multiply_keys(q, k, score);
			prepare(scores, tile, a.keys, score);
			weigh(scores.factor, score);
			multiply_values(v, score);
		}
		if constexpr (Shared) {
			__syncthreads(); // nobody reads keys and values any more
			join(reinterpret_cast<float *>(stages), scores.factor, q);
		} else {
			write_rows(q);
		}
		__syncthreads();
		T *y = static_cast<T *>(a.y) + block.batch * a.y_stride.batch + block.head * a.y_stride.head + block.first * a.y_stride.row;
		Rows::template store_rows<kQueries, kThreads>(q, y, a.y_stride.row, a.queries - block.first, a.value_size, a.wide_y);
	}
};

template <typename T, int Columns, int Groups, bool Shared> INLINE void attention(const AttentionArguments &a)
{
	TensorAttention<T, Columns, Groups, Shared> state;
	state.run(a);
}

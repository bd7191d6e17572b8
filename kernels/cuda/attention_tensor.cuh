// Attention on tensor cores: Y = softmax(scale Q K^T + mask) V for every head of a batch, elements of two bytes, or float multiplied as TF32; sums in float.
//
// Bound by the multiply-adds, 2 * queries * keys * (size + value size) FLOP a head, and with few queries by the bytes of keys and values. Algorithm: Dao,
// "FlashAttention-2: Faster Attention with Better Parallelism and Work Partitioning", 2023. Scores stay in the registers in which the first product leaves
// them, which is how the second one wants its left operand; two tiles of keys and values alternate, so that one is on its way while the other is used.
//
// Usually a warp has Groups * 16 queries and all keys, and a block two or four warps. Where there are so few queries that one warp has them all, the warps of a block share each tile's
// keys and add up what they have at the end, always in the same order.
#include "attention.cuh"

// What the tensor cores multiply where elements are T.
template <typename T> struct ProductOf {
	using Type = T;
};
template <> struct ProductOf<float> {
	using Type = tfloat_t;
};

// Rounds what load_matrices brought, where products round.
template <typename T> INLINE void round_operand(uint32_t (&operand)[4])
{
	if constexpr (kSame<T, float>) {
#pragma unroll
		for (int i = 0; i < 4; i++)
			operand[i] = round_to_tfloat(operand[i]);
	}
}

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

// Products that follow each other are unrolled, and multiply() of ptx.cuh is in line, but for bfloat16 and TF32 on a Turing: there it is done by hand, and long.
#if defined(__CUDA_ARCH__) && !defined(INFERD_AMPERE)
template <typename T> constexpr bool kByHand = !kSame<T, half_t>;

template <typename T> OUTLINE float4 multiply_out_of_line(float4 c, uint4 a, uint2 b)
{
	float sums[4] = {c.x, c.y, c.z, c.w};
	multiply(typename ProductOf<T>::Type(), sums, {a.x, a.y, a.z, a.w}, {b.x, b.y});
	return make_float4(sums[0], sums[1], sums[2], sums[3]);
}
#else
template <typename T> constexpr bool kByHand = false;
#endif
template <typename T> constexpr int kUnrolled = kByHand<T> ? 1 : 16;

template <typename T> INLINE void multiply_shortly(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
#if defined(__CUDA_ARCH__) && !defined(INFERD_AMPERE)
	if constexpr (kByHand<T>) {
		const float4 sums = multiply_out_of_line<T>(make_float4(c[0], c[1], c[2], c[3]), make_uint4(a[0], a[1], a[2], a[3]), make_uint2(b[0], b[1]));
		c[0] = sums.x, c[1] = sums.y, c[2] = sums.z, c[3] = sums.w;
		return;
	} else
#endif
		multiply(typename ProductOf<T>::Type(), c, a, b);
}

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
template <typename T, int Columns> constexpr int kTensorKeys = (Columns <= 64 ? 128 : 64) / static_cast<int>(sizeof(T));
// Warps that share the keys of a tile where queries are few: each needs 16 keys, the depth of a product.
template <typename T, int Columns> constexpr int kTensorShares = kTensorKeys<T, Columns> / 16;

template <typename T, int Columns, int Groups, bool Shared> struct TensorAttention {
	using Rows = Tile<T, Columns>;
	static constexpr int kWarps = Shared ? kTensorShares<T, Columns> : 2, kTeam = kWarps * kWarp; // a block is one or two teams of threads
	static constexpr int kKeys = kTensorKeys<T, Columns>, kWarpKeys = Shared ? 16 : kKeys;
	static constexpr int kScores = kWarpKeys / 8, kOut = Columns / 8; // products side by side
	static constexpr int kDepth = Rows::kChunks / 2;                  // and one after the other: a product is 32 bytes deep
	static constexpr bool kHolds = Shared; // queries stay in registers, where there is room
	static_assert(!Shared || Groups == 1, "warps share 16 queries");

	float out[Groups][kOut][4];
	AttentionRow row[Groups][2];
	uint32_t held[kHolds ? kDepth : 1][Groups][4];
	int lane, first_query, first_key; // of the warp, within the block's tiles
	int depths, widths;               // products that the heads' sizes take, of kDepth and kOut

	// The left operand of a product: queries of a group, 32 bytes of columns.
	__device__ __forceinline__ void load_queries(const T *q, int group, int depth, uint32_t (&to)[4])
	{
		load_matrices<false>(to, q + Rows::at(first_query + group * 16 + lane % 16, depth * 2 + lane / 16));
		round_operand<T>(to);
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
			if (depth >= depths)
				break;
			if constexpr (!kHolds) {
#pragma unroll
				for (int group = 0; group < Groups; group++)
					load_queries(q, group, depth, held[0][group]);
			}
#pragma unroll
			for (int n = 0; n < kScores; n += 2) {
				uint32_t key[4]; // of 16 keys, first and last 16 bytes each
				load_matrices<false>(key, k + Rows::at(first_key + n * 8 + lane / 16 * 8 + lane % 8, depth * 2 + lane / 8 % 2));
				round_operand<T>(key);
#pragma unroll
				for (int group = 0; group < Groups; group++) {
					multiply_shortly<T>(score[group][n], held[kHolds ? depth : 0][group], {key[0], key[1]});
					multiply_shortly<T>(score[group][n + 1], held[kHolds ? depth : 0][group], {key[2], key[3]});
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

	// The same for TF32, whose products are eight keys deep. Which key is which column of the left operand and row of the right one is free as long as they
	// agree: a lane has scores of neighbouring keys, and they become columns four apart.
	__device__ __forceinline__ void multiply_float_values(const float *v, const float (&score)[Groups][kScores][4])
	{
#pragma unroll kUnrolled<T>
		for (int depth = 0; depth < kScores; depth++) {
			uint32_t weight[Groups][4];
#pragma unroll
			for (int group = 0; group < Groups; group++)
#pragma unroll
				for (int i = 0; i < 4; i++)
					weight[group][i] = round_to_tfloat(__float_as_uint(score[group][depth][i % 2 * 2 + i / 2]));
			const int key = first_key + depth * 8 + lane % 4 * 2;
#pragma unroll
			for (int n = 0; n < kOut; n++) {
				if (n >= widths)
					break;
				const int column = n * 8 + lane / 4;
				uint32_t value[2];
#pragma unroll
				for (int i = 0; i < 2; i++)
					value[i] = round_to_tfloat(__float_as_uint(v[Rows::at(key + i, column / Rows::kChunk) + column % Rows::kChunk]));
#pragma unroll
				for (int group = 0; group < Groups; group++)
					multiply_shortly<T>(out[group][n], weight[group], value);
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
				if (n >= widths)
					break;
				uint32_t value[4]; // of 16 columns, first and last eight keys each
				load_matrices<true>(value, v + Rows::at(first_key + depth * 8 + lane % 16, n + lane / 16));
#pragma unroll
				for (int group = 0; group < Groups; group++) {
					multiply_shortly<T>(out[group][n], weight[group], {value[0], value[1]});
					multiply_shortly<T>(out[group][n + 1], weight[group], {value[2], value[3]});
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
				for (int n = 0; n < kOut; n++) {
					const int column = n * 8 + lane % 4 * 2;
					T *to = tile + Rows::at(query, column / Rows::kChunk) + column % Rows::kChunk;
					const float low = out[group][n][2 * half] * factor, high = out[group][n][2 * half + 1] * factor;
					if constexpr (kSame<T, float>)
						store(to, Pack<float, 2>{low, high});
					else
						*reinterpret_cast<uint32_t *>(to) = register_of(T(), low, high);
				}
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
		for (int i = static_cast<int>(threadIdx.x); i < 16 * Columns; i += kTeam) {
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
		const int team = Shared ? 0 : static_cast<int>(threadIdx.x) / kTeam, teams = Shared ? 1 : static_cast<int>(blockDim.x) / kTeam;
		const int queries = Shared ? 16 : teams * kWarps * Groups * 16;
		T *q = shared, *stages = q + queries * Columns; // a stage is a tile of keys, then one of values
		const AttentionBlock block = attention_block(a, queries);
		const AttentionScores<T> scores(a, block);
		const T *keys = attention_head<T>(a.k, a.k_stride, block), *values = attention_head<T>(a.v, a.v_stride, block);
		const auto load_stage = [&](T *stage, int64_t tile) {
			const int64_t left = a.keys - tile;
			Rows::template load_rows<kTeam>(stage, kKeys, keys + tile * a.k_stride.row, a.k_stride.row, left, a.head_size, a.wide, team, teams);
			Rows::template load_rows<kTeam>(stage + kTile, kKeys, values + tile * a.v_stride.row, a.v_stride.row, left, a.value_size, a.wide, team, teams);
		};
		lane = lane_of_thread();
		first_query = Shared ? 0 : warp_of_thread() * Groups * 16;
		first_key = Shared ? warp_of_thread() * 16 : 0;
		depths = padded(a.head_size) / (2 * Rows::kChunk);
		widths = padded(a.value_size) / 8;
#pragma unroll
		for (int group = 0; group < Groups; group++)
#pragma unroll
			for (int n = 0; n < kOut; n++)
#pragma unroll
				for (int e = 0; e < 4; e++)
					out[group][n][e] = 0.0f;
		Rows::template load_rows<kTeam>(q, queries, attention_head<T>(a.q, a.q_stride, block) + block.first * a.q_stride.row, a.q_stride.row,
			a.queries - block.first, a.head_size, a.wide, team, teams);
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
			if constexpr (kSame<T, float>)
				multiply_float_values(v, score);
			else
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
		Rows::template store_rows<kTeam>(q, queries, y, a.y_stride.row, a.queries - block.first, a.value_size, a.wide_y, team, teams);
	}
};

template <typename T, int Columns, int Groups, bool Shared> INLINE void attention(const AttentionArguments &a)
{
	TensorAttention<T, Columns, Groups, Shared> state;
	state.run(a);
}

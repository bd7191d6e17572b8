// What the attention kernels share: their arguments, how a head's rows come into shared memory, and the softmax of a row that arrives in parts.
#ifndef INFERD_ATTENTION_CUH
#define INFERD_ATTENTION_CUH

#include "ptx.cuh"

// Where the rows of an operand's heads lie, in elements. Heads may be interleaved; a stride of 0 repeats.
struct AttentionStrides {
	int64_t batch, head, row;
};

struct AttentionArguments {
	const void *q, *k, *v, *mask; // the mask may be absent
	void *y;
	AttentionStrides q_stride, k_stride, v_stride, y_stride, mask_stride;
	int64_t queries, keys;
	int32_t mask_column, heads, head_size, value_size;
	int32_t wide, wide_y; // rows of q, k and v, and those of y, are whole chunks of 16 aligned bytes
	float scale;
};

// The queries of one head that a block answers. Blocks of a head follow each other, so that its keys and values are read from the L2 cache.
struct AttentionBlock {
	int64_t batch, head, first;
};

INLINE AttentionBlock attention_block(const AttentionArguments &a, int queries)
{
	const int64_t tiles = (a.queries + queries - 1) / queries, head = blockIdx.x / tiles;
	return {head / a.heads, head % a.heads, blockIdx.x % tiles * queries};
}

// The first row of a block's head.
template <typename T> INLINE const T *attention_head(const void *p, const AttentionStrides &s, const AttentionBlock &b)
{
	return static_cast<const T *>(p) + b.batch * s.batch + b.head * s.head;
}

// Heads of any size are padded with zeros to what products take at a time.
constexpr int kPadding = 16;

INLINE int padded(int size) { return (size + kPadding - 1) / kPadding * kPadding; }

// Rows of Columns elements in shared memory, in chunks of 16 bytes. Chunks are permuted within a row so that the same chunk of eight rows that follow
// each other lies in all banks: that is how scores are computed, and how ldmatrix reads.
template <typename T, int Columns> struct Tile {
	static constexpr int kChunk = kWide<T>, kChunks = Columns / kChunk;
	static_assert(kChunks % 4 == 0, "a row has to be a multiple of 64 bytes");

	static __device__ __forceinline__ int at(int row, int chunk)
	{
		const int turn = kChunks % 8 == 0 ? row & 7 : (row >> 1) & 3;
		return row * Columns + (chunk ^ turn) * kChunk;
	}

	// Rows that so many threads copy at a time: a power of two, so that in most passes the permutation is the same.
	template <int Threads> static constexpr int kPass = Threads / kChunks >= 16 ? 16 : Threads / kChunks >= 8 ? 8 : Threads / kChunks >= 4 ? 4 : 2;

	// Begins to copy `count` rows of `size` elements by a team of threads, one of `teams`. What lies beyond `present` rows or beyond the size becomes zero, because
	// 0 * NaN is not 0; chunks that no product reads stay as they are.
	template <int Threads>
	static __device__ __forceinline__ void load_rows(T *tile, int count, const T *from, int64_t stride, int64_t present, int size, bool wide, int team, int teams)
	{
		static_assert(kPass<Threads> * kChunks <= Threads, "too few threads for two rows");
		const int thread = static_cast<int>(threadIdx.x) % Threads, chunk = thread % kChunks, left = size - chunk * kChunk;
		const int rows = left > 0 ? static_cast<int>(min(present, static_cast<int64_t>(count))) : 0;
		if (thread / kChunks >= kPass<Threads> || chunk * kChunk >= padded(size))
			return;
		const int first = team * kPass<Threads> + thread / kChunks, step = teams * kPass<Threads>;
		const T *source = from + first * stride + chunk * kChunk;
		if (wide) {
#pragma unroll 4
			for (int row = first; row < count; row += step, source += step * stride)
				copy_async<16>(tile + at(row, chunk), row < rows ? source : from, row < rows);
			return;
		}
#pragma unroll 1
		for (int row = first; row < count; row += step, source += step * stride)
#pragma unroll 1
			for (int e = 0; e < kChunk; e++)
				tile[at(row, chunk) + e] = row < rows && e < left ? source[e] : from_float<T>(0.0f);
	}

	// Copies `count` rows out, the same way.
	template <int Threads> static __device__ __forceinline__ void store_rows(const T *tile, int count, T *to, int64_t stride, int64_t present, int size, bool wide, int team, int teams)
	{
		const int thread = static_cast<int>(threadIdx.x) % Threads, chunk = thread % kChunks, left = size - chunk * kChunk;
		const int rows = left > 0 ? static_cast<int>(min(present, static_cast<int64_t>(count))) : 0;
		if (thread / kChunks >= kPass<Threads>)
			return;
#pragma unroll 1
		for (int row = team * kPass<Threads> + thread / kChunks; row < rows; row += teams * kPass<Threads>) {
			const T *source = tile + at(row, chunk);
			T *target = to + row * stride + chunk * kChunk;
			if (wide) {
				store(target, load<T, kChunk>(source));
				continue;
			}
#pragma unroll 1
			for (int e = 0; e < min(left, kChunk); e++)
				target[e] = source[e];
		}
	}
};

// 2^x; what is below the least normal number is 0.
INLINE float exponential2(float x)
{
#if defined(__CUDA_ARCH__)
	float y;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
	return y;
#else
	return exp2f(x);
#endif
}

constexpr float kLogarithm = 1.44269504088896341f; // of e, to base 2
constexpr float kGreatest = 3.402823466e38f;

// How scores become powers of two. Usually a score is taken as it is, and one multiply-add scales it and subtracts the row's maximum. With a mask, or a
// scale that is not positive and so turns the order round, scores are scaled first.
template <typename T> struct AttentionScores {
	const T *mask; // of the block's first query
	int64_t mask_row;
	int mask_column;
	int last; // query of the block that there is
	float before, factor;
	bool scaled;

	__device__ __forceinline__ AttentionScores(const AttentionArguments &a, const AttentionBlock &b)
	{
		mask = a.mask ? attention_head<T>(a.mask, a.mask_stride, b) + b.first * a.mask_stride.row : nullptr;
		mask_row = a.mask_stride.row;
		mask_column = a.mask_column;
		last = static_cast<int>(min(a.queries - b.first, static_cast<int64_t>(1 << 16))) - 1;
		scaled = mask || !(a.scale > 0.0f);
		before = a.scale * kLogarithm;
		factor = scaled ? 1.0f : before;
	}

	// The mask of a query of the block at a key.
	__device__ __forceinline__ const T *mask_at(int query, int64_t key) const { return mask + min(query, last) * mask_row + key * mask_column; }

	// An element of a mask as an exponent to base 2. What is finite stays finite: a row that is masked by the least float everywhere is an average, not NaN.
	__device__ __forceinline__ float added(const T *row, int key) const
	{
		const float value = to_float(row[key * mask_column]), exponent = value * kLogarithm;
		if constexpr (kSame<T, half_t>) // of which no product overflows
			return exponent;
		return exponent < -kGreatest && value > -INFINITY ? -kGreatest : exponent;
	}
};

// The softmax of one row that arrives in parts: Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018. Weights are relative to the
// greatest score so far; when it grows, what was summed up shrinks by the factor that `raise` returns. A row without any score above -inf
// ends as 0 / 0.
struct AttentionRow {
	float greatest = -INFINITY, anchor = 0.0f, sum = 0.0f;

	__device__ __forceinline__ float raise(float score, float factor)
	{
		const float before = greatest;
		greatest = fmaxf(greatest, score);
		anchor = greatest == -INFINITY ? 0.0f : greatest * factor;
		const float shrink = exponential2(fmaf(before, factor, -anchor));
		sum *= shrink;
		return shrink;
	}

	__device__ __forceinline__ float weigh(float score, float factor)
	{
		const float weight = exponential2(fmaf(score, factor, -anchor));
		sum += weight;
		return weight;
	}
};

#endif

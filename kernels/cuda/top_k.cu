// TopK along an axis of x [before, size, after]: the k largest or smallest, best first, and their positions; of equals the lower position first, as ONNX
// says, and NaN above all numbers. A block a row.
//
// Elements become unsigned keys of the same order. Short rows are sorted whole in shared memory. Of long ones a radix select looks for the k-th key, 8 bits at
// a time from the top (Alabi et al., "Fast k-selection algorithms for graphics processing units", 2012), until the elements that may still be among the
// best fit into shared memory: mostly after one pass or two. Those are collected and sorted, with a bitonic network (Batcher, "Sorting networks and their
// applications", 1968). Where too many equal the k-th, the key becomes known to the last bit, and the first ones are taken: each warp owns a stretch of the
// row, so its counts of the last digit are how many of them lie ahead of the next warp's.
//
// Few long rows are cut into parts of one block each, of which each leaves its k best as candidates for a second launch. Selecting is exact, so the results are
// the same.
//
// Bound by memory, but for many small rows: a row is read once to collect and once or more to select, by whole lines where `after` is 1.
#include "scan.cuh"

struct TopKArguments {
	const void *x;
	void *y;
	int64_t *positions;
	void *keys;      // of candidates [rows, parts, k]
	int32_t *places; // of candidates, in their row
	int64_t size, after;
	int32_t k, slots; // slots: in shared memory, to be sorted there; a power of two
	int32_t smallest;
	int32_t whole;         // 1 where rows are sorted whole
	int32_t parts, length; // of a row that is cut; the last part may be shorter
};

constexpr int kDigits = 256; // of a key, each of 8 bits; also the threads of a block that selects
constexpr int kWarps = kDigits / kWarp;

template <typename T> struct KeyType { typedef uint32_t type; };
template <> struct KeyType<int64_t> { typedef uint64_t type; };

// Keys of narrow types are narrow too, which saves passes over the row.
template <typename T> constexpr int kKeyBits = 8 * static_cast<int>(sizeof(T));

INLINE uint32_t key_of(float x)
{
	if (x != x)
		return 0xffffffffu;
	const uint32_t bits = __float_as_uint(x + 0.0f); // -0 becomes 0
	return bits >> 31 ? ~bits : bits | 0x80000000u;
}
INLINE uint32_t key_of(bfloat_t x) { return key_of(to_float(x)) >> 16; }
INLINE uint32_t key_of(half_t x)
{
	const float value = to_float(x);
	if (value != value)
		return 0xffffu;
	uint16_t raw;
	memcpy(&raw, &x, sizeof raw);
	const uint32_t bits = value == 0.0f ? 0 : raw;
	return bits >> 15 ? ~bits & 0xffffu : bits | 0x8000u;
}
INLINE uint32_t key_of(int32_t x) { return static_cast<uint32_t>(x) ^ 0x80000000u; }
INLINE uint32_t key_of(int8_t x) { return static_cast<uint8_t>(x) ^ 0x80u; }
INLINE uint32_t key_of(uint8_t x) { return x; }
INLINE uint64_t key_of(int64_t x) { return static_cast<uint64_t>(x) ^ 0x8000000000000000u; }

// A row, and the keys of its elements: the largest are wanted.
template <typename T> struct Row {
	typedef typename KeyType<T>::type Key;
	const T *x;
	int64_t after;
	int32_t size, smallest;

	__device__ __forceinline__ Key key(int32_t i) const
	{
		constexpr Key all = ~Key{} >> (8 * sizeof(Key) - kKeyBits<T>);
		const Key key = key_of(x[i * after]);
		return smallest ? key ^ all : key;
	}
};

// What is known of the k-th largest key, and how many elements that leaves.
template <typename Key> struct Threshold {
	Key key, known; // the key, as far as its bits are known
	int32_t above;  // elements whose bits are larger
	int32_t like;   // elements that have these bits
	int32_t ahead;  // those of them that lie ahead of the warp's stretch

	__device__ __forceinline__ bool fits(int32_t slots) const { return above + like <= slots; }
};

// A warp's stretch [first, last) of a row.
struct Stretch {
	int32_t first, last;
};

INLINE Stretch stretch_of_warp(int32_t size)
{
	const int32_t length = ((size + kWarps - 1) / kWarps + kWarp - 1) / kWarp * kWarp, first = min(warp_of_thread() * length, size);
	return {first, min(first + length, size)};
}

// Calls use(i, key, inside) for the elements of the warp's stretch, for all lanes together; a few keys are loaded ahead.
template <typename T, typename Use> INLINE void for_each_key(const Row<T> &row, Use use)
{
	constexpr int ahead = 4;
	const Stretch own = stretch_of_warp(row.size);
	for (int32_t first = own.first + lane_of_thread(); first - lane_of_thread() < own.last; first += ahead * kWarp) {
		typename KeyType<T>::type key[ahead];
#pragma unroll
		for (int k = 0; k < ahead; k++)
			key[k] = first + k * kWarp < own.last ? row.key(first + k * kWarp) : 0;
#pragma unroll
		for (int k = 0; k < ahead; k++)
			use(first + k * kWarp, key[k], first + k * kWarp < own.last);
	}
}

// Finds the k-th largest key, as far as is needed for what is left to fit into so many slots.
template <typename T> INLINE Threshold<typename KeyType<T>::type> select(const Row<T> &row, int32_t k, int32_t slots)
{
	typedef typename KeyType<T>::type Key;
	__shared__ uint32_t counts[kWarps][kDigits];
	__shared__ int32_t partial[kWarp], digit, above, like;
	Threshold<Key> found = {0, 0, 0, 0, 0};
	for (int shift = kKeyBits<T> - 8; shift >= 0; shift -= 8) {
#pragma unroll
		for (int w = 0; w < kWarps; w++)
			counts[w][threadIdx.x] = 0;
		__syncthreads();
		for_each_key(row, [&](int32_t, Key key, bool inside) {
			if (inside && (key & found.known) == found.key)
				atomicAdd(&counts[warp_of_thread()][static_cast<uint32_t>(key >> shift) % kDigits], 1u);
		});
		__syncthreads();
		// Thread t has digit 255 - t, so that sums over the threads before it count the larger ones.
		const int32_t mine = kDigits - 1 - static_cast<int32_t>(threadIdx.x);
		int32_t count = 0;
#pragma unroll
		for (int w = 0; w < kWarps; w++)
			count += static_cast<int32_t>(counts[w][mine]);
		const int32_t larger = found.above + scan_block(count, partial).before;
		if (larger < k && k <= larger + count) {
			digit = mine;
			above = larger;
			like = count;
		}
		__syncthreads();
		found.key |= static_cast<Key>(digit) << shift;
		found.known |= static_cast<Key>(kDigits - 1) << shift;
		found.above = above;
		found.like = like;
		found.ahead = 0;
		for (int w = 0; w < warp_of_thread(); w++)
			found.ahead += static_cast<int32_t>(counts[w][digit]);
		__syncthreads();
		if (found.fits(slots))
			break;
	}
	return found;
}

// Writes what may be among the k best of a row to the slots, in any order: all that are not below the threshold where they fit; else, with the threshold known
// to the last bit, those above it and the first of its equals.
template <typename T, typename Key> INLINE void collect(const Row<T> &row, const Threshold<Key> &threshold, int32_t k, int32_t slots, Key *keys, int32_t *places)
{
	__shared__ int32_t next;
	if (threadIdx.x == 0)
		next = 0;
	__syncthreads();
	const bool all = threshold.fits(slots);
	const uint32_t lanes_below = (1u << lane_of_thread()) - 1;
	int32_t equals = threshold.above + threshold.ahead;
	for_each_key(row, [&](int32_t i, Key key, bool inside) {
		const Key bits = key & threshold.known;
		const bool taken = inside && (bits > threshold.key || (all && bits == threshold.key));
		const uint32_t lanes = __ballot_sync(kAllLanes, taken);
		int32_t slot = k;
		if (lanes) { // the same for all lanes
			const int leader = __ffs(static_cast<int>(lanes)) - 1;
			const int32_t first = lane_of_thread() == leader ? atomicAdd(&next, __popc(lanes)) : 0;
			slot = __shfl_sync(kAllLanes, first, leader) + __popc(lanes & lanes_below);
		}
		bool write = taken;
		if (!all) {
			const bool equal = inside && bits == threshold.key;
			const uint32_t others = __ballot_sync(kAllLanes, equal);
			if (equal)
				slot = equals + __popc(others & lanes_below);
			write = taken || (equal && slot < k);
			equals += __popc(others);
		}
		if (write) {
			keys[slot] = key;
			places[slot] = i;
		}
	});
}

// Sorts by key, larger first, then by place, smaller first. The count is a power of two.
template <typename Key> INLINE void sort(Key *keys, int32_t *places, int32_t count)
{
	for (int32_t run = 2; run <= count; run *= 2) {
		for (int32_t distance = run / 2; distance > 0; distance /= 2) {
			__syncthreads();
			for (int32_t t = threadIdx.x; t < count / 2; t += blockDim.x) {
				const int32_t i = 2 * t - (t & (distance - 1)), j = i + distance;
				const Key a = keys[i], b = keys[j];
				const int32_t at = places[i], bt = places[j];
				const bool ordered = a > b || (a == b && at < bt);
				if (ordered != ((i & run) == 0)) {
					keys[i] = b;
					keys[j] = a;
					places[i] = bt;
					places[j] = at;
				}
			}
		}
	}
	__syncthreads();
}

INLINE int32_t power_of_two(int32_t n) { return n > 1 ? 1 << (32 - __clz(n - 1)) : 1; }

// Row r of x, from element `first` on, with at most so many.
template <typename T> INLINE Row<T> row_of(const TopKArguments &a, int64_t r, int64_t first, int64_t length)
{
	const int64_t outer = r / a.after, inner = r - outer * a.after;
	const T *x = static_cast<const T *>(a.x) + (outer * a.size + first) * a.after + inner;
	return {x, a.after, static_cast<int32_t>(min(length, a.size - first)), a.smallest};
}

// Slots that stay empty come last: the least key, and a place behind all others.
constexpr int32_t kNowhere = 0x7fffffff;

// Fills the slots so that the k best of a row come first, in order.
template <typename T, typename Key> INLINE void order(const TopKArguments &a, const Row<T> &row, int32_t k, Key *keys, int32_t *places)
{
	Threshold<Key> threshold = {0, 0, 0, row.size, 0};
	if (!a.whole)
		threshold = select(row, k, a.slots);
	const int32_t sorted = power_of_two(threshold.fits(a.slots) ? threshold.above + threshold.like : k);
	for (int32_t i = threadIdx.x; i < sorted; i += blockDim.x) {
		const bool filled = a.whole && i < row.size;
		keys[i] = filled ? row.key(i) : Key{};
		places[i] = filled ? i : kNowhere;
	}
	__syncthreads();
	if (!a.whole)
		collect(row, threshold, k, a.slots, keys, places);
	sort(keys, places, sorted);
}

// Writes the first k slots as the result of row r.
template <typename T> INLINE void finish(const TopKArguments &a, int64_t r, const T *x, const int32_t *places)
{
	const int64_t outer = r / a.after, to = outer * a.k * a.after + (r - outer * a.after);
	for (int32_t i = threadIdx.x; i < a.k; i += blockDim.x) {
		static_cast<T *>(a.y)[to + i * a.after] = x[places[i] * a.after];
		a.positions[to + i * a.after] = places[i];
	}
}

template <typename T> INLINE void top_k(const TopKArguments &a)
{
	typedef typename KeyType<T>::type Key;
	DYNAMIC_SHARED(Key, keys);
	int32_t *places = reinterpret_cast<int32_t *>(keys + a.slots);
	const Row<T> row = row_of<T>(a, blockIdx.x, 0, a.size);
	order(a, row, a.k, keys, places);
	finish(a, blockIdx.x, row.x, places);
}

// One part of a row: its best become candidates. A last part that is shorter than k leaves them all.
template <typename T> INLINE void top_k_part(const TopKArguments &a)
{
	typedef typename KeyType<T>::type Key;
	DYNAMIC_SHARED(Key, keys);
	int32_t *places = reinterpret_cast<int32_t *>(keys + a.slots);
	const int64_t r = blockIdx.x / a.parts, first = (blockIdx.x - r * a.parts) * static_cast<int64_t>(a.length), at = static_cast<int64_t>(blockIdx.x) * a.k;
	const Row<T> row = row_of<T>(a, r, first, a.length);
	const int32_t k = min(a.k, row.size);
	order(a, row, k, keys, places);
	for (int32_t i = threadIdx.x; i < a.k; i += blockDim.x) {
		static_cast<Key *>(a.keys)[at + i] = i < k ? keys[i] : Key{};
		a.places[at + i] = i < k ? places[i] + static_cast<int32_t>(first) : kNowhere;
	}
}

// The best of a row's candidates.
template <typename T> INLINE void top_k_join(const TopKArguments &a)
{
	typedef typename KeyType<T>::type Key;
	DYNAMIC_SHARED(Key, keys);
	int32_t *places = reinterpret_cast<int32_t *>(keys + a.slots);
	const int32_t count = a.parts * a.k;
	const int64_t at = static_cast<int64_t>(blockIdx.x) * count;
	for (int32_t i = threadIdx.x; i < a.slots; i += blockDim.x) {
		keys[i] = i < count ? static_cast<const Key *>(a.keys)[at + i] : Key{};
		places[i] = i < count ? a.places[at + i] : kNowhere;
	}
	sort(keys, places, a.slots);
	finish(a, blockIdx.x, row_of<T>(a, blockIdx.x, 0, a.size).x, places);
}

KERNEL(top_k_f32, TopKArguments, 256) { top_k<float>(arguments); }
KERNEL(top_k_f16, TopKArguments, 256) { top_k<half_t>(arguments); }
KERNEL(top_k_bf16, TopKArguments, 256) { top_k<bfloat_t>(arguments); }
KERNEL(top_k_i8, TopKArguments, 256) { top_k<int8_t>(arguments); }
KERNEL(top_k_u8, TopKArguments, 256) { top_k<uint8_t>(arguments); }
KERNEL(top_k_i32, TopKArguments, 256) { top_k<int32_t>(arguments); }
KERNEL(top_k_i64, TopKArguments, 256) { top_k<int64_t>(arguments); }
KERNEL(top_k_part_f32, TopKArguments, 256) { top_k_part<float>(arguments); }
KERNEL(top_k_part_f16, TopKArguments, 256) { top_k_part<half_t>(arguments); }
KERNEL(top_k_part_bf16, TopKArguments, 256) { top_k_part<bfloat_t>(arguments); }
KERNEL(top_k_part_i8, TopKArguments, 256) { top_k_part<int8_t>(arguments); }
KERNEL(top_k_part_u8, TopKArguments, 256) { top_k_part<uint8_t>(arguments); }
KERNEL(top_k_part_i32, TopKArguments, 256) { top_k_part<int32_t>(arguments); }
KERNEL(top_k_part_i64, TopKArguments, 256) { top_k_part<int64_t>(arguments); }
KERNEL(top_k_join_f32, TopKArguments, 256) { top_k_join<float>(arguments); }
KERNEL(top_k_join_f16, TopKArguments, 256) { top_k_join<half_t>(arguments); }
KERNEL(top_k_join_bf16, TopKArguments, 256) { top_k_join<bfloat_t>(arguments); }
KERNEL(top_k_join_i8, TopKArguments, 256) { top_k_join<int8_t>(arguments); }
KERNEL(top_k_join_u8, TopKArguments, 256) { top_k_join<uint8_t>(arguments); }
KERNEL(top_k_join_i32, TopKArguments, 256) { top_k_join<int32_t>(arguments); }
KERNEL(top_k_join_i64, TopKArguments, 256) { top_k_join<int64_t>(arguments); }

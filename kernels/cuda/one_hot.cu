// OneHotEncoder of ai.onnx.ml: X int64 [elements] to Y float [elements, categories], 1 at the element's category, else 0.
//
// Bound by the writing of Y, 4 * elements * categories bytes. A thread writes up to four neighbours of a row and looks the row's category up itself, in the hash table of
// kernels/cpu/linear (open addressing, at most half full): neighbouring threads look up the same, which costs one read of the first-level cache.
#include "common.cuh"

struct OneHotArguments {
	const void *x;
	const void *table; // OneHotSlot
	void *y;
	void *unknown; // int64 count of elements that are no category; may be absent
	int64_t elements, categories;
	int32_t slot_bits;
};

struct __align__(16) OneHotSlot {
	int64_t key, category; // -1 where the slot is free
};

INLINE int64_t find_category(const OneHotSlot *table, int slot_bits, int64_t key)
{
	const uint64_t mask = (static_cast<uint64_t>(1) << slot_bits) - 1;
	uint64_t at = (static_cast<uint64_t>(key) * 0x9e3779b97f4a7c15u) >> (64 - slot_bits);
	while (table[at].category >= 0 && table[at].key != key)
		at = (at + 1) & mask;
	return table[at].category;
}

template <int Count> INLINE void one_hot(const OneHotArguments &a)
{
	const int64_t parts = a.categories / Count, total = a.elements * parts;
	for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
		const int64_t element = i / parts, first = i % parts * Count;
		const int64_t category = find_category(static_cast<const OneHotSlot *>(a.table), a.slot_bits, static_cast<const int64_t *>(a.x)[element]);
		Pack<float, Count> pack;
#pragma unroll
		for (int e = 0; e < Count; e++)
			pack.at[e] = first + e == category ? 1.0f : 0.0f;
		store(static_cast<float *>(a.y) + element * a.categories + first, pack);
		if (a.unknown && category < 0 && first == 0)
			atomicAdd(static_cast<unsigned long long *>(a.unknown), 1ull);
	}
}

KERNEL(one_hot_i64, OneHotArguments, 256) { one_hot<4>(arguments); }
KERNEL(one_hot_one_i64, OneHotArguments, 256) { one_hot<1>(arguments); }

// Copies between tensors with strides, several in one launch: Expand, Concat, Split, Slice, Tile, and transpositions that have a short side.
//
// Bound by memory: 2 * count * size bytes, less where the source repeats. The planner makes the unit of a copy as wide as alignment lets it, up to 16
// bytes; then a few units a thread, loaded ahead of the first store, keep enough bytes under way.
#include "walk.cuh"

constexpr int kMostCopies = 8;

struct CopyArguments {
	const void *x[kMostCopies];
	void *y[kMostCopies];
	Walk<2> walk[kMostCopies]; // of x and y, in units
	uint32_t first_block[kMostCopies];
	int32_t copies;
};

// Units of a thread.
constexpr int kUnits = 4;

INLINE int copy_of_block(const CopyArguments &a)
{
	int copy = 0;
	while (copy + 1 < a.copies && blockIdx.x >= a.first_block[copy + 1])
		copy++;
	return copy;
}

template <typename Unit> INLINE void copy_units(const CopyArguments &a)
{
	const int copy = copy_of_block(a);
	const Walk<2> &w = a.walk[copy];
	const Unit *x = static_cast<const Unit *>(a.x[copy]);
	Unit *y = static_cast<Unit *>(a.y[copy]);
	const uint32_t first = (blockIdx.x - a.first_block[copy]) * (blockDim.x * kUnits) + threadIdx.x;
	Unit kept[kUnits];
	int64_t to[kUnits];
#pragma unroll
	for (int k = 0; k < kUnits; k++) {
		const uint32_t i = first + k * blockDim.x;
		if (i < w.count) {
			int64_t at[2];
			walk(w, i, at);
			kept[k] = x[at[0]];
			to[k] = at[1];
		}
	}
#pragma unroll
	for (int k = 0; k < kUnits; k++) {
		if (first + k * blockDim.x < w.count)
			y[to[k]] = kept[k];
	}
}

// Narrow elements into a dense, aligned destination: each thread stores one pack of 16 bytes, and finds its elements by steps along the innermost
// dimension instead of a division each.
template <typename T> INLINE void copy_packed(const CopyArguments &a)
{
	constexpr int wide = kWide<T>;
	const int copy = copy_of_block(a);
	const Walk<2> &w = a.walk[copy];
	const T *x = static_cast<const T *>(a.x[copy]);
	T *y = static_cast<T *>(a.y[copy]);
	const uint32_t first = ((blockIdx.x - a.first_block[copy]) * blockDim.x + threadIdx.x) * wide;
	if (first >= w.count)
		return;
	const uint32_t length = w.extent[0].divisor;
	uint32_t inner = first - quotient(first, w.extent[0]) * length;
	int64_t at[2], from[wide];
	walk(w, first, at);
#pragma unroll
	for (int k = 0; k < wide; k++) {
		from[k] = at[0];
		at[0] += w.stride[0][0];
		if (++inner == length && first + k + 1 < w.count) {
			inner = 0;
			walk(w, first + k + 1, at);
		}
	}
	Pack<T, wide> pack;
#pragma unroll
	for (int k = 0; k < wide; k++)
		pack.at[k] = first + k < w.count ? x[from[k]] : T{};
	if (first + wide <= w.count) {
		store<T, wide>(y + first, pack);
		return;
	}
#pragma unroll
	for (int k = 0; k < wide; k++) {
		if (first + k < w.count)
			y[first + k] = pack.at[k];
	}
}

KERNEL(copy_units_1, CopyArguments, 256) { copy_units<uint8_t>(arguments); }
KERNEL(copy_units_2, CopyArguments, 256) { copy_units<uint16_t>(arguments); }
KERNEL(copy_units_4, CopyArguments, 256) { copy_units<uint32_t>(arguments); }
KERNEL(copy_units_8, CopyArguments, 256) { copy_units<uint2>(arguments); }
KERNEL(copy_units_16, CopyArguments, 256) { copy_units<uint4>(arguments); }
KERNEL(copy_packed_1, CopyArguments, 256) { copy_packed<uint8_t>(arguments); }
KERNEL(copy_packed_2, CopyArguments, 256) { copy_packed<uint16_t>(arguments); }
KERNEL(copy_packed_4, CopyArguments, 256) { copy_packed<uint32_t>(arguments); }

// Gather of rows: y[outer, i] = x[outer, indices[i]], for x of [outer, axis, row] and any number of indices. Embeddings are rows of hundreds of bytes;
// a gather along the last axis has rows of one element.
//
// Bound by memory: 2 * outer * count * row bytes, and the indices. Work is divided into units of up to 16 bytes, not into rows: lanes that share a row read
// its index as one broadcast, small rows fill warps together. A thread loads a few indices, then their units, so that the second, dependent load of one
// waits beside that of the others.
#include "walk.cuh"

struct GatherArguments {
	const void *x, *indices;
	void *y;
	unsigned long long *faults; // counts indices that are out of range; their rows become zero
	int64_t axis;               // rows to choose from
	Divisor row;                // units of a row
	Divisor count;              // indices
	uint32_t units;             // of y
	int32_t wide;               // 1 where indices are int64_t, 0 where they are int32_t
};

constexpr int kUnits = 4; // of a thread

template <typename Unit> INLINE void gather(const GatherArguments &a)
{
	const Unit *x = static_cast<const Unit *>(a.x);
	Unit *y = static_cast<Unit *>(a.y);
	const uint32_t first = blockIdx.x * (blockDim.x * kUnits) + threadIdx.x;
	int64_t from[kUnits]; // below 0 where the index is out of range
#pragma unroll
	for (int k = 0; k < kUnits; k++) {
		uint32_t i = first + k * blockDim.x;
		from[k] = -1;
		if (i >= a.units)
			continue;
		const uint32_t column = split_off(i, a.row), place = split_off(i, a.count);
		int64_t index = a.wide ? static_cast<const int64_t *>(a.indices)[place] : static_cast<const int32_t *>(a.indices)[place];
		index += index < 0 ? a.axis : 0;
		if (index >= 0 && index < a.axis)
			from[k] = (i * a.axis + index) * a.row.divisor + column;
		else if (column == 0)
			atomicAdd(a.faults, 1ull);
	}
	Unit kept[kUnits];
#pragma unroll
	for (int k = 0; k < kUnits; k++)
		kept[k] = from[k] >= 0 ? x[from[k]] : Unit{};
#pragma unroll
	for (int k = 0; k < kUnits; k++) {
		if (first + k * blockDim.x < a.units)
			y[first + k * blockDim.x] = kept[k];
	}
}

KERNEL(gather_1, GatherArguments, 256) { gather<uint8_t>(arguments); }
KERNEL(gather_2, GatherArguments, 256) { gather<uint16_t>(arguments); }
KERNEL(gather_4, GatherArguments, 256) { gather<uint32_t>(arguments); }
KERNEL(gather_8, GatherArguments, 256) { gather<uint2>(arguments); }
KERNEL(gather_16, GatherArguments, 256) { gather<uint4>(arguments); }

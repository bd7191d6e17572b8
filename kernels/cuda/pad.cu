// Pad: y is x with elements added, or taken away, before and after each axis. What is added is a constant, or repeats x (edge, reflect, wrap).
//
// Bound by memory: x is read once and y written once. Each thread writes one unit of y; the planner makes axes that nothing is added to one with their
// neighbours and, where rows stay aligned, gives packs of 16 bytes as units.
#include "walk.cuh"

enum PadMode { kConstant, kEdge, kReflect, kWrap };

struct PadAxis {
	Divisor extent;      // of y
	int32_t begin, size; // what is added before x, and x's size
	int64_t stride;      // of x
};

struct PadArguments {
	const void *x, *value; // value: the constant, one element; zero where it is absent
	void *y;
	PadAxis axis[kMostRank]; // innermost first
	int32_t rank, mode;
	uint32_t units; // of y
};

constexpr int kUnits = 4; // of a thread

// The position in x that position i, counted from x's first, shows; outside of x where that is the constant.
INLINE int32_t shown(int32_t i, int32_t size, int32_t mode)
{
	if ((i >= 0 && i < size) || mode == kConstant)
		return i;
	if (mode == kEdge)
		return i < 0 ? 0 : size - 1;
	const int32_t period = mode == kWrap ? size : max(2 * (size - 1), 1);
	i %= period;
	i += i < 0 ? period : 0;
	return mode == kWrap ? i : min(i, period - i);
}

// The constant in each element of a unit.
template <typename T, int Count> INLINE Pack<T, Count> constant_of(const PadArguments &a)
{
	const T value = a.value ? *static_cast<const T *>(a.value) : T{};
	Pack<T, Count> pack;
#pragma unroll
	for (int k = 0; k < Count; k++)
		pack.at[k] = value;
	return pack;
}

template <typename T, int Count> INLINE void pad(const PadArguments &a)
{
	typedef Pack<T, Count> Unit;
	const Unit *x = static_cast<const Unit *>(a.x);
	Unit *y = static_cast<Unit *>(a.y);
	const Unit constant = constant_of<T, Count>(a);
	const uint32_t first = blockIdx.x * (blockDim.x * kUnits) + threadIdx.x;
	Unit kept[kUnits];
#pragma unroll
	for (int k = 0; k < kUnits; k++) {
		uint32_t i = first + k * blockDim.x;
		int64_t from = 0;
		bool inside = i < a.units;
#pragma unroll
		for (int d = 0; d < kMostRank; d++) {
			if (d == a.rank)
				break;
			const PadAxis &axis = a.axis[d];
			const int32_t position = shown(static_cast<int32_t>(split_off(i, axis.extent)) - axis.begin, axis.size, a.mode);
			inside = inside && position >= 0 && position < axis.size;
			from += position * axis.stride;
		}
		kept[k] = inside ? x[from] : constant;
	}
#pragma unroll
	for (int k = 0; k < kUnits; k++) {
		if (first + k * blockDim.x < a.units)
			y[first + k * blockDim.x] = kept[k];
	}
}

KERNEL(pad_1, PadArguments, 256) { pad<uint8_t, 1>(arguments); }
KERNEL(pad_2, PadArguments, 256) { pad<uint16_t, 1>(arguments); }
KERNEL(pad_4, PadArguments, 256) { pad<uint32_t, 1>(arguments); }
KERNEL(pad_8, PadArguments, 256) { pad<uint64_t, 1>(arguments); }
KERNEL(pad_packs_1, PadArguments, 256) { pad<uint8_t, 16>(arguments); }
KERNEL(pad_packs_2, PadArguments, 256) { pad<uint16_t, 8>(arguments); }
KERNEL(pad_packs_4, PadArguments, 256) { pad<uint32_t, 4>(arguments); }
KERNEL(pad_packs_8, PadArguments, 256) { pad<uint64_t, 2>(arguments); }

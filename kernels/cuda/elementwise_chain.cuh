// The interpreter of a chain of element-wise operators: what it shares with its planner (elementwise.go), and its loads and stores.
//
// A thread computes Count neighbouring elements of the output. The machine is one of an accumulator: an instruction fetches at most one operand, from an
// input or from a slot, and leaves its result in the accumulator, which with the operand is all that registers hold. Slots are for values that are read
// later; they are in shared memory, 16 bytes a thread side by side, which neither conflict nor need a barrier. Decoding is uniform over the grid and paid
// once for Count elements.
#ifndef INFERD_ELEMENTWISE_CHAIN_CUH
#define INFERD_ELEMENTWISE_CHAIN_CUH

#include "division.cuh"
#include "elementwise_math.cuh"

constexpr int kChainInputs = 14, kChainRank = 6, kChainCode = 40;
constexpr int kChainThreads = 256; // at most; fewer where there are many slots

// How an input is walked.
enum ChainMode {
	kChainDense,    // laid out as the output is
	kChainRows,     // a pack lies within a row of the innermost dimension: coordinates once a pack
	kChainScattered // coordinates for each element
};

// Element types in memory; all but bool are numbered as Type of types.go.
enum ChainType { kFloat32, kFloat16, kBFloat16, kInt8, kUint8, kInt32, kInt64, kBool };

struct Boolean {
	uint8_t byte;
};

struct ChainInput {
	int32_t type, mode;
	int32_t aligned;            // the address is a multiple of 16
	int32_t repeated;           // along the innermost dimension
	int32_t size;               // of an element
	int32_t stride[kChainRank]; // in elements, the outermost first
};

// Where an operand comes from: places from kChainInput0 on are inputs, those below slots.
constexpr int kChainNone = 255, kChainAccumulator = 254, kChainInput0 = 128, kChainConstant = 253;

struct __align__(16) ChainInstruction {
	uint8_t op;
	uint8_t operand;     // a place
	uint8_t third;       // a slot: of kChainWhere, what is taken where the accumulator is zero
	uint8_t replace;     // 1: the operand takes the accumulator, ahead of the operator
	uint8_t keep;        // the slot that also takes the result
	uint8_t keepOperand; // the slot that also takes the operand
	uint16_t unused;
	float alpha, beta; // of the operator; alpha is the operand where that is kChainConstant
};

struct ChainArguments {
	const void *input[kChainInputs];
	void *output;
	uint32_t elements;
	int32_t inputs, instructions, rank;
	int32_t output_type, output_aligned;
	Divisor dimension[kChainRank]; // the outermost first
	ChainInput of[kChainInputs];
	ChainInstruction code[kChainCode];
};

// A register's element is a word: the bits of a float, or an integer; bool is 0 or 1. Words of 64 bits are for chains with int64.
INLINE float float_of(int32_t word) { return __int_as_float(word); }
INLINE float float_of(int64_t word) { return __int_as_float(static_cast<int32_t>(word)); }

template <typename Word> INLINE Word word_of(float x) { return static_cast<Word>(__float_as_int(x)); }
template <typename Word> INLINE Word word_of(half_t x) { return word_of<Word>(to_float(x)); }
template <typename Word> INLINE Word word_of(bfloat_t x) { return word_of<Word>(to_float(x)); }
template <typename Word> INLINE Word word_of(int8_t x) { return static_cast<Word>(x); }
template <typename Word> INLINE Word word_of(uint8_t x) { return static_cast<Word>(x); }
template <typename Word> INLINE Word word_of(int32_t x) { return static_cast<Word>(x); }
template <typename Word> INLINE Word word_of(int64_t x) { return static_cast<Word>(x); }
template <typename Word> INLINE Word word_of(Boolean x) { return static_cast<Word>(x.byte != 0); }

template <typename T, typename Word> INLINE T element_of(Word word)
{
	if constexpr (kSame<T, float> || kSame<T, half_t> || kSame<T, bfloat_t>)
		return from_float<T>(float_of(word));
	else
		return static_cast<T>(word);
}

// Brings the line of an address into the second-level cache.
INLINE void prefetch(const void *p)
{
#if defined(__CUDACC__)
	asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
#else
	(void)p;
#endif
}

// Where an input has element `at` of the output. Broadcasting only ever repeats, so an offset is below the output's number of elements.
INLINE uint32_t chain_offset(const ChainArguments &a, const ChainInput &in, uint32_t at)
{
	uint32_t offset = 0;
	for (int d = a.rank - 1; d > 0; d--) {
		const uint32_t rest = quotient(at, a.dimension[d]);
		offset += (at - rest * a.dimension[d].divisor) * static_cast<uint32_t>(in.stride[d]);
		at = rest;
	}
	return offset + at * static_cast<uint32_t>(in.stride[0]);
}

// Loads a pack whose first element is `at` of the output; beyond the first `valid` elements there is nothing.
template <typename T, typename Word, int Count>
INLINE void load_chain_input(Word (&to)[Count], const ChainArguments &a, const ChainInput &in, const void *input, uint32_t at, int valid)
{
	constexpr int kStep = kWide<T> < Count ? kWide<T> : Count; // elements of a load
	const T *p = static_cast<const T *>(input);
	if (in.mode == kChainScattered) {
#pragma unroll
		for (int i = 0; i < Count; i++)
			to[i] = i < valid ? word_of<Word>(p[chain_offset(a, in, at + i)]) : Word(0);
		return;
	}
	p += in.mode == kChainRows ? chain_offset(a, in, at) : at;
	if (in.repeated) {
		const Word word = word_of<Word>(*p);
#pragma unroll
		for (int i = 0; i < Count; i++)
			to[i] = word;
	} else if (in.aligned && valid == Count) {
#pragma unroll
		for (int first = 0; first < Count; first += kStep) {
			const Pack<T, kStep> pack = load<T, kStep>(p + first);
#pragma unroll
			for (int i = 0; i < kStep; i++)
				to[first + i] = word_of<Word>(pack.at[i]);
		}
	} else {
#pragma unroll
		for (int i = 0; i < Count; i++)
			to[i] = i < valid ? word_of<Word>(p[i]) : Word(0);
	}
}

template <typename T, typename Word, int Count> INLINE void store_chain_output(void *output, const Word (&from)[Count], bool aligned, uint32_t at, int valid)
{
	constexpr int kStep = kWide<T> < Count ? kWide<T> : Count;
	T *p = static_cast<T *>(output) + at;
	if (aligned && valid == Count) {
#pragma unroll
		for (int first = 0; first < Count; first += kStep) {
			Pack<T, kStep> pack;
#pragma unroll
			for (int i = 0; i < kStep; i++)
				pack.at[i] = element_of<T>(from[first + i]);
			store<T, kStep>(p + first, pack);
		}
	} else {
#pragma unroll
		for (int i = 0; i < Count; i++)
			if (i < valid)
				p[i] = element_of<T>(from[i]);
	}
}

template <typename Word, int Count>
INLINE void load_chain_operand(Word (&to)[Count], const ChainArguments &a, int i, uint32_t at, int valid)
{
	const ChainInput &in = a.of[i];
	const void *p = a.input[i];
	switch (in.type) {
	case kFloat32: load_chain_input<float>(to, a, in, p, at, valid); break;
	case kFloat16: load_chain_input<half_t>(to, a, in, p, at, valid); break;
	case kBFloat16: load_chain_input<bfloat_t>(to, a, in, p, at, valid); break;
	case kInt8: load_chain_input<int8_t>(to, a, in, p, at, valid); break;
	case kUint8: load_chain_input<uint8_t>(to, a, in, p, at, valid); break;
	case kBool: load_chain_input<Boolean>(to, a, in, p, at, valid); break;
	case kInt32: load_chain_input<int32_t>(to, a, in, p, at, valid); break;
	case kInt64:
		if constexpr (sizeof(Word) == 8)
			load_chain_input<int64_t>(to, a, in, p, at, valid);
		break;
	}
}

template <typename Word, int Count> INLINE void store_chain(const ChainArguments &a, const Word (&from)[Count], uint32_t at, int valid)
{
	const bool aligned = a.output_aligned;
	switch (a.output_type) {
	case kFloat32: store_chain_output<float>(a.output, from, aligned, at, valid); break;
	case kFloat16: store_chain_output<half_t>(a.output, from, aligned, at, valid); break;
	case kBFloat16: store_chain_output<bfloat_t>(a.output, from, aligned, at, valid); break;
	case kInt8: store_chain_output<int8_t>(a.output, from, aligned, at, valid); break;
	case kUint8: store_chain_output<uint8_t>(a.output, from, aligned, at, valid); break;
	case kInt32: store_chain_output<int32_t>(a.output, from, aligned, at, valid); break;
	case kInt64:
		if constexpr (sizeof(Word) == 8)
			store_chain_output<int64_t>(a.output, from, aligned, at, valid);
		break;
	}
}

#endif

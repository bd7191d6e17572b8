// Chains of element-wise operators over inputs that broadcast against each other: one read of each input and one write of the output, whatever the number
// of operators between.
//
// Bound by memory: the sizes of inputs and output. What a chain costs beside is decoding and moving, about 70 instructions a warp for each operator and 256
// elements, 110 where it loads an input (counted in the machine code for sm_80), and the operators themselves. On an H100 a warp has about 270 issue slots
// for as long as memory takes to move one float32 for each of 256 elements, half as many for halves: an operator that brings a float32 input is paid for by
// that input, one that brings halves nearly, and operators without inputs show once there are several of them. Packs are 8 elements a thread (4 of 64-bit
// words), so that loads are of 16 bytes for halves and twice that for floats. map.cu has kernels of one operator, where this would be too much.
#include "elementwise_operators.cuh"

// The slots of this thread: `slot` has its first 16 bytes at [2 * slot * threads + thread], its second ones `threads` behind. No other thread reads them.
template <typename Word, int Count> INLINE void load_slot(Word (&to)[Count], const Pack<Word, Count / 2> *slots, int slot)
{
	const Pack<Word, Count / 2> *at = slots + 2 * slot * blockDim.x + threadIdx.x;
	const Pack<Word, Count / 2> low = at[0], high = at[blockDim.x];
#pragma unroll
	for (int i = 0; i < Count / 2; i++) {
		to[i] = low.at[i];
		to[Count / 2 + i] = high.at[i];
	}
}

template <typename Word, int Count> INLINE void store_slot(Pack<Word, Count / 2> *slots, int slot, const Word (&from)[Count])
{
	Pack<Word, Count / 2> *at = slots + 2 * slot * blockDim.x + threadIdx.x;
	Pack<Word, Count / 2> low, high;
#pragma unroll
	for (int i = 0; i < Count / 2; i++) {
		low.at[i] = from[i];
		high.at[i] = from[Count / 2 + i];
	}
	at[0] = low;
	at[blockDim.x] = high;
}

// An instruction waits for its own operand only, so the inputs behind the first are asked for ahead: when one is fetched it is in the second-level cache, or
// on its way there.
INLINE void prefetch_inputs(const ChainArguments &a, uint32_t at)
{
	for (int i = 1; i < a.inputs; i++)
		if (a.of[i].mode == kChainDense && !a.of[i].repeated)
			prefetch(static_cast<const unsigned char *>(a.input[i]) + static_cast<uint64_t>(at) * a.of[i].size);
}

template <typename Word, int Count>
INLINE void fetch(Word (&to)[Count], const ChainArguments &a, const ChainInstruction &in, const Pack<Word, Count / 2> *slots,
	const Word (&accumulator)[Count], uint32_t at, int valid)
{
	const int place = in.operand;
	if (place == kChainAccumulator || place == kChainConstant) {
#pragma unroll
		for (int i = 0; i < Count; i++)
			to[i] = place == kChainConstant ? word_of<Word>(in.alpha) : accumulator[i];
	} else if (place >= kChainInput0) {
		load_chain_operand(to, a, place - kChainInput0, at, valid);
	} else {
		load_slot<Word, Count>(to, slots, place);
	}
}

// accumulator ? operand : third. The words are not looked into.
template <typename Word, int Count>
INLINE void choose(Word (&accumulator)[Count], const Word (&operand)[Count], const Pack<Word, Count / 2> *slots, int third)
{
	Word other[Count];
	load_slot<Word, Count>(other, slots, third);
#pragma unroll
	for (int i = 0; i < Count; i++)
		accumulator[i] = accumulator[i] != 0 ? operand[i] : other[i];
}

template <typename Word, int Count> INLINE void run_chain(const ChainArguments &a)
{
	typedef Pack<Word, Count / 2> Half;
	DYNAMIC_SHARED(Half, slots);
	const uint32_t at = (blockIdx.x * blockDim.x + threadIdx.x) * Count;
	if (at >= a.elements)
		return;
	const int valid = min(static_cast<int>(a.elements - at), Count);
	prefetch_inputs(a, at);
	Word accumulator[Count] = {}, operand[Count] = {};
	for (int k = 0; k < a.instructions; k++) {
		const ChainInstruction &in = a.code[k];
		if (in.operand != kChainNone)
			fetch(operand, a, in, slots, accumulator, at, valid);
		if (in.keepOperand != kChainNone)
			store_slot(slots, in.keepOperand, operand);
#pragma unroll
		for (int i = 0; i < Count; i++)
			accumulator[i] = in.replace ? operand[i] : accumulator[i];
		if (in.op == kChainWhere)
			choose(accumulator, operand, slots, in.third);
		else
			apply_operator(in.op, accumulator, operand, in.alpha, in.beta);
		if (in.keep != kChainNone)
			store_slot(slots, in.keep, accumulator);
	}
	store_chain(a, accumulator, at, valid);
}

// Floats, bool and integers of up to 32 bits; and chains that have an int64 anywhere.
KERNEL(elementwise_narrow, ChainArguments, kChainThreads) { run_chain<int32_t, 8>(arguments); }
KERNEL(elementwise_wide, ChainArguments, kChainThreads) { run_chain<int64_t, 4>(arguments); }

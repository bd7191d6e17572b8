// The operators of a chain's instructions. The numbers are those of elementwise_operators.go.
#ifndef INFERD_ELEMENTWISE_OPERATORS_CUH
#define INFERD_ELEMENTWISE_OPERATORS_CUH

#include "elementwise_chain.cuh"

enum ChainOperator {
	kChainCopy,
	// float -> float
	kChainNegate, kChainAbsolute, kChainRelu, kChainLeakyRelu, kChainSigmoid, kChainTanh, kChainExp, kChainLog, kChainSquareRoot, kChainReciprocal,
	kChainErf, kChainGelu, kChainGeluTanh, kChainHardSwish, kChainHardSigmoid, kChainClip, kChainSoftplus, kChainElu, kChainSilu, kChainFloor, kChainCeil,
	kChainRound, kChainSign, kChainSoftsign, kChainMish, kChainSwish, kChainCelu, kChainSelu, kChainThresholdedRelu, kChainShrink, kChainCube,
	kChainToHalf, kChainToBFloat,
	// float, float -> float
	kChainAdd, kChainSubtract, kChainMultiply, kChainDivide, kChainMinimum, kChainMaximum, kChainPower, kChainPRelu,
	// float(, float) -> bool
	kChainEqual, kChainGreater, kChainGreaterOrEqual, kChainIsNaN, kChainIsInfinite, kChainNonZero,
	// integer(, integer) -> integer
	kChainIntegerAdd, kChainIntegerSubtract, kChainIntegerMultiply, kChainIntegerDivide, kChainIntegerMinimum, kChainIntegerMaximum, kChainIntegerNegate,
	kChainIntegerAbsolute, kChainIntegerModulo, kChainIntegerRemainder, kChainAnd, kChainOr, kChainXor,
	kChainNarrowInt8, kChainNarrowUint8, kChainNarrowInt32,
	// integer(, integer) -> bool
	kChainIntegerEqual, kChainIntegerGreater, kChainIntegerGreaterOrEqual, kChainIntegerNonZero, kChainNot,
	// bool ? any : any
	kChainWhere,
	kChainFloatToInteger, kChainIntegerToFloat
};

// Applies a function to the accumulator; to it and the operand.
template <typename Word, int Count, typename Function> INLINE void each_float(Word (&x)[Count], Function function)
{
#pragma unroll
	for (int i = 0; i < Count; i++)
		x[i] = word_of<Word>(function(float_of(x[i])));
}

template <typename Word, int Count, typename Function> INLINE void each_float(Word (&x)[Count], const Word (&y)[Count], Function function)
{
#pragma unroll
	for (int i = 0; i < Count; i++)
		x[i] = word_of<Word>(function(float_of(x[i]), float_of(y[i])));
}

template <typename Word, int Count, typename Function> INLINE void each_test(Word (&x)[Count], const Word (&y)[Count], Function function)
{
#pragma unroll
	for (int i = 0; i < Count; i++)
		x[i] = static_cast<Word>(function(float_of(x[i]), float_of(y[i])));
}

template <typename Word, int Count, typename Function> INLINE void each_integer(Word (&x)[Count], const Word (&y)[Count], Function function)
{
#pragma unroll
	for (int i = 0; i < Count; i++)
		x[i] = static_cast<Word>(function(x[i], y[i]));
}

// Functions of a float. Chains of 64-bit words have none: no operator but Cast mixes int64 and floats.
template <typename Word, int Count> INLINE void apply_function(int op, Word (&x)[Count], const Word (&y)[Count], float alpha, float beta)
{
	switch (op) {
	case kChainNegate: each_float(x, [](float v) { return -v; }); break;
	case kChainAbsolute: each_float(x, [](float v) { return fabsf(v); }); break;
	case kChainRelu: each_float(x, [](float v) { return relu(v); }); break;
	case kChainLeakyRelu: each_float(x, [=](float v) { return leaky_relu(v, alpha); }); break;
	case kChainSigmoid: each_float(x, [](float v) { return sigmoid(v); }); break;
	case kChainTanh: each_float(x, [](float v) { return tanhf(v); }); break;
	case kChainExp: each_float(x, [](float v) { return expf(v); }); break;
	case kChainLog: each_float(x, [](float v) { return logf(v); }); break;
	case kChainSquareRoot: each_float(x, [](float v) { return sqrtf(v); }); break;
	case kChainReciprocal: each_float(x, [](float v) { return 1.0f / v; }); break;
	case kChainErf: each_float(x, [](float v) { return erff(v); }); break;
	case kChainGelu: each_float(x, [](float v) { return gelu(v); }); break;
	case kChainGeluTanh: each_float(x, [](float v) { return gelu_tanh(v); }); break;
	case kChainHardSwish: each_float(x, [](float v) { return hard_swish(v); }); break;
	case kChainHardSigmoid: each_float(x, [=](float v) { return hard_sigmoid(v, alpha, beta); }); break;
	case kChainClip: each_float(x, [=](float v) { return clip(v, alpha, beta); }); break;
	case kChainSoftplus: each_float(x, [](float v) { return softplus(v); }); break;
	case kChainElu: each_float(x, [=](float v) { return elu(v, alpha); }); break;
	case kChainSilu: each_float(x, [](float v) { return silu(v); }); break;
	case kChainFloor: each_float(x, [](float v) { return floorf(v); }); break;
	case kChainCeil: each_float(x, [](float v) { return ceilf(v); }); break;
	case kChainRound: each_float(x, [](float v) { return rintf(v); }); break;
	case kChainSign: each_float(x, [](float v) { return sign_of(v); }); break;
	case kChainSoftsign: each_float(x, [](float v) { return softsign(v); }); break;
	case kChainMish: each_float(x, [](float v) { return mish(v); }); break;
	case kChainSwish: each_float(x, [=](float v) { return swish(v, alpha); }); break;
	case kChainCelu: each_float(x, [=](float v) { return celu(v, alpha); }); break;
	case kChainSelu: each_float(x, [=](float v) { return beta * elu(v, alpha); }); break;
	case kChainThresholdedRelu: each_float(x, [=](float v) { return v > alpha ? v : 0.0f; }); break;
	case kChainShrink: each_float(x, [=](float v) { return shrink(v, alpha, beta); }); break;
	case kChainCube: each_float(x, [](float v) { return v * v * v; }); break;
	case kChainToHalf: each_float(x, [](float v) { return to_float(from_float<half_t>(v)); }); break;
	case kChainToBFloat: each_float(x, [](float v) { return to_float(from_float<bfloat_t>(v)); }); break;
	case kChainAdd: each_float(x, y, [](float v, float w) { return v + w; }); break;
	case kChainSubtract: each_float(x, y, [](float v, float w) { return v - w; }); break;
	case kChainMultiply: each_float(x, y, [](float v, float w) { return v * w; }); break;
	case kChainDivide: each_float(x, y, [](float v, float w) { return v / w; }); break;
	case kChainMinimum: each_float(x, y, [](float v, float w) { return least(v, w); }); break;
	case kChainMaximum: each_float(x, y, [](float v, float w) { return greatest(v, w); }); break;
	case kChainPower: each_float(x, y, [](float v, float w) { return powf(v, w); }); break;
	case kChainPRelu: each_float(x, y, [](float v, float w) { return leaky_relu(v, w); }); break;
	case kChainEqual: each_test(x, y, [](float v, float w) { return v == w; }); break;
	case kChainGreater: each_test(x, y, [](float v, float w) { return v > w; }); break;
	case kChainGreaterOrEqual: each_test(x, y, [](float v, float w) { return v >= w; }); break;
	case kChainIsNaN: each_test(x, x, [](float v, float) { return v != v; }); break;
	case kChainIsInfinite: // alpha: above zero counts; beta: below
		each_test(x, x, [=](float v, float) { return v == INFINITY && alpha != 0.0f || v == -INFINITY && beta != 0.0f; });
		break;
	}
}

template <typename Word, int Count> INLINE void apply_operator(int op, Word (&x)[Count], const Word (&y)[Count], float alpha, float beta)
{
	if constexpr (sizeof(Word) == 4) {
		if (op < kChainNonZero) {
			apply_function(op, x, y, alpha, beta);
			return;
		}
	}
	switch (op) {
	case kChainNonZero: each_test(x, x, [](float v, float) { return v != 0.0f; }); break;
	case kChainIntegerAdd: each_integer(x, y, [](Word v, Word w) { return wrapped_add(v, w); }); break;
	case kChainIntegerSubtract: each_integer(x, y, [](Word v, Word w) { return wrapped_subtract(v, w); }); break;
	case kChainIntegerMultiply: each_integer(x, y, [](Word v, Word w) { return wrapped_multiply(v, w); }); break;
	case kChainIntegerDivide: each_integer(x, y, [](Word v, Word w) { return guarded_divide(v, w); }); break;
	case kChainIntegerMinimum: each_integer(x, y, [](Word v, Word w) { return v < w ? v : w; }); break;
	case kChainIntegerMaximum: each_integer(x, y, [](Word v, Word w) { return v > w ? v : w; }); break;
	case kChainIntegerNegate: each_integer(x, x, [](Word v, Word) { return wrapped_subtract(Word(0), v); }); break;
	case kChainIntegerAbsolute: each_integer(x, x, [](Word v, Word) { return v < 0 ? wrapped_subtract(Word(0), v) : v; }); break;
	case kChainIntegerModulo: each_integer(x, y, [](Word v, Word w) { return guarded_modulo(v, w); }); break;
	case kChainIntegerRemainder: each_integer(x, y, [](Word v, Word w) { return guarded_remainder(v, w); }); break;
	case kChainAnd: each_integer(x, y, [](Word v, Word w) { return v & w; }); break;
	case kChainOr: each_integer(x, y, [](Word v, Word w) { return v | w; }); break;
	case kChainXor: each_integer(x, y, [](Word v, Word w) { return v ^ w; }); break;
	case kChainNarrowInt8: each_integer(x, x, [](Word v, Word) { return static_cast<int8_t>(v); }); break;
	case kChainNarrowUint8: each_integer(x, x, [](Word v, Word) { return static_cast<uint8_t>(v); }); break;
	case kChainNarrowInt32: each_integer(x, x, [](Word v, Word) { return static_cast<int32_t>(v); }); break;
	case kChainIntegerEqual: each_integer(x, y, [](Word v, Word w) { return v == w; }); break;
	case kChainIntegerGreater: each_integer(x, y, [](Word v, Word w) { return v > w; }); break;
	case kChainIntegerGreaterOrEqual: each_integer(x, y, [](Word v, Word w) { return v >= w; }); break;
	case kChainIntegerNonZero: each_integer(x, x, [](Word v, Word) { return v != 0; }); break;
	case kChainNot: each_integer(x, x, [](Word v, Word) { return v == 0; }); break;
	case kChainFloatToInteger: each_integer(x, x, [](Word v, Word) { return integer_of(float_of(v)); }); break;
	case kChainIntegerToFloat: each_integer(x, x, [](Word v, Word) { return word_of<Word>(static_cast<float>(v)); }); break;
	}
}

#endif

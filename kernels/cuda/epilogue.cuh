// What follows a matrix product or convolution before its result is stored: alpha, bias, activation and residual, in one pass over the sums.
#ifndef INFERD_EPILOGUE_CUH
#define INFERD_EPILOGUE_CUH

#include "common.cuh"

// A multiply-add of inner loops.
INLINE float multiply_add(float a, float b, float c)
{
#if defined(__CUDACC__)
	return __fmaf_rn(a, b, c);
#else
	return a * b + c; // the C library's exact one is a call
#endif
}

// The values of package kernels/cpu/activation.
enum ActivationKind : int32_t {
	kActivationNone = 0,
	kActivationRelu = 1,
	kActivationClip = 2, // p0 = minimum, p1 = maximum
	kActivationSigmoid = 3,
	kActivationTanh = 4,
	kActivationHardSigmoid = 5, // max(0, min(1, p0 x + p1))
	kActivationHardSwish = 6,   // x max(0, min(1, x / 6 + 1 / 2))
	kActivationGelu = 7,        // x / 2 (1 + erf(x / sqrt 2))
	kActivationGeluTanh = 8,    // the approximation by tanh
	kActivationSilu = 9,        // x sigmoid(x)
	kActivationLeakyRelu = 10,  // x below zero is multiplied by p0
};

INLINE float sigmoid_of(float x) { return __fdividef(1.0f, 1.0f + expf(-x)); }

INLINE float hard_sigmoid_of(float x, float p0, float p1)
{
	const float y = __fmaf_rn(p0, x, p1);
	return y < 0.0f ? 0.0f : y > 1.0f ? 1.0f : y;
}

// x held above -infinity, so that a product with a factor that has become zero is zero and not NaN.
INLINE float finite_below(float x) { return x < -3.402823466e38f ? -3.402823466e38f : x; }

// An activation of a few instructions. NaN stays NaN.
INLINE float activate_simply(int32_t kind, float x, float p0, float p1)
{
	switch (kind) {
	case kActivationRelu:
		return x < 0.0f ? 0.0f : x;
	case kActivationClip:
		x = x < p0 ? p0 : x;
		return x > p1 ? p1 : x;
	case kActivationHardSigmoid:
		return hard_sigmoid_of(x, p0, p1);
	case kActivationHardSwish:
		return finite_below(x) * hard_sigmoid_of(x, 0.16666666666666666f, 0.5f);
	case kActivationLeakyRelu:
		return x < 0.0f ? x * p0 : x;
	default:
		return x;
	}
}

INLINE bool is_simple(int32_t kind)
{
	return kind <= kActivationClip || kind == kActivationHardSigmoid || kind == kActivationHardSwish || kind == kActivationLeakyRelu;
}

// An activation with an exponential in it. A function that is called: kernels are many, and their code is what the product ships.
OUTLINE float activate_slowly(int32_t kind, float x)
{
	if (kind == kActivationTanh)
		return tanhf(x);
	if (kind == kActivationGelu)
		return finite_below(x) * normcdff(x);
	// The approximation of GELU by tanh is one by a sigmoid: (1 + tanh u) / 2 = sigmoid(2 u), which keeps its relative precision below zero.
	const float y = sigmoid_of(kind == kActivationGeluTanh ? x * __fmaf_rn(x * x, 0.0713548162726f, 1.59576912160573f) : x);
	return kind == kActivationSigmoid ? y : finite_below(x) * y;
}

template <int Count> INLINE void activate(int32_t kind, float (&value)[Count], float p0, float p1)
{
	const bool simple = is_simple(kind);
#pragma unroll
	for (int i = 0; i < Count; i++)
		value[i] = simple ? activate_simply(kind, value[i], p0, p1) : activate_slowly(kind, value[i]);
}

// Strides are in elements. Wide: the result, the bias and the residual, whose columns are then neighbours, move as packs.
struct Epilogue {
	int64_t row, residual_row, residual_column;
	float alpha, p0, p1;
	int32_t activation, residual_after, wide;
};

// Neighbours that are finished together in tiles.
constexpr int kFinished = 4;

// The result of rows x columns and what is added to it; bias and residual may be absent.
template <typename T> struct Result {
	T *c;
	const T *bias, *residual;
	int64_t rows, columns;
};

// Up to Count elements of a row, zeros beyond; wide: all of them, in one load.
template <typename T, int Count> INLINE Pack<T, Count> load_neighbours(const T *p, int64_t apart, int64_t count, bool wide)
{
	if (wide)
		return load<T, Count>(p);
	Pack<T, Count> pack;
#pragma unroll
	for (int i = 0; i < Count; i++)
		pack.at[i] = i < count ? p[i * apart] : from_float<T>(0.0f);
	return pack;
}

template <typename T, int Count> INLINE Pack<T, Count> residual_at(const Result<T> &r, const Epilogue &e, int64_t row, int64_t column)
{
	if (r.residual && row < r.rows && column < r.columns)
		return load_neighbours<T, Count>(r.residual + row * e.residual_row + column * e.residual_column, e.residual_column, r.columns - column, e.wide);
	Pack<T, Count> pack;
#pragma unroll
	for (int i = 0; i < Count; i++)
		pack.at[i] = from_float<T>(0.0f);
	return pack;
}

// Stores Count neighbours in a row. Multiply-adds are explicit so that all kernels round alike.
template <typename T, int Count> INLINE void finish(const Result<T> &r, const Epilogue &e, int64_t row, int64_t column, const Pack<float, Count> &sum, const Pack<T, Count> &residual)
{
	if (row >= r.rows || column >= r.columns)
		return;
	Pack<T, Count> pack;
	if (r.bias)
		pack = load_neighbours<T, Count>(r.bias + column, 1, r.columns - column, e.wide);
	float value[Count];
#pragma unroll
	for (int i = 0; i < Count; i++) {
		value[i] = __fmaf_rn(sum.at[i], e.alpha, r.bias ? to_float(pack.at[i]) : 0.0f);
		if (!e.residual_after)
			value[i] += to_float(residual.at[i]);
	}
	activate(e.activation, value, e.p0, e.p1);
#pragma unroll
	for (int i = 0; i < Count; i++)
		pack.at[i] = from_float<T>(e.residual_after ? value[i] + to_float(residual.at[i]) : value[i]);
	T *c = r.c + row * e.row + column;
	if (e.wide) {
		store<T, Count>(c, pack);
		return;
	}
#pragma unroll
	for (int i = 0; i < Count; i++)
		if (column + i < r.columns)
			c[i] = pack.at[i];
}

#endif

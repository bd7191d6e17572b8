// The functions of one element that element-wise kernels apply, in float whatever the elements are. Multiply-adds are written out, so that a function
// gives the same bits in every kernel that it is compiled into: which kernel runs may depend on a batch, the bits may not.
//
// NaN stays NaN in all of them, as in ONNX and NumPy; comparisons are written so that it falls through.
#ifndef INFERD_ELEMENTWISE_MATH_CUH
#define INFERD_ELEMENTWISE_MATH_CUH

#include "common.cuh"

// x held above -infinity, so that a product with a factor that has become zero is zero and not NaN.
INLINE float finite_below(float x) { return x < -3.40282347e38f ? -3.40282347e38f : x; }

INLINE float relu(float x) { return x < 0.0f ? 0.0f : x; }

// Where the limits cross, the upper one wins.
INLINE float clip(float x, float low, float high)
{
	x = x < low ? low : x;
	return x > high ? high : x;
}

INLINE float leaky_relu(float x, float alpha) { return x < 0.0f ? alpha * x : x; }

// 1 / (1 + e^-x). e^-x overflows to infinity, of which the quotient is the zero that is wanted; the fast division is within two units of the last place.
INLINE float sigmoid(float x) { return __fdividef(1.0f, 1.0f + expf(-x)); }

INLINE float silu(float x) { return finite_below(x) * sigmoid(x); }

// x (1 + erf(x / sqrt 2)) / 2, as x - |x| q above zero and -|x| q below, where q = erfc(|x| / sqrt 2) / 2 is the weight of the tail. q e^(x^2/2) / t with
// t = 1 / (1 + 0.3 |x|) is smooth, and its logarithm a polynomial of t (a fit to Chebyshev nodes): the relative error is below 1e-6 as far as where q
// underflows, while 1 + erf would cancel there, with fewer instructions than erff takes.
INLINE float gelu(float x)
{
	const float size = fminf(fabsf(x), 30.0f); // where q is zero; an infinity times it would be no number
	const float t = __fdividef(1.0f, fmaf(size, 0.3f, 1.0f));
	float power = -0.1816806021f;
	power = fmaf(power, t, 0.7222338699f);
	power = fmaf(power, t, -0.9665732453f);
	power = fmaf(power, t, 0.4325450169f);
	power = fmaf(power, t, -0.1683417941f);
	power = fmaf(power, t, 0.184365185f);
	power = fmaf(power, t, 0.4071103929f);
	power = fmaf(power, t, 1.000105476f);
	power = fmaf(power, t, -2.122911985f);
	return relu(x) - size * t * __expf(fmaf(size * size, -0.5f, power));
}

// The approximation by tanh: (1 + tanh u) / 2 = sigmoid(2 u), which keeps its relative precision below zero.
INLINE float gelu_tanh(float x)
{
	return finite_below(x) * sigmoid(x * fmaf(x * x, 0.0713548162726f, 1.59576912160573f));
}

INLINE float hard_sigmoid(float x, float alpha, float beta) { return clip(fmaf(alpha, x, beta), 0.0f, 1.0f); }

INLINE float hard_swish(float x) { return finite_below(x) * hard_sigmoid(x, 0.16666666666666666f, 0.5f); }

// log(1 + e^x), of a power that cannot overflow.
INLINE float softplus(float x) { return relu(x) + log1pf(expf(-fabsf(x))); }

INLINE float elu(float x, float alpha) { return x < 0.0f ? alpha * expm1f(x) : x; }

INLINE float sign_of(float x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }

INLINE float softsign(float x) { return x / (1.0f + fabsf(x)); }

INLINE float mish(float x) { return x * tanhf(softplus(x)); }

INLINE float swish(float x, float alpha) { return finite_below(x) * sigmoid(alpha * x); }

INLINE float celu(float x, float alpha) { return x < 0.0f ? alpha * expm1f(x / alpha) : x; }

INLINE float shrink(float x, float threshold, float bias) { return x < -threshold ? x + bias : x > threshold ? x - bias : 0.0f; }

// NaN where either is NaN; fminf and fmaxf would drop it.
INLINE float least(float x, float y) { return x != x || x < y ? x : y; }
INLINE float greatest(float x, float y) { return x != x || x > y ? x : y; }

// Integers wrap around, and nothing traps: a quotient by zero is zero.
INLINE int32_t wrapped_add(int32_t x, int32_t y) { return static_cast<int32_t>(static_cast<uint32_t>(x) + static_cast<uint32_t>(y)); }
INLINE int64_t wrapped_add(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) + static_cast<uint64_t>(y)); }
INLINE int32_t wrapped_subtract(int32_t x, int32_t y) { return static_cast<int32_t>(static_cast<uint32_t>(x) - static_cast<uint32_t>(y)); }
INLINE int64_t wrapped_subtract(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) - static_cast<uint64_t>(y)); }
INLINE int32_t wrapped_multiply(int32_t x, int32_t y) { return static_cast<int32_t>(static_cast<uint32_t>(x) * static_cast<uint32_t>(y)); }
INLINE int64_t wrapped_multiply(int64_t x, int64_t y) { return static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(y)); }

template <typename Integer> INLINE Integer guarded_divide(Integer x, Integer y)
{
	return y == 0 ? Integer(0) : y == Integer(-1) ? wrapped_subtract(Integer(0), x) : x / y;
}

// The remainder that has the sign of the divisor.
template <typename Integer> INLINE Integer guarded_modulo(Integer x, Integer y)
{
	if (y == 0 || y == Integer(-1))
		return 0;
	const Integer rest = x % y;
	return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

// The remainder that has the sign of the dividend.
template <typename Integer> INLINE Integer guarded_remainder(Integer x, Integer y) { return y == 0 || y == Integer(-1) ? Integer(0) : x % y; }

// Toward zero; what is out of range, and NaN, gives the smallest integer, as x86 has it (the plain cast is undefined there).
INLINE int64_t integer_of(float x)
{
	return x >= -9223372036854775808.0f && x < 9223372036854775808.0f ? static_cast<int64_t>(x) : INT64_MIN;
}

#endif

// Instructions over blocks of floats and masks: one loop each, over whole vectors and then the rest of the block.
#include <stdbool.h>

#include "activation.h"
#include "elementwise.h"

typedef vf (*unary)(vf x, float alpha, float beta);
typedef vf (*binary)(vf a, vf b);

INLINE void map1(float *out, const float *x, int64_t n, float alpha, float beta, unary f)
{
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(out + i, f(vf_load(x + i), alpha, beta));
	if (i < n)
		vf_store_partial(out + i, f(vf_load_partial(x + i, (int)(n - i)), alpha, beta), (int)(n - i));
}

INLINE void map2(float *out, const float *a, const float *b, int64_t n, binary f)
{
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(out + i, f(vf_load(a + i), vf_load(b + i)));
	if (i < n)
		vf_store_partial(out + i, f(vf_load_partial(a + i, (int)(n - i)), vf_load_partial(b + i, (int)(n - i))), (int)(n - i));
}

// mask ? a : b, bit patterns of floats or masks.
INLINE void map_where(float *out, const float *mask, const float *a, const float *b, int64_t n)
{
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES)
		vf_store(out + i, vf_select(vi_load(mask + i), vf_load(a + i), vf_load(b + i)));
	int rest = (int)(n - i);
	if (rest > 0) {
		vi m = vi_bits(vf_load_partial(mask + i, rest));
		vf_store_partial(out + i, vf_select(m, vf_load_partial(a + i, rest), vf_load_partial(b + i, rest)), rest);
	}
}

INLINE vf op_copy(vf x, float alpha, float beta) { (void)alpha, (void)beta; return x; }
INLINE vf op_neg(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_bits(vi_bits(x) ^ vi_set((int32_t)0x80000000)); }
INLINE vf op_abs(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_abs(x); }
INLINE vf op_exp(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_exp(x); }
INLINE vf op_log(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_log(x); }
INLINE vf op_sqrt(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_sqrt(x); }
INLINE vf op_reciprocal(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_set(1.0f) / x; }
INLINE vf op_erf(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_erf(x); }
INLINE vf op_round(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_round(x); }
INLINE vf op_square(vf x, float alpha, float beta) { (void)alpha, (void)beta; return x * x; }
INLINE vf op_cube(vf x, float alpha, float beta) { (void)alpha, (void)beta; return x * x * x; }
INLINE vf op_relu(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_RELU, x, alpha, beta); }
INLINE vf op_leaky_relu(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_LEAKY_RELU, x, alpha, beta); }
INLINE vf op_sigmoid(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_SIGMOID, x, alpha, beta); }
INLINE vf op_tanh(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_TANH, x, alpha, beta); }
INLINE vf op_gelu(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_GELU, x, alpha, beta); }
INLINE vf op_gelu_tanh(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_GELU_TANH, x, alpha, beta); }
INLINE vf op_hard_swish(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_HARD_SWISH, x, alpha, beta); }
INLINE vf op_hard_sigmoid(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_HARD_SIGMOID, x, alpha, beta); }
INLINE vf op_clip(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_CLIP, x, alpha, beta); }
INLINE vf op_silu(vf x, float alpha, float beta) { return activate(INFERD_ACTIVATION_SILU, x, alpha, beta); }

INLINE vf op_floor(vf x, float alpha, float beta)
{
	(void)alpha, (void)beta;
	vf nearest = vf_round(x);
	return vf_select(nearest > x, nearest - vf_set(1.0f), nearest);
}

INLINE vf op_ceil(vf x, float alpha, float beta)
{
	(void)alpha, (void)beta;
	vf nearest = vf_round(x);
	vf above = vf_bits(vi_bits(nearest + vf_set(1.0f)) | (vi_bits(x) & vi_set((int32_t)0x80000000))); // ceil(-0.7) is -0
	return vf_select(nearest < x, above, nearest);
}

// log(1 + e^x) as max(x, 0) + log(1 + t), t = e^-|x|. The quotient makes good what rounding 1 + t lost.
INLINE vf op_softplus(vf x, float alpha, float beta)
{
	(void)alpha, (void)beta;
	vf t = vf_exp(-vf_abs(x)), u = vf_set(1.0f) + t;
	vf tail = vf_select(u == vf_set(1.0f), t, vf_log(u) * t / (u - vf_set(1.0f)));
	return vf_max(vf_zero(), x) + tail;
}

// alpha (e^x - 1) below zero, with e^x - 1 = 2 tanh(x/2) / (1 - tanh(x/2)), which keeps its relative precision.
INLINE vf op_elu(vf x, float alpha, float beta)
{
	(void)beta;
	vf t = vf_tanh(x * vf_set(0.5f));
	return vf_select(x < vf_zero(), vf_set(alpha) * (t + t) / (vf_set(1.0f) - t), x);
}

INLINE vf op_sign(vf x, float alpha, float beta)
{
	(void)alpha, (void)beta;
	vf one = vf_bits((vi_bits(x) & vi_set((int32_t)0x80000000)) | vi_bits(vf_set(1.0f)));
	return vf_select((x < vf_zero()) | (x > vf_zero()), one, x);
}

INLINE vf op_non_zero(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_bits((vi)(x != vf_zero())); }
INLINE vf op_is_nan(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_bits((vi)(x != x)); }
INLINE vf op_not(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_bits(~vi_bits(x)); }
INLINE vf op_mask_to_float(vf x, float alpha, float beta) { (void)alpha, (void)beta; return vf_bits(vi_bits(x) & vi_bits(vf_set(1.0f))); }

INLINE vf op_add(vf a, vf b) { return a + b; }
INLINE vf op_sub(vf a, vf b) { return a - b; }
INLINE vf op_mul(vf a, vf b) { return a * b; }
INLINE vf op_div(vf a, vf b) { return a / b; }
// NaN where either is NaN, as numpy and onnxruntime have it.
INLINE vf op_min(vf a, vf b) { return vf_select(a != a, a, vf_min(a, b)); }
INLINE vf op_max(vf a, vf b) { return vf_select(a != a, a, vf_max(a, b)); }
INLINE vf op_prelu(vf a, vf b) { return vf_select(a < vf_zero(), a * b, a); }
INLINE vf op_equal(vf a, vf b) { return vf_bits((vi)(a == b)); }
INLINE vf op_greater(vf a, vf b) { return vf_bits((vi)(a > b)); }
INLINE vf op_greater_or_equal(vf a, vf b) { return vf_bits((vi)(a >= b)); }
INLINE vf op_and(vf a, vf b) { return vf_bits(vi_bits(a) & vi_bits(b)); }
INLINE vf op_or(vf a, vf b) { return vf_bits(vi_bits(a) | vi_bits(b)); }
INLINE vf op_xor(vf a, vf b) { return vf_bits(vi_bits(a) ^ vi_bits(b)); }

// Powers without a kernel of their own are left to the C library; the planner turns the usual exponents into products and roots.
INLINE void map_pow(float *out, const float *a, const float *b, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = powf(a[i], b[i]);
}

// Runs instructions with one argument; returns false where op is none of them.
static bool run_unary(const inferd_chain_instruction *in, float *out, const float *x, int64_t n)
{
	float alpha = in->alpha, beta = in->beta;
	switch (in->op) {
	case INFERD_OP_COPY: case INFERD_OP_MASK_COPY: map1(out, x, n, alpha, beta, op_copy); return true;
	case INFERD_OP_NEG: map1(out, x, n, alpha, beta, op_neg); return true;
	case INFERD_OP_ABS: map1(out, x, n, alpha, beta, op_abs); return true;
	case INFERD_OP_RELU: map1(out, x, n, alpha, beta, op_relu); return true;
	case INFERD_OP_LEAKY_RELU: map1(out, x, n, alpha, beta, op_leaky_relu); return true;
	case INFERD_OP_SIGMOID: map1(out, x, n, alpha, beta, op_sigmoid); return true;
	case INFERD_OP_TANH: map1(out, x, n, alpha, beta, op_tanh); return true;
	case INFERD_OP_EXP: map1(out, x, n, alpha, beta, op_exp); return true;
	case INFERD_OP_LOG: map1(out, x, n, alpha, beta, op_log); return true;
	case INFERD_OP_SQRT: map1(out, x, n, alpha, beta, op_sqrt); return true;
	case INFERD_OP_RECIPROCAL: map1(out, x, n, alpha, beta, op_reciprocal); return true;
	case INFERD_OP_ERF: map1(out, x, n, alpha, beta, op_erf); return true;
	case INFERD_OP_GELU: map1(out, x, n, alpha, beta, op_gelu); return true;
	case INFERD_OP_GELU_TANH: map1(out, x, n, alpha, beta, op_gelu_tanh); return true;
	case INFERD_OP_HARD_SWISH: map1(out, x, n, alpha, beta, op_hard_swish); return true;
	case INFERD_OP_HARD_SIGMOID: map1(out, x, n, alpha, beta, op_hard_sigmoid); return true;
	case INFERD_OP_CLIP: map1(out, x, n, alpha, beta, op_clip); return true;
	case INFERD_OP_SOFTPLUS: map1(out, x, n, alpha, beta, op_softplus); return true;
	case INFERD_OP_ELU: map1(out, x, n, alpha, beta, op_elu); return true;
	case INFERD_OP_SILU: map1(out, x, n, alpha, beta, op_silu); return true;
	case INFERD_OP_FLOOR: map1(out, x, n, alpha, beta, op_floor); return true;
	case INFERD_OP_CEIL: map1(out, x, n, alpha, beta, op_ceil); return true;
	case INFERD_OP_ROUND: map1(out, x, n, alpha, beta, op_round); return true;
	case INFERD_OP_SQUARE: map1(out, x, n, alpha, beta, op_square); return true;
	case INFERD_OP_CUBE: map1(out, x, n, alpha, beta, op_cube); return true;
	case INFERD_OP_SIGN: map1(out, x, n, alpha, beta, op_sign); return true;
	case INFERD_OP_NON_ZERO: map1(out, x, n, alpha, beta, op_non_zero); return true;
	case INFERD_OP_IS_NAN: map1(out, x, n, alpha, beta, op_is_nan); return true;
	case INFERD_OP_NOT: map1(out, x, n, alpha, beta, op_not); return true;
	case INFERD_OP_MASK_TO_FLOAT: map1(out, x, n, alpha, beta, op_mask_to_float); return true;
	default: return false;
	}
}

// Runs instructions with two or three arguments; returns false where op is none of them.
static bool run_binary(const inferd_chain_instruction *in, float *out, const float *a, const float *b, const float *c, int64_t n)
{
	switch (in->op) {
	case INFERD_OP_ADD: map2(out, a, b, n, op_add); return true;
	case INFERD_OP_SUB: map2(out, a, b, n, op_sub); return true;
	case INFERD_OP_MUL: map2(out, a, b, n, op_mul); return true;
	case INFERD_OP_DIV: map2(out, a, b, n, op_div); return true;
	case INFERD_OP_MIN: map2(out, a, b, n, op_min); return true;
	case INFERD_OP_MAX: map2(out, a, b, n, op_max); return true;
	case INFERD_OP_POW: map_pow(out, a, b, n); return true;
	case INFERD_OP_PRELU: map2(out, a, b, n, op_prelu); return true;
	case INFERD_OP_EQUAL: map2(out, a, b, n, op_equal); return true;
	case INFERD_OP_GREATER: map2(out, a, b, n, op_greater); return true;
	case INFERD_OP_GREATER_OR_EQUAL: map2(out, a, b, n, op_greater_or_equal); return true;
	case INFERD_OP_LESS: map2(out, b, a, n, op_greater); return true;
	case INFERD_OP_LESS_OR_EQUAL: map2(out, b, a, n, op_greater_or_equal); return true;
	case INFERD_OP_AND: map2(out, a, b, n, op_and); return true;
	case INFERD_OP_OR: map2(out, a, b, n, op_or); return true;
	case INFERD_OP_XOR: map2(out, a, b, n, op_xor); return true;
	case INFERD_OP_WHERE: map_where(out, a, b, c, n); return true;
	default: return false;
	}
}

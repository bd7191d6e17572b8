// Elementary functions over vector.h: exp, log, erf, tanh, sigmoid, each lane on its own.
//
// One sequence of operations per function and no table, so one element's result depends on nothing but the element. The
// variants differ in the last bits (the scalar one has no fused multiply-add). The stated errors are the largest found
// over every float32 of the range by package vectormath, with fused multiply-add; the scalar variant adds at most two ulp.
// Results below the smallest normal number are zero. NaN in gives NaN out.
#ifndef INFERD_VECTOR_MATH_H
#define INFERD_VECTOR_MATH_H

#include "vector.h"

// Limits of exp: its largest finite argument, and the smallest argument whose result is a normal number.
#define INFERD_EXP_HIGH 88.72283172607421875f
#define INFERD_EXP_LOW -87.3365402221679688f

// e^x for INFERD_EXP_LOW <= x <= INFERD_EXP_HIGH, or NaN; 1 ulp. The building block where the caller knows the range.
INLINE vf vf_exp_bounded(vf x)
{
	vi exponent = vi_from_vf(x * vf_set(1.44269504088896341f)); // rounds to nearest; NaN becomes 1 << 31, which the shift drops
	vf n = vf_from_vi(exponent);
	vf r = vf_fma(n, vf_set(-0.693359375f), x); // ln 2 in two parts; the first has nine bits, so the product is exact
	r = vf_fma(n, vf_set(2.12194440e-4f), r);
	vf p = vf_fma(vf_set(1.9875691500e-4f), r, vf_set(1.3981999507e-3f));
	p = vf_fma(p, r, vf_set(8.3334519073e-3f));
	p = vf_fma(p, r, vf_set(4.1665795894e-2f));
	p = vf_fma(p, r, vf_set(1.6666665459e-1f));
	p = vf_fma(p, r, vf_set(5.0000001201e-1f));
	p = vf_fma(p, r * r, r) + vf_set(1.0f);
	// Adding to the exponent's bits instead of multiplying reaches 2^128 * 0.99 without an infinite factor.
	return vf_bits((vi)((vu)vi_bits(p) + ((vu)exponent << 23)));
}

// e^x for every x: infinite above INFERD_EXP_HIGH, 0 below INFERD_EXP_LOW; 1 ulp.
INLINE vf vf_exp(vf x)
{
	vf bounded = vf_min(vf_set(INFERD_EXP_HIGH), vf_max(vf_set(INFERD_EXP_LOW), x));
	vf y = vf_bits(vi_bits(vf_exp_bounded(bounded)) & ~(vi)(x < vf_set(INFERD_EXP_LOW)));
	return vf_select(x > vf_set(INFERD_EXP_HIGH), vf_set(INFINITY), y);
}

// Natural logarithm; -inf at 0, NaN below; 1 ulp. Subnormal arguments are exact too.
INLINE vf vf_log(vf x)
{
	vi tiny = x < vf_set(1.17549435e-38f);
	vf scaled = vf_select(tiny, x * vf_set(8388608.0f), x);
	// The mantissa is brought to [sqrt(1/2), sqrt(2)) by moving the binary point of the bits at sqrt(1/2).
	vi bits = (vi)((vu)vi_bits(scaled) - (vu)vi_set(0x3f3504f3));
	vf e = vf_from_vi((bits >> 23) - (tiny & vi_set(23)));
	vf z = vf_bits((bits & vi_set(0x007fffff)) + vi_set(0x3f3504f3)) - vf_set(1.0f);
	vf p = vf_fma(vf_set(7.0376836292e-2f), z, vf_set(-1.1514610310e-1f));
	p = vf_fma(p, z, vf_set(1.1676998740e-1f));
	p = vf_fma(p, z, vf_set(-1.2420140846e-1f));
	p = vf_fma(p, z, vf_set(1.4249322787e-1f));
	p = vf_fma(p, z, vf_set(-1.6668057665e-1f));
	p = vf_fma(p, z, vf_set(2.0000714765e-1f));
	p = vf_fma(p, z, vf_set(-2.4999993993e-1f));
	p = vf_fma(p, z, vf_set(3.3333331174e-1f));
	vf square = z * z;
	vf y = p * z * square;
	y = vf_fma(e, vf_set(-2.12194440e-4f), y);
	y = vf_fma(square, vf_set(-0.5f), y);
	y = vf_fma(e, vf_set(0.693359375f), z + y);
	y = vf_select(x == vf_zero(), vf_set(-INFINITY), y);
	y = vf_select(x < vf_zero(), vf_set(NAN), y);
	return vf_select((vi)(x < vf_set(INFINITY)), y, x + x + vf_bits(vi_bits(x) & (vi)(x != x)));
}

// Error function; 1 ulp.
INLINE vf vf_erf(vf x)
{
	// Both halves are minimax polynomials: erf(x) = x + x p(x^2) near zero, 1 - exp(q(|x|)) beyond. At 4 it has become 1.
	vf s = x * x;
	vf near = vf_fma(vf_set(-5.96761703e-4f), s, vf_set(4.99119423e-3f));
	near = vf_fma(near, s, vf_set(-2.67681349e-2f));
	near = vf_fma(near, s, vf_set(1.12819925e-1f));
	near = vf_fma(near, s, vf_set(-3.76125336e-1f));
	near = vf_fma(near, s, vf_set(1.28379166e-1f));
	near = vf_fma(near, x, x);
	vf t = vf_min(vf_set(4.0f), vf_abs(x));
	vf r = vf_fma(vf_set(-1.72853470e-5f), t, vf_set(3.83197126e-4f));
	vf u = vf_fma(vf_set(-3.88396438e-3f), t, vf_set(2.42546219e-2f));
	r = vf_fma(r, t * t, u);
	r = vf_fma(r, t, vf_set(-1.06777877e-1f));
	r = vf_fma(r, t, vf_set(-6.34846687e-1f));
	r = vf_fma(r, t, vf_set(-1.28717512e-1f));
	r = vf_fma(r, t, -t);
	vf far = vf_set(1.0f) - vf_exp_bounded(r);
	far = vf_bits(vi_bits(far) | (vi_bits(x) & vi_set((int32_t)0x80000000)));
	return vf_select(t > vf_set(0.927734375f), far, near);
}

// Hyperbolic tangent; 5 ulp.
INLINE vf vf_tanh(vf x)
{
	// A rational approximation, x p(x^2) / q(x^2); beyond 9 the result is 1 to the last bit.
	vf c = vf_min(vf_set(9.0f), vf_max(vf_set(-9.0f), x));
	vf s = c * c;
	vf p = vf_fma(vf_set(-2.76076847742355e-16f), s, vf_set(2.00018790482477e-13f));
	p = vf_fma(p, s, vf_set(-8.60467152213735e-11f));
	p = vf_fma(p, s, vf_set(5.12229709037114e-08f));
	p = vf_fma(p, s, vf_set(1.48572235717979e-05f));
	p = vf_fma(p, s, vf_set(6.37261928875436e-04f));
	p = vf_fma(p, s, vf_set(4.89352455891786e-03f)) * c;
	vf q = vf_fma(vf_set(1.19825839466702e-06f), s, vf_set(1.18534705686654e-04f));
	q = vf_fma(q, s, vf_set(2.26843463243900e-03f));
	q = vf_fma(q, s, vf_set(4.89352518554385e-03f));
	vf y = vf_min(vf_set(1.0f), vf_max(vf_set(-1.0f), p / q));
	return vf_select(vf_abs(x) < vf_set(0.0004f), x, y);
}

// 1 / (1 + e^-x); 3 ulp.
INLINE vf vf_sigmoid(vf x) { return vf_set(1.0f) / (vf_set(1.0f) + vf_exp(-x)); }

#endif

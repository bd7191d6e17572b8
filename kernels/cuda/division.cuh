// Division by numbers that the planner knows.
#ifndef INFERD_DIVISION_CUH
#define INFERD_DIVISION_CUH

#include "common.cuh"

// A quotient as a product: Granlund and Montgomery, "Division by invariant integers using multiplication", 1994. For dividends below 2^31, which keep
// the sum from overflowing. division.go makes them.
struct Divisor {
	uint32_t divisor, multiplier, shift;
};

INLINE uint32_t quotient(uint32_t x, const Divisor &by)
{
	const uint32_t high = static_cast<uint32_t>(static_cast<uint64_t>(x) * by.multiplier >> 32);
	return (high + x) >> by.shift;
}

// Splits off the remainder: x becomes the quotient.
INLINE uint32_t split_off(uint32_t &x, const Divisor &by)
{
	const uint32_t q = quotient(x, by), remainder = x - q * by.divisor;
	x = q;
	return remainder;
}

#endif

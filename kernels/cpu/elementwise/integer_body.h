// Instructions over blocks of 64-bit integers, in plain loops that the compiler vectorises. Nothing here can trap: division by zero
// gives 0, and sums wrap around.
#include <emmintrin.h>
#include <stdbool.h>

#include "vector.h"

#include "elementwise.h"

INLINE int64_t wrapped_add(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
INLINE int64_t wrapped_sub(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }
INLINE int64_t wrapped_mul(int64_t a, int64_t b) { return (int64_t)((uint64_t)a * (uint64_t)b); }
INLINE int64_t guarded_div(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? wrapped_sub(0, a) : a / b; }

INLINE int64_t narrow(int64_t x, int32_t type)
{
	switch (type) {
	case INFERD_TYPE_UINT8: return (uint8_t)x;
	case INFERD_TYPE_INT8: return (int8_t)x;
	case INFERD_TYPE_UINT16: return (uint16_t)x;
	case INFERD_TYPE_INT16: return (int16_t)x;
	case INFERD_TYPE_INT32: return (int32_t)x;
	case INFERD_TYPE_UINT32: return (uint32_t)x;
	default: return x;
	}
}

// Toward zero; what is out of range gives the smallest integer, as the processor has it (the plain cast is undefined there).
INLINE int64_t integer_from_float(float x) { return _mm_cvttss_si64(_mm_set_ss(x)); }

static void run_integer(const inferd_chain_instruction *in, void *out, const void *x, const void *y, const void *z, int64_t n)
{
	int64_t *to = out;
	int32_t *mask = out;
	const int64_t *a = x, *b = y, *c = z;
	switch (in->op) {
	case INFERD_OP_INT_ADD: for (int64_t i = 0; i < n; i++) to[i] = wrapped_add(a[i], b[i]); break;
	case INFERD_OP_INT_SUB: for (int64_t i = 0; i < n; i++) to[i] = wrapped_sub(a[i], b[i]); break;
	case INFERD_OP_INT_MUL: for (int64_t i = 0; i < n; i++) to[i] = wrapped_mul(a[i], b[i]); break;
	case INFERD_OP_INT_DIV: for (int64_t i = 0; i < n; i++) to[i] = guarded_div(a[i], b[i]); break;
	case INFERD_OP_INT_MIN: for (int64_t i = 0; i < n; i++) to[i] = a[i] < b[i] ? a[i] : b[i]; break;
	case INFERD_OP_INT_MAX: for (int64_t i = 0; i < n; i++) to[i] = a[i] > b[i] ? a[i] : b[i]; break;
	case INFERD_OP_INT_NEG: for (int64_t i = 0; i < n; i++) to[i] = wrapped_sub(0, a[i]); break;
	case INFERD_OP_INT_ABS: for (int64_t i = 0; i < n; i++) to[i] = a[i] < 0 ? wrapped_sub(0, a[i]) : a[i]; break;
	case INFERD_OP_INT_EQUAL: for (int64_t i = 0; i < n; i++) mask[i] = -(a[i] == b[i]); break;
	case INFERD_OP_INT_GREATER: for (int64_t i = 0; i < n; i++) mask[i] = -(a[i] > b[i]); break;
	case INFERD_OP_INT_GREATER_OR_EQUAL: for (int64_t i = 0; i < n; i++) mask[i] = -(a[i] >= b[i]); break;
	case INFERD_OP_INT_NON_ZERO: for (int64_t i = 0; i < n; i++) mask[i] = -(a[i] != 0); break;
	case INFERD_OP_INT_WHERE: for (int64_t i = 0; i < n; i++) to[i] = ((const int32_t *)x)[i] ? b[i] : c[i]; break;
	case INFERD_OP_INT_NARROW: for (int64_t i = 0; i < n; i++) to[i] = narrow(a[i], in->type); break;
	case INFERD_OP_FLOAT_TO_INT: for (int64_t i = 0; i < n; i++) to[i] = integer_from_float(((const float *)x)[i]); break;
	case INFERD_OP_INT_TO_FLOAT: for (int64_t i = 0; i < n; i++) ((float *)out)[i] = (float)a[i]; break;
	case INFERD_OP_MASK_TO_INT: for (int64_t i = 0; i < n; i++) to[i] = -(int64_t)((const int32_t *)x)[i]; break;
	default: break; // the planner emits no other
	}
}

// Instructions of the PTX ISA that C++ has no word for: one wrapper each, with a body for the emulation, and one for Turing (sm_75), which has neither
// asynchronous copies nor bfloat16 and TF32 in its tensor cores.
#ifndef INFERD_PTX_CUH
#define INFERD_PTX_CUH

#include "common.cuh"

#if !defined(__CUDACC__)
#include "emulation/source/ptx.h"
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define INFERD_AMPERE 1
#endif

#if defined(__CUDACC__)
INLINE unsigned shared_address(const void *p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }
#endif

// Copies Bytes from global to shared memory, or writes zeros where nothing is there; complete at a wait_for_copies of this thread. Both are aligned to Bytes.
template <int Bytes> INLINE void copy_async(void *shared, const void *global, bool there)
{
#if !defined(__CUDACC__)
	emulation::copy_later(shared, global, Bytes, there);
#else
#if defined(INFERD_AMPERE)
	if constexpr (Bytes == 16) { // past the first-level cache: what is copied is read from shared memory from now on
		asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)), "r"(there ? 16 : 0) : "memory");
		return;
	} else if constexpr (Bytes >= 4) {
		asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)), "n"(Bytes), "r"(there ? Bytes : 0) : "memory");
		return;
	}
#endif
	if constexpr (Bytes == 16)
		*static_cast<uint4 *>(shared) = there ? *static_cast<const uint4 *>(global) : make_uint4(0, 0, 0, 0);
	else if constexpr (Bytes == 4)
		*static_cast<uint32_t *>(shared) = there ? *static_cast<const uint32_t *>(global) : 0;
	else if constexpr (Bytes == 2)
		*static_cast<uint16_t *>(shared) = there ? *static_cast<const uint16_t *>(global) : static_cast<uint16_t>(0);
	else
		*static_cast<uint8_t *>(shared) = there ? *static_cast<const uint8_t *>(global) : static_cast<uint8_t>(0);
#endif
}

// Closes the group of the copies that this thread asked for since the last one; a group may be empty.
INLINE void commit_copies()
{
#if !defined(__CUDACC__)
	emulation::commit_copies();
#elif defined(INFERD_AMPERE)
	asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Waits until all but the latest groups of this thread are complete. Others see them after a barrier.
template <int GroupsUnderWay> INLINE void wait_for_copies()
{
#if !defined(__CUDACC__)
	emulation::wait_for_copies(GroupsUnderWay);
#elif defined(INFERD_AMPERE)
	asm volatile("cp.async.wait_group %0;" ::"n"(GroupsUnderWay) : "memory");
#endif
}

// ldmatrix: four matrices of 8 x 8 elements of two bytes. Lane l brings the address of row l % 8 of matrix l / 8 and gets, of each matrix, elements
// 2 * (l % 4) and the next one of row l / 4; Transposed, of column l / 4.
template <bool Transposed> INLINE void load_matrices(uint32_t (&to)[4], const void *row)
{
#if !defined(__CUDACC__)
	emulation::load_matrices(to, row, Transposed, __FILE__, __LINE__);
#else
	if constexpr (Transposed)
		asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(shared_address(row)) : "memory");
	else
		asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(shared_address(row)) : "memory");
#endif
}

// An element of a product in TF32: a float whose last 13 bits of the fraction do not count.
struct tfloat_t {
	float value;
};

// Rounds a float to TF32, to nearest, ties away from zero; the tensor cores by themselves would cut it off.
INLINE uint32_t round_to_tfloat(uint32_t bits)
{
#if defined(INFERD_AMPERE)
	asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(__uint_as_float(bits)));
	return bits;
#else
	return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & ~0x1fffu;
#endif
}

#if !defined(INFERD_AMPERE)
// The two elements of a register, or the one of TF32.
INLINE float register_element(bfloat_t, uint32_t bits, int i) { return __uint_as_float(i == 0 ? bits << 16 : bits & 0xffff0000u); }
INLINE float register_element(tfloat_t, uint32_t bits, int) { return __uint_as_float(bits); }

// What the tensor cores cannot do, by all lanes of the warp: each fetches its rows of A and columns of B from the lanes that hold them. A function that is
// called, because kernels multiply in dozens of places.
template <typename T> __device__ __noinline__ float4 multiply_by_hand(float4 c, uint4 a, uint2 b)
{
	constexpr int kEach = 4 / static_cast<int>(sizeof(T));
	const int group = lane_of_thread() / 4, within = lane_of_thread() % 4;
#pragma unroll 1
	for (int step = 0; step < 8; step++) { // the low and the high half along K, four lanes each
		const int from = step % 4;
		const uint32_t above = __shfl_sync(kAllLanes, step < 4 ? a.x : a.z, group * 4 + from), below = __shfl_sync(kAllLanes, step < 4 ? a.y : a.w, group * 4 + from);
		const uint32_t half = step < 4 ? b.x : b.y, left = __shfl_sync(kAllLanes, half, within * 8 + from), right = __shfl_sync(kAllLanes, half, within * 8 + 4 + from);
#pragma unroll
		for (int i = 0; i < kEach; i++) {
			c.x = __fmaf_rn(register_element(T(), above, i), register_element(T(), left, i), c.x);
			c.y = __fmaf_rn(register_element(T(), above, i), register_element(T(), right, i), c.y);
			c.z = __fmaf_rn(register_element(T(), below, i), register_element(T(), left, i), c.z);
			c.w = __fmaf_rn(register_element(T(), below, i), register_element(T(), right, i), c.w);
		}
	}
	return c;
}

template <typename T> INLINE void multiply_by_hand(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
	const float4 sum = multiply_by_hand<T>(make_float4(c[0], c[1], c[2], c[3]), make_uint4(a[0], a[1], a[2], a[3]), make_uint2(b[0], b[1]));
	c[0] = sum.x;
	c[1] = sum.y;
	c[2] = sum.z;
	c[3] = sum.w;
}
#endif

// mma: C[16, 8] += A[16, K] B[K, 8] by the whole warp, where K is 32 bytes of elements. Lane l holds of C, in row l / 4 and (c[2], c[3]) eight rows below,
// columns 2 * (l % 4) and the next one; of A (rows) and B (columns) what load_matrices gives for the same bytes.
INLINE void multiply(half_t, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
#if !defined(__CUDACC__)
	emulation::mma<half_t>(c, a, b, __FILE__, __LINE__);
#elif defined(INFERD_AMPERE)
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
#pragma unroll
	for (int half = 0; half < 2; half++)
		asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
			: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}

INLINE void multiply(bfloat_t, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
#if !defined(__CUDACC__)
	emulation::mma<bfloat_t>(c, a, b, __FILE__, __LINE__);
#elif defined(INFERD_AMPERE)
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
	multiply_by_hand<bfloat_t>(c, a, b);
#endif
}

// The operands were rounded by round_to_tfloat.
INLINE void multiply(tfloat_t, float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
#if !defined(__CUDACC__)
	emulation::mma<float>(c, a, b, __FILE__, __LINE__);
#elif defined(INFERD_AMPERE)
	asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
	multiply_by_hand<tfloat_t>(c, a, b);
#endif
}

// What Turing's tensor cores do at a time with signed bytes: C[8, 8] += A[8, 16] B[16, 8], the parts of a lane being a register of A, one of B and two of C.
INLINE void multiply_quarter(uint32_t &left, uint32_t &right, uint32_t a, uint32_t b)
{
#if !defined(__CUDACC__)
	uint32_t c[4] = {left, right, 0, 0};
	emulation::mma<int8_t>(c, {a, 0, 0, 0}, {b, 0}, __FILE__, __LINE__);
	left = c[0];
	right = c[1];
#else
	asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};" : "+r"(left), "+r"(right) : "r"(a), "r"(b));
#endif
}

// The upper and the lower rows of C, the low and the high half along K.
INLINE void multiply_in_quarters(uint32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
#pragma unroll
	for (int half = 0; half < 2; half++)
#pragma unroll
		for (int below = 0; below < 2; below++)
			multiply_quarter(c[2 * below], c[2 * below + 1], a[2 * half + below], b[half]);
}

// Signed bytes, whose sums wrap around.
INLINE void multiply(int8_t, uint32_t (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2])
{
#if !defined(__CUDACC__)
	emulation::mma<int8_t>(c, a, b, __FILE__, __LINE__);
#elif defined(INFERD_AMPERE)
	asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
		: "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
	multiply_in_quarters(c, a, b);
#endif
}

#endif

// CUDA's language for g++: enough of it that the kernels' sources run on the CPU, for tests.
//
// A block's threads are fibers of one thread of the system, switched at barriers and warp operations, and blocks run one after the other. So it
// shows wrong results, reads and writes out of bounds, and barriers that part of a block does not reach. It cannot show races between warps,
// alignment faults or speed.
#ifndef INFERD_CUDA_EMULATION_H
#define INFERD_CUDA_EMULATION_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __noinline__ __attribute__((noinline))
#define __align__(n) alignas(n)
#define __restrict__ __restrict
#define __grid_constant__
#define __constant__ static const
#define __shared__ static thread_local

#include "fibers.h"
#include "halves.h"

// The symbol is what the launcher calls; the size lets tests hold the planner's struct to this one.
#define KERNEL(name, Arguments, most_threads) \
	static void name##_body(const Arguments &arguments); \
	extern "C" const uint32_t name##_arguments_size = sizeof(Arguments); \
	extern "C" const uint32_t name##_most_threads = most_threads; \
	extern "C" void name(const void *arguments) { name##_body(*static_cast<const Arguments *>(arguments)); } \
	static void name##_body(const Arguments &arguments)

#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(emulation::dynamic_shared())

#define threadIdx (emulation::self->thread)
#define blockIdx (emulation::block->index)
#define blockDim (emulation::block->threads)
#define gridDim (emulation::block->blocks)

#define __syncthreads() emulation::synchronize(__FILE__, __LINE__)
#define __syncwarp(...) emulation::synchronize_warp(emulation::mask_of(__VA_ARGS__), __FILE__, __LINE__)
#define __shfl_sync(mask, value, lane) emulation::shuffle(mask, value, (lane) & 31, __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, bits) emulation::shuffle(mask, value, emulation::lane() ^ (bits), __FILE__, __LINE__)
#define __shfl_down_sync(mask, value, by) emulation::shuffle(mask, value, emulation::lane() + (by), __FILE__, __LINE__)
#define __shfl_up_sync(mask, value, by) emulation::shuffle(mask, value, emulation::lane() - static_cast<int>(by), __FILE__, __LINE__)
#define __ballot_sync(mask, predicate) emulation::ballot(mask, predicate, __FILE__, __LINE__)
#define __any_sync(mask, predicate) (emulation::ballot(mask, predicate, __FILE__, __LINE__) != 0)
#define __all_sync(mask, predicate) (emulation::ballot(mask, !(predicate), __FILE__, __LINE__) == 0)
#define __activemask() 0xffffffffu

using std::max;
using std::min;

// Vector types that kernels load and store whole.
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

// Mathematics whose fast forms differ from the exact ones by less than any test's tolerance.
#define __expf(x) expf(x) // the C library declares functions of these names
#define __logf(x) logf(x)
static inline float __fdividef(float a, float b) { return a / b; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline float __fadd_rn(float a, float b) { return a + b; }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline float __fdiv_rn(float a, float b) { return a / b; }
static inline float normcdff(float x) { return 0.5f * erfcf(-x * 0.70710678118654752f); }
static inline int __float2int_rn(float x) { return static_cast<int>(nearbyintf(x)); }
static inline unsigned __float_as_uint(float x) { unsigned bits; memcpy(&bits, &x, 4); return bits; }
static inline int __float_as_int(float x) { int bits; memcpy(&bits, &x, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline float __int_as_float(int bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
static inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
template <typename T> static inline T __ldg(const T *p) { return *p; }
template <typename T> static inline T __ldcs(const T *p) { return *p; }
template <typename T> static inline void __stcs(T *p, T value) { *p = value; }

// __dp4a: the sum of four products of signed bytes, added to c, which wraps around.
static inline int __dp4a(int a, int b, int c)
{
	unsigned sum = static_cast<unsigned>(c);
	for (int i = 0; i < 4; i++)
		sum += static_cast<unsigned>(static_cast<int8_t>(a >> (8 * i)) * static_cast<int8_t>(b >> (8 * i)));
	return static_cast<int>(sum);
}

template <typename T> static inline T atomicAdd(T *p, T value) { T old = *p; *p = old + value; return old; }
template <typename T> static inline T atomicMax(T *p, T value) { T old = *p; *p = std::max(old, value); return old; }
template <typename T> static inline T atomicMin(T *p, T value) { T old = *p; *p = std::min(old, value); return old; }
template <typename T> static inline T atomicExch(T *p, T value) { T old = *p; *p = value; return old; }
template <typename T> static inline T atomicOr(T *p, T value) { T old = *p; *p = old | value; return old; }
static inline void __threadfence() {}
static inline void __threadfence_block() {}

#endif

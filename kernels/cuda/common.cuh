// What every kernel file begins with: the language as nvcc or the emulation gives it, element types, and vector access.
#ifndef INFERD_COMMON_CUH
#define INFERD_COMMON_CUH

#include <stdint.h>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>

typedef __half half_t;
typedef __nv_bfloat16 bfloat_t;

// A kernel has one parameter, a struct with addresses first, so that whoever launches it needs to know its bytes only.
#define KERNEL(name, Arguments, most_threads) \
	extern "C" __global__ void __launch_bounds__(most_threads) name(const __grid_constant__ Arguments arguments)

// Memory shared by a block whose size the launch decides. One per kernel; alignment 128.
#define DYNAMIC_SHARED(type, name) \
	extern __shared__ __align__(128) unsigned char dynamic_shared_bytes[]; \
	type *name = reinterpret_cast<type *>(dynamic_shared_bytes)

#else
#include "emulation/source/emulation.h"
#endif

// Functions of a kernel file, in line or called. nvcc names what has internal linkage after the folder that it runs in, and compiling anew would not give the
// committed bytes; the emulation links all files into one library.
#if defined(__CUDACC__)
#define INLINE __device__ __forceinline__
#define OUTLINE inline __device__ __noinline__
#else
#define INLINE static __device__ __forceinline__
#define OUTLINE static __device__ __noinline__
#endif

// Conversions. Sums are kept in float whatever the elements are.
INLINE float to_float(float x) { return x; }
INLINE float to_float(half_t x) { return __half2float(x); }
INLINE float to_float(bfloat_t x) { return __bfloat162float(x); }
INLINE float to_float(int8_t x) { return static_cast<float>(x); }
INLINE float to_float(uint8_t x) { return static_cast<float>(x); }
INLINE float to_float(int32_t x) { return static_cast<float>(x); }
INLINE float to_float(int64_t x) { return static_cast<float>(x); }

template <typename A, typename B> constexpr bool kSame = false;
template <typename A> constexpr bool kSame<A, A> = true;

template <typename T> INLINE T from_float(float x)
{
	if constexpr (kSame<T, half_t>)
		return __float2half(x);
	else if constexpr (kSame<T, bfloat_t>)
		return __float2bfloat16(x);
	else
		return static_cast<T>(x);
}

// Count elements that move as one, with the alignment that lets them: 16 bytes are the widest load there is.
template <typename T, int Count> struct __align__(sizeof(T) * Count) Pack {
	T at[Count];
};

// Elements of T in a load of 16 bytes.
template <typename T> constexpr int kWide = 16 / static_cast<int>(sizeof(T));

template <typename T, int Count> INLINE Pack<T, Count> load(const T *p) { return *reinterpret_cast<const Pack<T, Count> *>(p); }

template <typename T, int Count> INLINE void store(T *p, const Pack<T, Count> &pack) { *reinterpret_cast<Pack<T, Count> *>(p) = pack; }

// Threads of a warp.
constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

INLINE int lane_of_thread() { return static_cast<int>(threadIdx.x) % kWarp; }
INLINE int warp_of_thread() { return static_cast<int>(threadIdx.x) / kWarp; }

#endif

// Functions of one element that are rare in models and long in code: kept out of the interpreter of chains, whose registers and size every chain would pay for.
//
// Bound by memory but for halves, where the functions themselves take about as long. Threads lie side by side along the elements, so that loads of single
// elements fill whole lines and alignment does not matter.
#include "common.cuh"

constexpr int kFunctionThreads = 256, kFunctionElements = 2; // of a thread, a block's width apart

struct FunctionArguments {
	const void *x;
	void *y;
	uint32_t elements;
	int32_t function;
};

enum Function {
	kFunctionSin, kFunctionCos, kFunctionTan, kFunctionAsin, kFunctionAcos, kFunctionAtan, kFunctionSinh, kFunctionCosh, kFunctionAsinh, kFunctionAcosh, kFunctionAtanh
};

INLINE float apply_function(int function, float x)
{
	switch (function) {
	case kFunctionSin: return sinf(x);
	case kFunctionCos: return cosf(x);
	case kFunctionTan: return tanf(x);
	case kFunctionAsin: return asinf(x);
	case kFunctionAcos: return acosf(x);
	case kFunctionAtan: return atanf(x);
	case kFunctionSinh: return sinhf(x);
	case kFunctionCosh: return coshf(x);
	case kFunctionAsinh: return asinhf(x);
	case kFunctionAcosh: return acoshf(x);
	case kFunctionAtanh: return atanhf(x);
	default: return x;
	}
}

template <typename T> INLINE void run_function(const FunctionArguments &a)
{
	const T *x = static_cast<const T *>(a.x);
	T *y = static_cast<T *>(a.y);
	const uint32_t first = blockIdx.x * blockDim.x * kFunctionElements + threadIdx.x;
	float values[kFunctionElements];
#pragma unroll
	for (int i = 0; i < kFunctionElements; i++)
		if (first + i * blockDim.x < a.elements)
			values[i] = to_float(x[first + i * blockDim.x]);
#pragma unroll
	for (int i = 0; i < kFunctionElements; i++)
		if (first + i * blockDim.x < a.elements)
			y[first + i * blockDim.x] = from_float<T>(apply_function(a.function, values[i]));
}

KERNEL(function_f32, FunctionArguments, kFunctionThreads) { run_function<float>(arguments); }
KERNEL(function_f16, FunctionArguments, kFunctionThreads) { run_function<half_t>(arguments); }
KERNEL(function_bf16, FunctionArguments, kFunctionThreads) { run_function<bfloat_t>(arguments); }

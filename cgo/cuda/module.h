// Loading kernels: what gorgonia.org/cu has no function for, in one call each.
#ifndef INFERD_CUDA_MODULE_H
#define INFERD_CUDA_MODULE_H

#include "loader.h"

// A kernel and what the compiler decided about it.
struct inferd_cuda_function {
	CUfunction function;
	int most_threads, registers, static_shared, dynamic_shared, binary_version;
	const char *call; // the driver's function that failed
};

// Loads an image; what the driver's compiler has to say about an error goes to log.
CUresult inferd_cuda_load_module(CUmodule *module, const void *image, char *log, size_t log_bytes);

// Finds a kernel, loads it, and allows it the given shared memory of a block, less what it declares statically.
CUresult inferd_cuda_find_function(CUmodule module, const char *name, int shared_bytes, struct inferd_cuda_function *found);

#endif

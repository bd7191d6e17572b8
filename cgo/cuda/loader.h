// How the driver's library is found and loaded: at the first call of one of its functions, never when the process starts.
//
// gorgonia.org/cu and this package are linked against trampolines of the driver's functions (trampolines.c), so that one binary serves hosts with and
// without a driver. They are hidden, because a library loaded later must find the driver's own functions by these names, not ours.
#ifndef INFERD_CUDA_LOADER_H
#define INFERD_CUDA_LOADER_H

#include <cuda.h>

#include <stdatomic.h>

#define INFERD_CUDA_HIDDEN __attribute__((visibility("hidden")))

// One of the driver's functions: its symbol, and its address once it has been called.
struct inferd_cuda_slot {
	const char *symbol;
	_Atomic(void *) address;
};

extern INFERD_CUDA_HIDDEN struct inferd_cuda_slot inferd_cuda_slots[];
extern INFERD_CUDA_HIDDEN const int inferd_cuda_slot_count;

// What became of loading the driver.
struct inferd_cuda_driver {
	void *handle;       // NULL where the library could not be loaded
	char path[1024];    // of the library as it was found, or as it was looked for
	char failure[1024]; // why it could not be loaded
	int chosen;         // the path came from INFERD_CUDA_LIBRARY
	CUresult status;    // of cuInit
	int version;        // of CUDA that the driver implements: 1000 * major + 10 * minor; 0 where it does not tell
};

// Loads the driver and initialises it, at the first call.
INFERD_CUDA_HIDDEN const struct inferd_cuda_driver *inferd_cuda_load(void);

// Finds a function. NULL where the library or the function is missing.
INFERD_CUDA_HIDDEN void *inferd_cuda_find(int slot);

// What a trampoline without a function returns.
INFERD_CUDA_HIDDEN CUresult inferd_cuda_missing(void);

static inline void *inferd_cuda_function(int slot)
{
	void *address = atomic_load_explicit(&inferd_cuda_slots[slot].address, memory_order_acquire);
	return address != NULL ? address : inferd_cuda_find(slot);
}

#endif

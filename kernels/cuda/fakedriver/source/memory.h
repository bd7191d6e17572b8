// Device and pinned memory: mappings with a guard page behind each allocation.
//
// Device memory is not accessible while no stream works, so that host code that follows a device address is caught. The protection is switched for all
// allocations when the first stream begins to work and when the last one ends: two calls of the kernel for each allocation. Remapping per kernel would
// cost that for every kernel, and two views of the memory would need other addresses in kernels than those that were handed out.
#ifndef INFERD_FAKE_MEMORY_H
#define INFERD_FAKE_MEMORY_H

#include "driver.h"

namespace fake {

// While one exists, the whole process can access device memory.
class Access {
public:
	Access();
	~Access();
	Access(const Access &) = delete;
	Access &operator=(const Access &) = delete;
};

// Whether a range lies in one allocation of device memory, of any device.
bool is_device(CUdeviceptr address, size_t bytes);

// Whether host memory is pinned.
bool is_pinned(const void *memory, size_t bytes);

// Frees everything of a context and returns how many allocations that were.
int64_t free_memory(CUcontext context);

// Adds what is allocated to the report.
void count_memory(struct inferd_fake_report *report);

} // namespace fake

#endif

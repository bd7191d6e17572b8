// What the scheduler of the fibers and whoever launches a kernel share.
#ifndef INFERD_CUDA_MACHINE_H
#define INFERD_CUDA_MACHINE_H

#include "fibers.h"

#include <vector>

namespace emulation {

// Stacks lie an odd number of cache lines apart, or the lines that fibers use would all fall into the same set of the cache.
constexpr size_t kStackBytes = (128 << 10) + 17 * 64;

// All that one thread of the system needs to run a block.
struct Machine {
	Thread threads[kMostThreads];
	Warp warps[kWarps];
	Index shape = {}; // of the block that threads are numbered for
	unsigned char *stacks;
	uint16_t free_stacks[kMostThreads];
	int free_count;
	std::vector<unsigned char> shared;
	unsigned char *shared_start;
	void *scheduler; // the stack pointer of the launch while fibers run
	void (*kernel)(const void *);
	const void *arguments;
	int count, finished, waiting;
	uint32_t runnable; // warps that may have a lane that can go on
	const char *barrier_file;
	int barrier_line;
};

extern EMULATION_THREAD_LOCAL Machine *machine;

inline uint32_t bit(int index) { return 1u << index; }

[[noreturn]] void fail(const char *what, const char *file, int line);

// Runs a block, whose index the thread's `block` has.
void run_block(Machine *m);

} // namespace emulation

#endif

// The threads of a block as fibers, and the operations at which they wait for each other.
#ifndef INFERD_CUDA_FIBERS_H
#define INFERD_CUDA_FIBERS_H

#include <stdint.h>
#include <string.h>

namespace emulation {

struct Index { unsigned x, y, z; };

constexpr int kLanes = 32;
constexpr int kMostThreads = 1024;
constexpr int kExchangeBytes = 64; // what a lane can hand to the others in one operation

// A warp's operation in progress: lanes bring a value and wait until all of the mask have. Two sets of values alternate, because a lane may
// bring its next value while others still read this one's.
struct Warp {
	uint32_t mask, arrived;
	uint64_t generation;
	const char *file;
	int line;
	alignas(64) unsigned char value[2][kLanes][kExchangeBytes];
	alignas(64) unsigned char result[2][kLanes][kExchangeBytes];
};

struct Thread {
	Index thread;
	int linear; // position in the block
	Warp *warp;
	void *stack_pointer;
	bool finished;
	bool waits; // at the block's barrier
	const char *file;
	int line;
};

struct Block {
	Index index, threads, blocks;
};

extern thread_local Thread *self;
extern thread_local Block *block;

void *dynamic_shared();
void yield();
void synchronize(const char *file, int line);

inline int lane() { return self->linear % kLanes; }
inline uint32_t mask_of() { return 0xffffffffu; }
inline uint32_t mask_of(uint32_t mask) { return mask; }

// Brings bytes to the warp's operation, waits for the other lanes of the mask, and returns where all lanes' values lie. The last lane to come calls
// `combine` (may be null), which computes results from the values before anybody goes on.
typedef void (*Combine)(Warp *warp, int set);
int exchange(uint32_t mask, const void *value, size_t bytes, Combine combine, const char *file, int line);

inline void synchronize_warp(uint32_t mask, const char *file, int line) { exchange(mask, nullptr, 0, nullptr, file, line); }

// A lane beyond the warp gives the caller's own value, as the hardware does for up and down.
template <typename T> inline T shuffle(uint32_t mask, T value, int from, const char *file, int line)
{
	static_assert(sizeof(T) <= kExchangeBytes, "too large to be shuffled");
	int set = exchange(mask, &value, sizeof value, nullptr, file, line);
	if (from < 0 || from >= kLanes || (mask >> from & 1) == 0)
		return value;
	memcpy(&value, self->warp->value[set][from], sizeof value);
	return value;
}

inline uint32_t ballot(uint32_t mask, bool predicate, const char *file, int line)
{
	int set = exchange(mask, &predicate, sizeof predicate, nullptr, file, line);
	uint32_t bits = 0;
	for (int i = 0; i < kLanes; i++)
		if (mask >> i & 1 && self->warp->value[set][i][0])
			bits |= 1u << i;
	return bits;
}

} // namespace emulation

#endif

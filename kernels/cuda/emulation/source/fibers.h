// The threads of a block as fibers, and the operations at which they wait for each other.
#ifndef INFERD_CUDA_FIBERS_H
#define INFERD_CUDA_FIBERS_H

#include <stdint.h>
#include <string.h>

namespace emulation {

struct Index { unsigned x, y, z; };

constexpr int kLanes = 32;
constexpr int kMostThreads = 1024;
constexpr int kWarps = kMostThreads / kLanes;
constexpr int kExchangeBytes = 64; // what a lane can hand to the others in one operation

// A warp's operation: lanes bring a value and wait until all of the mask have. It is kept until the last of them has come to its next one, because until
// then they read each other's values.
struct Operation {
	uint32_t mask, arrived;
	int readers; // lanes that have not gone on to their next operation
	const char *file;
	int line;
};

// Each lane takes part in one operation at most, or still reads the values of the one before, so there are never more operations than lanes. Masks that
// are pending at the same time are disjoint: the lowest lane of a mask names the operation.
struct Warp {
	int index;
	uint32_t lanes;      // that the warp has: the last one of a block may be partial
	uint32_t fresh;      // lanes that have not begun
	uint32_t ready;      // lanes that can go on
	uint32_t at_barrier; // lanes that wait for the block
	uint32_t unused;     // operations
	uint32_t pending;    // lowest lanes of masks whose operation is in progress
	uint32_t mask;       // of the operation that is being combined
	int8_t operation_of[kLanes]; // by lowest lane, where pending
	Operation operations[kLanes];
	alignas(64) unsigned char value[kLanes][kLanes][kExchangeBytes]; // by operation and lane
	alignas(64) unsigned char result[kLanes][kLanes][kExchangeBytes];
};

struct Thread {
	Index thread;
	int linear, lane; // position in the block and in the warp
	Warp *warp;
	void *stack_pointer;
	int stack;
	int operation; // that it reads or waits for; -1: none
};

struct Block {
	Index index, threads, blocks;
};

// Kernels read these all the time, and a library's variables of a thread are slow to find unless they have their place from the start.
#define EMULATION_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))

extern EMULATION_THREAD_LOCAL Thread *self;
extern EMULATION_THREAD_LOCAL Block *block;

void *dynamic_shared();
void forget_copies(); // asynchronous ones that a launch left, which a fault has ended
void synchronize(const char *file, int line);

inline int lane() { return self->lane; }
inline uint32_t mask_of() { return 0xffffffffu; }
inline uint32_t mask_of(uint32_t mask) { return mask; }

// Brings bytes to the warp's operation, waits for the other lanes of the mask, and returns which set of values holds what all lanes brought. The last lane to
// come calls `combine` (may be null), which computes results from the values before anybody goes on. Both stay until the lane's next operation.
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

// Gathers the lanes' predicates into the first word of the results.
void combine_ballot(Warp *warp, int set);

inline uint32_t ballot(uint32_t mask, bool predicate, const char *file, int line)
{
	int set = exchange(mask, &predicate, sizeof predicate, combine_ballot, file, line);
	uint32_t bits;
	memcpy(&bits, self->warp->result[set][0], sizeof bits);
	return bits;
}

} // namespace emulation

#endif

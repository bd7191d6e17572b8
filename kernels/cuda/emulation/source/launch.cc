// Launches: a machine for each thread of the system that runs kernels, and the blocks of a grid one after the other.
#include "machine.h"

#include <sys/mman.h>

#include <mutex>

namespace emulation {
namespace {

constexpr int kCanaryBytes = 128;
constexpr unsigned char kCanary = 0xa5;

// Numbers the threads of a block of the given shape.
void number_threads(Machine *m, Index shape)
{
	if (m->shape.x == shape.x && m->shape.y == shape.y && m->shape.z == shape.z)
		return;
	m->shape = shape;
	m->count = 0;
	for (unsigned z = 0; z < shape.z; z++)
		for (unsigned y = 0; y < shape.y; y++)
			for (unsigned x = 0; x < shape.x; x++, m->count++)
				m->threads[m->count] = {{x, y, z}, m->count, m->count % kLanes, &m->warps[m->count / kLanes], nullptr, 0, -1};
}

// Finds a block that wrote beyond its dynamic shared memory.
void check_canary(Machine *m, uint32_t shared_bytes)
{
	for (int i = 0; i < kCanaryBytes; i++)
		if (m->shared_start[shared_bytes + i] != kCanary) {
			self = &m->threads[0];
			fail("a write beyond the dynamic shared memory", "", 0);
		}
}

// Machines outlive the threads that use them, because their stacks are warm and a test starts thousands of threads.
struct Machines {
	std::mutex mutex;
	std::vector<Machine *> unused;
};

Machines &machines()
{
	static auto *all = new Machines;
	return *all;
}

constexpr size_t kStacksBytes = kMostThreads * kStackBytes;

Machine *new_machine()
{
	void *stacks = mmap(nullptr, kStacksBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED)
		return nullptr;
	auto *m = new Machine;
	m->stacks = static_cast<unsigned char *>(stacks);
	return m;
}

// A thread's machine, which goes back when the thread ends.
struct Lease {
	Machine *held = nullptr;
	Machine *take()
	{
		if (held)
			return held;
		std::unique_lock<std::mutex> lock(machines().mutex);
		if (machines().unused.empty())
			return held = new_machine();
		held = machines().unused.back();
		machines().unused.pop_back();
		return held;
	}
	~Lease()
	{
		std::unique_lock<std::mutex> lock(machines().mutex);
		if (held)
			machines().unused.push_back(held);
	}
};

// Makes the machine ready for a launch, whatever became of the one before: an access to memory that is not there ends a launch in its midst.
void prepare(Machine *m, Index threads, uint32_t shared_bytes)
{
	forget_copies();
	number_threads(m, threads);
	for (int i = 0; i < m->count; i++)
		m->threads[i].operation = -1;
	for (int w = 0; w * kLanes < m->count; w++) {
		Warp &warp = m->warps[w];
		int lanes = m->count - w * kLanes;
		warp.index = w;
		warp.lanes = lanes >= kLanes ? 0xffffffffu : bit(lanes) - 1;
		warp.fresh = warp.ready = warp.at_barrier = warp.pending = 0;
		warp.unused = 0xffffffffu;
	}
	for (m->free_count = 0; m->free_count < kMostThreads; m->free_count++)
		m->free_stacks[m->free_count] = static_cast<uint16_t>(kMostThreads - 1 - m->free_count);
	m->shared.assign(shared_bytes + 128 + kCanaryBytes, kCanary); // not zero: a kernel that reads what it did not write shows
	m->shared_start = m->shared.data() + (128 - reinterpret_cast<uintptr_t>(m->shared.data()) % 128) % 128;
}

} // namespace
} // namespace emulation

// Runs a kernel over a grid on the calling thread. Returns 0, or -1 where the launch's sizes are impossible.
extern "C" int emulation_launch(void (*kernel)(const void *), const uint32_t grid[3], const uint32_t threads[3], uint32_t shared_bytes, const void *arguments)
{
	using namespace emulation;
	static thread_local Lease lease;
	uint64_t count = static_cast<uint64_t>(threads[0]) * threads[1] * threads[2];
	if (count == 0 || count > kMostThreads || grid[0] == 0 || grid[1] == 0 || grid[2] == 0)
		return -1;
	Machine *m = machine = lease.take();
	if (!m)
		return -1;
	Block current = {{0, 0, 0}, {threads[0], threads[1], threads[2]}, {grid[0], grid[1], grid[2]}};
	block = &current;
	prepare(m, current.threads, shared_bytes);
	m->kernel = kernel;
	m->arguments = arguments;
	for (unsigned z = 0; z < grid[2]; z++)
		for (unsigned y = 0; y < grid[1]; y++)
			for (unsigned x = 0; x < grid[0]; x++) {
				current.index = {x, y, z};
				run_block(m);
				check_canary(m, shared_bytes);
			}
	block = nullptr;
	self = nullptr;
	return 0;
}

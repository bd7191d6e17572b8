// The scheduler of the emulation: runs the blocks of a grid one after the other, and a block's fibers warp by warp.
#include "fibers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <vector>

namespace emulation {

thread_local Thread *self;
thread_local Block *block;

namespace {

constexpr size_t kStackBytes = 128 << 10;
constexpr int kCanaryBytes = 128;
constexpr unsigned char kCanary = 0xa5;

// All that one thread of the system needs to run a block. Stacks are mapped once.
struct Machine {
	Thread threads[kMostThreads];
	Warp warps[kMostThreads / kLanes];
	unsigned char *stacks = nullptr;
	std::vector<unsigned char> shared;
	unsigned char *shared_start = nullptr;
	void *scheduler = nullptr; // its stack pointer while a fiber runs
	void (*kernel)(const void *) = nullptr;
	const void *arguments = nullptr;
	int count = 0, finished = 0, waiting = 0;

	~Machine()
	{
		if (stacks)
			munmap(stacks, kMostThreads * kStackBytes);
	}
};

thread_local Machine machine;

// Saves the callee-saved registers on the stack, puts the stack pointer at *from and goes on with the stack `to`.
extern "C" void emulation_switch(void **from, void *to);
asm(R"(
	.text
	.type emulation_switch, @function
emulation_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size emulation_switch, .-emulation_switch
)");

[[noreturn]] void fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "cuda emulation: %s at %s:%d (block %u,%u,%u thread %u,%u,%u)\n", what, file, line, block->index.x, block->index.y, block->index.z,
		self->thread.x, self->thread.y, self->thread.z);
	abort();
}

void enter()
{
	machine.kernel(machine.arguments);
	self->finished = true;
	machine.finished++;
	yield();
	abort(); // a finished fiber is never resumed
}

// A stack that emulation_switch leaves into enter, aligned as the ABI wants it at a function's first instruction.
void *new_stack(int index)
{
	auto *top = reinterpret_cast<uint64_t *>(machine.stacks + (index + 1) * kStackBytes) - 1;
	*top = 0;
	*--top = reinterpret_cast<uint64_t>(&enter);
	for (int i = 0; i < 6; i++)
		*--top = 0;
	return top;
}

void resume(Thread *thread)
{
	self = thread;
	emulation_switch(&machine.scheduler, thread->stack_pointer);
}

// Goes on with the lanes of a warp until none of them can do more. True where any did something.
bool run_warp(int first, int last)
{
	bool any = false;
	for (bool progress = true; progress;) {
		progress = false;
		for (int i = first; i < last; i++) {
			Thread *t = &machine.threads[i];
			if (t->finished || t->waits)
				continue;
			uint64_t before = t->warp->generation;
			uint32_t arrived = t->warp->arrived;
			resume(t);
			progress |= t->finished || t->waits || t->warp->generation != before || t->warp->arrived != arrived;
		}
		any |= progress;
	}
	return any;
}

void start_threads(Index threads)
{
	int linear = 0;
	for (unsigned z = 0; z < threads.z; z++)
		for (unsigned y = 0; y < threads.y; y++)
			for (unsigned x = 0; x < threads.x; x++, linear++) {
				Warp *warp = &machine.warps[linear / kLanes];
				machine.threads[linear] = {{x, y, z}, linear, warp, new_stack(linear), false, false, "", 0};
			}
	machine.count = linear;
	machine.finished = machine.waiting = 0;
	for (int i = 0; i * kLanes < linear; i++) {
		machine.warps[i].mask = machine.warps[i].arrived = 0;
		machine.warps[i].generation = 0;
	}
}

void release_barrier()
{
	for (int i = 0; i < machine.count; i++)
		machine.threads[i].waits = false;
	machine.waiting = 0;
}

// Why nothing goes on: part of the block waits where the rest never comes.
[[noreturn]] void deadlock()
{
	for (int i = 0; i < machine.count; i++) {
		self = &machine.threads[i];
		if (!self->finished && !self->waits)
			fail("lanes of a warp wait for others of their mask that never come; the operation began", self->warp->file, self->warp->line);
	}
	fail("deadlock", "", 0);
}

void run_block(Index threads)
{
	start_threads(threads);
	while (machine.finished < machine.count) {
		bool progress = false;
		for (int first = 0; first < machine.count; first += kLanes)
			progress |= run_warp(first, first + kLanes < machine.count ? first + kLanes : machine.count);
		if (machine.waiting > 0 && machine.waiting + machine.finished == machine.count)
			release_barrier(); // threads that have ended count as arrived
		else if (!progress && machine.finished < machine.count)
			deadlock();
	}
}

// Finds a block that wrote beyond its dynamic shared memory.
void check_canary(uint32_t shared_bytes)
{
	for (int i = 0; i < kCanaryBytes; i++)
		if (machine.shared_start[shared_bytes + i] != kCanary) {
			self = &machine.threads[0];
			fail("a write beyond the dynamic shared memory", "", 0);
		}
}

} // namespace

void *dynamic_shared() { return machine.shared_start; }

void yield() { emulation_switch(&self->stack_pointer, machine.scheduler); }

void synchronize(const char *file, int line)
{
	for (int i = 0; i < machine.count; i++) {
		Thread *other = &machine.threads[i];
		if (other->waits && (other->line != line || strcmp(other->file, file) != 0)) {
			fprintf(stderr, "cuda emulation: part of the block waits at %s:%d\n", other->file, other->line);
			fail("a barrier that only part of the block reaches", file, line);
		}
	}
	self->waits = true;
	self->file = file;
	self->line = line;
	machine.waiting++;
	while (self->waits)
		yield();
}

int exchange(uint32_t mask, const void *value, size_t bytes, Combine combine, const char *file, int line)
{
	Warp *warp = self->warp;
	int present = machine.count - self->linear / kLanes * kLanes; // lanes of a last, partial warp
	if (present < kLanes)
		mask &= (1u << present) - 1;
	if ((mask >> lane() & 1) == 0)
		fail("a lane outside of the mask takes part in a warp operation", file, line);
	if (warp->arrived == 0) {
		warp->mask = mask;
		warp->file = file;
		warp->line = line;
	} else if (warp->mask != mask || warp->line != line || strcmp(warp->file, file) != 0) {
		fprintf(stderr, "cuda emulation: other lanes of the warp are at %s:%d with mask %08x\n", warp->file, warp->line, warp->mask);
		fail("a warp operation that only part of the warp reaches", file, line);
	}
	int set = static_cast<int>(warp->generation & 1);
	if (bytes > 0)
		memcpy(warp->value[set][lane()], value, bytes);
	warp->arrived |= 1u << lane();
	if (warp->arrived == mask) {
		if (combine)
			combine(warp, set);
		warp->arrived = 0;
		warp->generation++;
		return set;
	}
	for (uint64_t generation = warp->generation; warp->generation == generation;)
		yield();
	return set;
}

} // namespace emulation

// Runs a kernel over a grid on the calling thread. Returns 0, or -1 where the launch's sizes are impossible.
extern "C" int emulation_launch(void (*kernel)(const void *), const uint32_t grid[3], const uint32_t threads[3], uint32_t shared_bytes, const void *arguments)
{
	using namespace emulation;
	uint64_t count = static_cast<uint64_t>(threads[0]) * threads[1] * threads[2];
	if (count == 0 || count > kMostThreads || grid[0] == 0 || grid[1] == 0 || grid[2] == 0)
		return -1;
	if (!machine.stacks) {
		void *stacks = mmap(nullptr, kMostThreads * kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (stacks == MAP_FAILED)
			return -1;
		machine.stacks = static_cast<unsigned char *>(stacks);
	}
	machine.shared.assign(shared_bytes + 128 + kCanaryBytes, kCanary); // not zero: a kernel that reads what it did not write shows
	machine.shared_start = machine.shared.data() + (128 - reinterpret_cast<uintptr_t>(machine.shared.data()) % 128) % 128;
	machine.kernel = kernel;
	machine.arguments = arguments;
	Block current{};
	block = &current;
	current.threads = {threads[0], threads[1], threads[2]};
	current.blocks = {grid[0], grid[1], grid[2]};
	for (unsigned z = 0; z < grid[2]; z++)
		for (unsigned y = 0; y < grid[1]; y++)
			for (unsigned x = 0; x < grid[0]; x++) {
				current.index = {x, y, z};
				run_block(current.threads);
				check_canary(shared_bytes);
			}
	block = nullptr;
	self = nullptr;
	return 0;
}

// The scheduler of the emulation: runs the blocks of a grid one after the other, and a block's threads as fibers.
//
// A thread runs until it waits for others, and hands over to the next one that can go on: one of its warp, else one of another warp. What can go on is
// known from masks, so nobody is asked in vain. A thread that ends leaves its stack to the next one that begins, so that the threads of a kernel
// without barriers are calls on one stack, and those of one with barriers switch stacks only where they wait.
#include "fibers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <memory>
#include <mutex>
#include <vector>

namespace emulation {

EMULATION_THREAD_LOCAL Thread *self;
EMULATION_THREAD_LOCAL Block *block;

namespace {

// Stacks lie an odd number of cache lines apart, or the lines that fibers use would all fall into the same set of the cache.
constexpr size_t kStackBytes = (128 << 10) + 17 * 64;
constexpr size_t kStacksBytes = kMostThreads * kStackBytes;
constexpr int kCanaryBytes = 128;
constexpr unsigned char kCanary = 0xa5;

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

EMULATION_THREAD_LOCAL Machine *machine;

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

// Why nothing goes on: lanes wait where others of their mask, or of their block, never come.
[[noreturn]] void deadlock(Machine *m)
{
	for (int i = 0; i < m->count; i++) {
		Thread *t = &m->threads[i];
		if (t->operation < 0)
			continue;
		const Operation &o = t->warp->operations[t->operation];
		if (o.arrived == 0)
			continue; // over: it only reads the values
		self = t;
		fprintf(stderr, "cuda emulation: lanes %08x of mask %08x have come\n", o.arrived, o.mask);
		fail("lanes of a warp wait for others of their mask that never come; the operation began", o.file, o.line);
	}
	fail("deadlock", m->barrier_file, m->barrier_line);
}

uint32_t bit(int index) { return 1u << index; }

// The next of a set in turn.
int next_after(uint32_t set, int index)
{
	uint32_t later = set & (0xfffffffeu << index);
	return __builtin_ctz(later ? later : set);
}

// The thread that goes on after another, taken off the masks; *begins tells whether it has yet to begin. nullptr where none can.
inline Thread *choose(Machine *m, Thread *after, bool *begins)
{
	Warp *warp = after->warp;
	int lane = after->lane;
	while ((warp->fresh | warp->ready) == 0) {
		m->runnable &= ~bit(warp->index);
		if (m->runnable == 0)
			return nullptr;
		warp = &m->warps[next_after(m->runnable, warp->index)];
		lane = kLanes - 1;
	}
	lane = next_after(warp->fresh | warp->ready, lane);
	*begins = (warp->fresh & bit(lane)) != 0;
	warp->fresh &= ~bit(lane);
	warp->ready &= ~bit(lane);
	return &m->threads[warp->index * kLanes + lane];
}

// Lets everybody who waits at the block's barrier go on.
void release_barrier(Machine *m)
{
	for (int w = 0; w * kLanes < m->count; w++)
		if (m->warps[w].at_barrier) {
			m->warps[w].ready |= m->warps[w].at_barrier;
			m->warps[w].at_barrier = 0;
			m->runnable |= bit(w);
		}
	m->waiting = 0;
}

// The thread no longer reads the values of its operation.
void leave_operation(Thread *t)
{
	if (t->operation >= 0 && --t->warp->operations[t->operation].readers == 0)
		t->warp->unused |= bit(t->operation);
	t->operation = -1;
}

// Ends the running thread. Either self is one that begins on the same stack, or this does not return.
void finish()
{
	Machine *m = machine;
	Thread *t = self;
	leave_operation(t);
	m->finished++;
	if (m->waiting > 0 && m->waiting + m->finished == m->count)
		release_barrier(m); // threads that have ended count as arrived
	bool begins;
	Thread *next = choose(m, t, &begins);
	if (!next && m->finished < m->count)
		deadlock(m);
	if (next && begins) {
		next->stack = t->stack;
		self = next;
		return;
	}
	m->free_stacks[m->free_count++] = static_cast<uint16_t>(t->stack);
	self = next;
	emulation_switch(&t->stack_pointer, next ? next->stack_pointer : m->scheduler);
	abort(); // a finished fiber is never resumed
}

// The bottom of every fiber.
void enter()
{
	for (;;) {
		machine->kernel(machine->arguments);
		finish();
	}
}

// Gives a thread a stack that emulation_switch leaves into enter, aligned as the ABI wants it at a function's first instruction.
void give_stack(Machine *m, Thread *t)
{
	t->stack = m->free_stacks[--m->free_count];
	uintptr_t end = reinterpret_cast<uintptr_t>(m->stacks + (t->stack + 1) * kStackBytes) / 64 * 64;
	auto *top = reinterpret_cast<uint64_t *>(end) - 1;
	*top = 0;
	*--top = reinterpret_cast<uint64_t>(&enter);
	for (int i = 0; i < 6; i++)
		*--top = 0;
	t->stack_pointer = top;
}

// Hands over to another thread, until somebody makes this one ready and its turn comes.
void wait(Machine *m, Thread *t)
{
	bool begins;
	Thread *next = choose(m, t, &begins);
	if (!next)
		deadlock(m);
	if (begins)
		give_stack(m, next);
	self = next;
	emulation_switch(&t->stack_pointer, next->stack_pointer);
}

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

void run_block(Machine *m)
{
	m->finished = m->waiting = 0;
	m->runnable = 0;
	for (int w = 0; w * kLanes < m->count; w++) {
		m->warps[w].fresh = m->warps[w].lanes;
		m->runnable |= bit(w);
	}
	Thread *first = &m->threads[0];
	m->warps[0].fresh &= ~1u;
	give_stack(m, first);
	self = first;
	emulation_switch(&m->scheduler, first->stack_pointer);
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

// The operation that the lanes of a mask are at, or a new one.
int operation_of(Warp *warp, uint32_t mask, const char *file, int line)
{
	int lowest = __builtin_ctz(mask);
	if ((warp->pending & bit(lowest)) == 0) {
		int set = __builtin_ctz(warp->unused);
		warp->unused &= ~bit(set);
		warp->pending |= bit(lowest);
		warp->operation_of[lowest] = static_cast<int8_t>(set);
		warp->operations[set] = {mask, 0, __builtin_popcount(mask), file, line};
		return set;
	}
	int set = warp->operation_of[lowest];
	const Operation &o = warp->operations[set];
	if (o.mask != mask || o.line != line || (o.file != file && strcmp(o.file, file) != 0)) {
		fprintf(stderr, "cuda emulation: other lanes of the warp are at %s:%d with mask %08x\n", o.file, o.line, o.mask);
		fail("a warp operation that only part of the warp reaches", file, line);
	}
	return set;
}

// A copy of few bytes, mostly one word.
void copy(void *to, const void *from, size_t bytes)
{
	if (bytes == 4)
		memcpy(to, from, 4);
	else
		memcpy(to, from, bytes);
}

} // namespace

void *dynamic_shared() { return machine->shared_start; }

void combine_ballot(Warp *warp, int set)
{
	uint32_t bits = 0;
	for (int i = 0; i < kLanes; i++)
		if (warp->mask >> i & 1 && warp->value[set][i][0])
			bits |= bit(i);
	memcpy(warp->result[set][0], &bits, sizeof bits);
}

void synchronize(const char *file, int line)
{
	Machine *m = machine;
	Thread *t = self;
	if (m->waiting > 0 && (m->barrier_line != line || (m->barrier_file != file && strcmp(m->barrier_file, file) != 0))) {
		fprintf(stderr, "cuda emulation: part of the block waits at %s:%d\n", m->barrier_file, m->barrier_line);
		fail("a barrier that only part of the block reaches", file, line);
	}
	if (m->waiting + m->finished + 1 == m->count) {
		release_barrier(m);
		return;
	}
	m->barrier_file = file;
	m->barrier_line = line;
	m->waiting++;
	t->warp->at_barrier |= bit(t->lane);
	wait(m, t);
}

int exchange(uint32_t mask, const void *value, size_t bytes, Combine combine, const char *file, int line)
{
	Machine *m = machine;
	Thread *t = self;
	Warp *warp = t->warp;
	const uint32_t mine = bit(t->lane);
	mask &= warp->lanes;
	if ((mask & mine) == 0)
		fail("a lane outside of the mask takes part in a warp operation", file, line);
	leave_operation(t);
	int set = t->operation = operation_of(warp, mask, file, line);
	Operation &o = warp->operations[set];
	if (bytes > 0)
		copy(warp->value[set][t->lane], value, bytes);
	o.arrived |= mine;
	if (o.arrived != mask) {
		wait(m, t);
		return set;
	}
	warp->mask = mask;
	if (combine)
		combine(warp, set);
	o.arrived = 0;
	warp->pending &= ~bit(__builtin_ctz(mask));
	warp->ready |= mask & ~mine;
	m->runnable |= bit(warp->index);
	return set;
}

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

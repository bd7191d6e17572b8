// The scheduler of the emulation: runs the threads of a block as fibers.
//
// A thread runs until it waits for others, and hands over to the next one that can go on: one of its warp, else one of another warp. What can go on is
// known from masks, so nobody is asked in vain. A thread that ends leaves its stack to the next one that begins, so that the threads of a kernel
// without barriers are calls on one stack, and those of one with barriers switch stacks only where they wait.
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

namespace emulation {

EMULATION_THREAD_LOCAL Thread *self;
EMULATION_THREAD_LOCAL Block *block;
EMULATION_THREAD_LOCAL Machine *machine;

[[noreturn]] void fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "cuda emulation: %s at %s:%d (block %u,%u,%u thread %u,%u,%u)\n", what, file, line, block->index.x, block->index.y, block->index.z,
		self->thread.x, self->thread.y, self->thread.z);
	abort();
}

namespace {

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

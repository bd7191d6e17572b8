// What the two halves of the pool share: pool.c (threads: who helps whom) and run.c (work: steps and tiles).
#ifndef INFERD_POOL_INTERNAL_H
#define INFERD_POOL_INTERNAL_H

#include <pthread.h>

#include "pool.h"
#include "tokens.h"

enum {
	CACHE_LINE = 64,
	WAKE_NS = 50000,       // work ahead of this cost is worth a futex wake
	WAKE_EACH_NS = 25000,  // and one more helper for each of these
	CHUNK_NS = 5000,       // tiles are claimed in chunks up to this cost
	PARTS_OF_QUANTUM = 2,  // a shared step may pause about so often in a quantum
	MOST_SHARES = 64,      // threads beyond it start on the share of another
	SPIN_CYCLES = 100000,  // 30 to 50 us of spinning, the price of a sleep and a wake
	HELPER_SPIN_CYCLES = 8 * SPIN_CYCLES, // in a run: its caller may be preempted for a moment, or inside a step of one tile
};

// Memory that a thread keeps between runs; it only grows.
typedef struct {
	void *memory;
	int64_t bytes;
} inferd_scratch;

bool scratch_reserve(inferd_scratch *scratch, int64_t bytes);

// What is left to claim of one thread's part of a step: high half the epoch (one for each shared step), low half the tiles.
typedef struct {
	_Alignas(CACHE_LINE) _Atomic uint64_t ticket;
} inferd_share;

// A run in progress. Runs live as long as the pool, so a helper that was preempted inside one may still read it after
// the run is over, and even when it serves another caller by then.
//
// A shared step's tiles are divided evenly into one share for each thread, in order. A thread begins with its own share and
// then claims from the others'. So the same thread computes the same region of one tensor after the other, and most of what
// it reads is in its own cache, because it wrote it.
typedef struct {
	// Written only while nothing is left to claim, and read before a claim that succeeds only if the epoch still is the
	// same; so what was read belongs to the claim.
	_Alignas(CACHE_LINE) _Atomic(const inferd_step *) step;
	_Atomic(void *const *) bases;
	_Atomic int64_t first;  // of the tiles that are offered
	_Atomic int64_t offered;
	_Atomic int64_t shares; // into which they are divided
	_Atomic int64_t chunk;
	_Atomic int64_t scratch_bytes;
	_Atomic bool open; // false: helpers leave
	inferd_share *share;

	_Alignas(CACHE_LINE) _Atomic uint32_t completed; // tiles of the epoch that are done
	_Atomic uint32_t caller_sleeps;
	_Atomic int32_t members; // helpers recruited

	_Alignas(CACHE_LINE) _Atomic bool busy; // a caller owns it
	uint64_t epoch;                         // the caller's
	inferd_scratch scratch;
} inferd_run;

typedef struct {
	_Alignas(CACHE_LINE) _Atomic uintptr_t run; // 0: free; the run that recruited it; the run | HELPER_JOINED
	_Atomic uint32_t signal;
	inferd_pool *pool;
	int64_t index; // of its share; the caller's is 0
	inferd_scratch scratch;
	pthread_t thread;
} inferd_helper;

#define HELPER_JOINED ((uintptr_t)1)

struct inferd_pool {
	_Alignas(CACHE_LINE) inferd_tokens tokens;
	_Alignas(CACHE_LINE) int threads;
	_Atomic bool closing;
	inferd_helper *helper; // threads - 1
	inferd_run *run;       // threads: whoever runs holds a token
	inferd_share *share;   // of all runs
};

// Claims and runs one chunk of the run's current step, from share `own` as long as there is something left in it. False where
// nothing is left or there is no memory for the scratch.
bool run_chunk(inferd_run *run, int64_t own, inferd_scratch *scratch);

// Wakes up to `wanted` free helpers for the run, as far as there are tokens.
void pool_recruit(inferd_pool *pool, inferd_run *run, int64_t wanted);

#endif

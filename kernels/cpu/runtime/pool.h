// The compute pool and the step runner.
#ifndef INFERD_POOL_H
#define INFERD_POOL_H

#include "step.h"

typedef struct inferd_pool inferd_pool;

// A program in C memory that does not change while it runs.
typedef struct {
	const inferd_step *step;
	const int64_t *shareable_ns; // [i]: estimated cost of the steps from i on that are worth sharing between threads
	int64_t steps;
	int64_t scratch_bytes; // the largest of the steps'
} inferd_program;

// Where a run continues: everything before this tile of this step is done.
typedef struct {
	int64_t step;
	int64_t tile;
} inferd_cursor;

enum {
	INFERD_RUN_DONE = 0,
	INFERD_RUN_PAUSED = 1, // the quantum is over; run again with the cursor
	INFERD_RUN_NO_MEMORY = 2,
};

// A step of this estimated cost is worth sharing with helpers that are awake.
enum { INFERD_SHARE_NS = 3000 };

// Makes a pool of `threads` threads in all, the callers of inferd_pool_run included. Returns 0 or an errno value.
int inferd_pool_create(int threads, inferd_pool **pool);

// Ends the helpers and frees the pool. No run may be in progress.
void inferd_pool_destroy(inferd_pool *pool);

// Runs the program from the cursor on and moves the cursor. Pauses at the first tile boundary after quantum_ns (0 = never), or,
// where `wanted` is not NULL, at the first one at which another thread has made it 1, however long that takes.
// Any number of threads may call it at once; those beyond the pool's number of threads sleep until one is free.
int inferd_pool_run(inferd_pool *pool, const inferd_program *program, void *const *bases, inferd_cursor *cursor, int64_t quantum_ns, const uint32_t *wanted);

#endif

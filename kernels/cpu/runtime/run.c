// The work of a run: its steps in order, each step's tiles by the caller alone or shared with helpers.
#include "pool_internal.h"

#include <immintrin.h>
#include <time.h>

// The time left to a run, or who else may end it. The clock is read only when the estimated cost since the last reading is a good part of the
// quantum, so a short run never reads it; a wrong estimate is found out at the next reading.
typedef struct {
	int64_t quantum_ns;
	const uint32_t *wanted; // NULL: the quantum counts
	int64_t deadline_ns; // 0 until the first reading
	int64_t estimated_ns;
	bool over;
} stopwatch;

// Notes that work of about cost_ns was done, and tells whether the run should pause.
static inline bool stopwatch_over(stopwatch *watch, int64_t cost_ns)
{
	if (watch->wanted)
		return watch->over = __atomic_load_n(watch->wanted, __ATOMIC_RELAXED) != 0;
	watch->estimated_ns += cost_ns;
	if (watch->quantum_ns <= 0 || watch->estimated_ns * 16 < watch->quantum_ns)
		return false;
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	int64_t now = time.tv_sec * 1000000000 + time.tv_nsec;
	if (watch->deadline_ns == 0)
		watch->deadline_ns = now + watch->quantum_ns - watch->estimated_ns;
	watch->estimated_ns = 0;
	watch->over = now >= watch->deadline_ns;
	return watch->over;
}

static inline int64_t tile_ns(const inferd_step *step)
{
	int64_t cost = step->tiles == 1 ? step->cost_ns : step->cost_ns / step->tiles;
	return cost > 0 ? cost : 1;
}

static inline void run_tiles(const inferd_step *step, void *const *bases, int64_t first, int64_t count, void *scratch)
{
	for (int64_t tile = first; tile < first + count; tile++)
		step->kernel(step, bases, tile, scratch);
}

// The first tile of a share, counted from the first that is offered; that of the share behind the last is their number.
static inline int64_t share_begin(int64_t offered, int64_t share, int64_t shares) { return offered * share / shares; }

// Claims and runs one chunk of a share.
static bool run_chunk_of(inferd_run *run, int64_t index, inferd_scratch *scratch)
{
	_Atomic uint64_t *place = &run->share[index].ticket;
	uint64_t ticket = atomic_load_explicit(place, memory_order_acquire);
	for (;;) {
		int64_t left = (uint32_t)ticket;
		if (left == 0)
			return false;
		const inferd_step *step = atomic_load_explicit(&run->step, memory_order_relaxed);
		void *const *bases = atomic_load_explicit(&run->bases, memory_order_relaxed);
		int64_t offered = atomic_load_explicit(&run->offered, memory_order_relaxed);
		int64_t shares = atomic_load_explicit(&run->shares, memory_order_relaxed);
		int64_t first = atomic_load_explicit(&run->first, memory_order_relaxed) + share_begin(offered, index + 1, shares) - left;
		int64_t chunk = atomic_load_explicit(&run->chunk, memory_order_relaxed);
		int64_t bytes = atomic_load_explicit(&run->scratch_bytes, memory_order_relaxed);
		if (!scratch_reserve(scratch, bytes))
			return false;
		int64_t count = chunk < left ? chunk : left;
		if (!atomic_compare_exchange_weak_explicit(place, &ticket, ticket - (uint64_t)count, memory_order_acq_rel, memory_order_acquire))
			continue;
		run_tiles(step, bases, first, count, scratch->memory);
		atomic_fetch_add(&run->completed, (uint32_t)count);
		if (atomic_load(&run->caller_sleeps))
			futex_wake(&run->completed);
		return true;
	}
}

bool run_chunk(inferd_run *run, int64_t own, inferd_scratch *scratch)
{
	int64_t shares = atomic_load_explicit(&run->shares, memory_order_relaxed);
	for (int64_t i = 0; i < shares; i++)
		if (run_chunk_of(run, (own + i) % shares, scratch))
			return true;
	return false;
}

// Waits until `tiles` tiles are done. Only tiles that a helper is inside of are waited for.
static void await_completion(inferd_run *run, uint32_t tiles)
{
	uint64_t since = __rdtsc();
	while (atomic_load_explicit(&run->completed, memory_order_acquire) != tiles) {
		if (__rdtsc() - since < SPIN_CYCLES) {
			_mm_pause();
			continue;
		}
		atomic_store(&run->caller_sleeps, 1);
		uint32_t completed = atomic_load(&run->completed);
		if (completed != tiles)
			futex_wait(&run->completed, completed);
		atomic_store(&run->caller_sleeps, 0);
	}
}

// Offers tiles of the step to the helpers, takes part, and waits until they are done.
static void offer(inferd_run *run, const inferd_step *step, void *const *bases, int64_t first, int64_t offered, int64_t shares)
{
	int64_t chunk = offered / (4 * shares), most = CHUNK_NS / tile_ns(step);
	if (chunk > most)
		chunk = most;
	atomic_store_explicit(&run->step, step, memory_order_relaxed);
	atomic_store_explicit(&run->bases, bases, memory_order_relaxed);
	atomic_store_explicit(&run->first, first, memory_order_relaxed);
	atomic_store_explicit(&run->offered, offered, memory_order_relaxed);
	atomic_store_explicit(&run->shares, shares, memory_order_relaxed);
	atomic_store_explicit(&run->chunk, chunk > 1 ? chunk : 1, memory_order_relaxed);
	atomic_store_explicit(&run->scratch_bytes, step->scratch_bytes, memory_order_relaxed);
	atomic_store_explicit(&run->completed, 0, memory_order_relaxed);
	run->epoch++;
	for (int64_t i = 0; i < shares; i++) {
		uint64_t tiles = (uint64_t)(share_begin(offered, i + 1, shares) - share_begin(offered, i, shares));
		atomic_store_explicit(&run->share[i].ticket, run->epoch << 32 | tiles, memory_order_release);
	}
	while (run_chunk(run, 0, &run->scratch))
		;
	await_completion(run, (uint32_t)offered);
}

// Runs the step with the helpers, in parts after which it may pause. True where the step is done, false where the quantum is over.
static bool run_shared(inferd_run *run, const inferd_step *step, void *const *bases, int64_t *tile, stopwatch *watch)
{
	while (*tile < step->tiles) {
		int64_t shares = 1 + atomic_load_explicit(&run->members, memory_order_relaxed);
		if (shares > MOST_SHARES)
			shares = MOST_SHARES;
		int64_t offered = step->tiles - *tile, cost = tile_ns(step);
		if (watch->quantum_ns > 0) {
			int64_t part = shares * (1 + watch->quantum_ns / (PARTS_OF_QUANTUM * cost));
			if (offered > part)
				offered = part;
		}
		offer(run, step, bases, *tile, offered, shares);
		*tile += offered;
		if (stopwatch_over(watch, offered * cost / shares))
			break;
	}
	return *tile == step->tiles;
}

static bool run_alone(inferd_run *run, const inferd_step *step, void *const *bases, int64_t *tile, stopwatch *watch)
{
	int64_t cost = tile_ns(step);
	while (*tile < step->tiles) {
		step->kernel(step, bases, (*tile)++, run->scratch.memory);
		if (stopwatch_over(watch, cost))
			break;
	}
	return *tile == step->tiles;
}

static int run_steps(inferd_pool *pool, inferd_run *run, const inferd_program *program, void *const *bases, inferd_cursor *cursor, stopwatch *watch)
{
	for (; cursor->step < program->steps; cursor->step++, cursor->tile = 0) {
		const inferd_step *step = &program->step[cursor->step];
		bool share = pool->threads > 1 && step->tiles - cursor->tile > 1 && step->cost_ns >= INFERD_SHARE_NS;
		if (share) {
			int64_t ahead = program->shareable_ns[cursor->step];
			int64_t members = atomic_load_explicit(&run->members, memory_order_relaxed);
			if (ahead >= WAKE_NS && tokens_free(&pool->tokens) > 0 && members < ahead / WAKE_EACH_NS)
				pool_recruit(pool, run, ahead / WAKE_EACH_NS - members);
			share = atomic_load_explicit(&run->members, memory_order_relaxed) > 0;
		}
		bool done = share ? run_shared(run, step, bases, &cursor->tile, watch) : run_alone(run, step, bases, &cursor->tile, watch);
		if (!done)
			return INFERD_RUN_PAUSED;
		if (watch->over && cursor->step + 1 < program->steps) {
			*cursor = (inferd_cursor){.step = cursor->step + 1};
			return INFERD_RUN_PAUSED;
		}
	}
	return INFERD_RUN_DONE;
}

// Takes a run that no caller owns. There is one: as many callers hold a token as there are runs, or fewer.
static inferd_run *claim_run(inferd_pool *pool)
{
	for (int i = 0;; i = (i + 1) % pool->threads)
		if (!atomic_load_explicit(&pool->run[i].busy, memory_order_relaxed) && !atomic_exchange(&pool->run[i].busy, true))
			return &pool->run[i];
}

// Ends the run for its helpers: those that have not woken up yet are released at once, the others leave by themselves.
static void dismiss(inferd_pool *pool, inferd_run *run)
{
	atomic_store_explicit(&run->open, false, memory_order_release);
	if (atomic_load_explicit(&run->members, memory_order_relaxed) == 0)
		return;
	for (int i = 0; i < pool->threads - 1; i++) {
		uintptr_t asleep = (uintptr_t)run;
		if (!atomic_compare_exchange_strong(&pool->helper[i].run, &asleep, 0))
			continue;
		atomic_fetch_sub_explicit(&run->members, 1, memory_order_relaxed);
		tokens_release(&pool->tokens);
	}
}

int inferd_pool_run(inferd_pool *pool, const inferd_program *program, void *const *bases, inferd_cursor *cursor, int64_t quantum_ns, const uint32_t *wanted)
{
	stopwatch watch = {.quantum_ns = quantum_ns, .wanted = wanted};
	int status = INFERD_RUN_NO_MEMORY;
	tokens_take(&pool->tokens);
	inferd_run *run = claim_run(pool);
	if (scratch_reserve(&run->scratch, program->scratch_bytes)) {
		atomic_store_explicit(&run->open, true, memory_order_release);
		status = run_steps(pool, run, program, bases, cursor, &watch);
		dismiss(pool, run);
	}
	atomic_store_explicit(&run->busy, false, memory_order_release);
	tokens_release(&pool->tokens);
	return status;
}

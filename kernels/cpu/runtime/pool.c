// The pool's threads: helpers sleep between runs, join a run that recruits them, and leave when it is over, when there is
// nothing to do for a while, or when another caller waits for a token.
#include "pool_internal.h"

#include <errno.h>
#include <immintrin.h>
#include <signal.h>
#include <stdlib.h>

bool scratch_reserve(inferd_scratch *scratch, int64_t bytes)
{
	if (bytes <= scratch->bytes)
		return true;
	free(scratch->memory);
	bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	scratch->memory = aligned_alloc(CACHE_LINE, (size_t)bytes);
	scratch->bytes = scratch->memory ? bytes : 0;
	return scratch->memory != NULL;
}

void pool_recruit(inferd_pool *pool, inferd_run *run, int64_t wanted)
{
	for (int i = 0; i < pool->threads - 1 && wanted > 0; i++) {
		inferd_helper *helper = &pool->helper[i];
		if (atomic_load_explicit(&helper->run, memory_order_relaxed) != 0)
			continue;
		if (!tokens_try_take(&pool->tokens)) // the token is the helper's from now on
			return;
		uintptr_t free_helper = 0;
		if (!atomic_compare_exchange_strong(&helper->run, &free_helper, (uintptr_t)run)) {
			tokens_release(&pool->tokens);
			continue;
		}
		atomic_fetch_add_explicit(&run->members, 1, memory_order_relaxed);
		atomic_fetch_add(&helper->signal, 1);
		futex_wake(&helper->signal);
		wanted--;
	}
}

// Works for the run as long as there is something to do and nobody waits for the token.
static void helper_work(inferd_helper *helper, inferd_run *run)
{
	uint64_t idle_since = __rdtsc();
	for (;;) {
		if (tokens_wanted(&helper->pool->tokens))
			return;
		if (run_chunk(run, helper->index, &helper->scratch)) {
			idle_since = __rdtsc();
			continue;
		}
		if (!atomic_load_explicit(&run->open, memory_order_acquire) || __rdtsc() - idle_since > HELPER_SPIN_CYCLES)
			return;
		_mm_pause();
	}
}

static void *helper_main(void *argument)
{
	inferd_helper *helper = argument;
	inferd_pool *pool = helper->pool;
	for (;;) {
		uint32_t signal = atomic_load(&helper->signal);
		uintptr_t run = atomic_load(&helper->run);
		if (run != 0) {
			// The caller takes the run back where it finished before this thread woke up.
			if (!atomic_compare_exchange_strong(&helper->run, &run, run | HELPER_JOINED))
				continue;
			helper_work(helper, (inferd_run *)run);
			atomic_fetch_sub_explicit(&((inferd_run *)run)->members, 1, memory_order_relaxed);
			atomic_store(&helper->run, 0);
			tokens_release(&pool->tokens);
			continue;
		}
		if (atomic_load(&pool->closing))
			break;
		futex_wait(&helper->signal, signal);
	}
	return NULL;
}

// Starts a helper that leaves signals to Go's threads, except those that a fault in a kernel raises on its own thread
// and the profiler's.
static int helper_start(inferd_helper *helper)
{
	sigset_t blocked, before;
	sigfillset(&blocked);
	int kept[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
	for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
		sigdelset(&blocked, kept[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	int error = pthread_create(&helper->thread, NULL, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		pthread_setname_np(helper->thread, "inferd-compute");
	return error;
}

// Ends the first `started` helpers and frees everything.
static void pool_free(inferd_pool *pool, int started)
{
	atomic_store(&pool->closing, true);
	for (int i = 0; i < started; i++) {
		atomic_fetch_add(&pool->helper[i].signal, 1);
		futex_wake(&pool->helper[i].signal);
	}
	for (int i = 0; i < started; i++) {
		pthread_join(pool->helper[i].thread, NULL);
		free(pool->helper[i].scratch.memory);
	}
	for (int i = 0; pool->run && i < pool->threads; i++)
		free(pool->run[i].scratch.memory);
	free(pool->helper);
	free(pool->share);
	free(pool->run);
	free(pool);
}

static void *allocate_zeroed(size_t bytes)
{
	void *memory = aligned_alloc(CACHE_LINE, bytes);
	return memory ? memset(memory, 0, bytes) : NULL;
}

int inferd_pool_create(int threads, inferd_pool **result)
{
	inferd_pool *pool = allocate_zeroed(sizeof *pool);
	if (!pool)
		return ENOMEM;
	pool->threads = threads;
	atomic_store(&pool->tokens.state, (uint64_t)threads);
	pool->helper = allocate_zeroed((size_t)threads * sizeof *pool->helper);
	pool->run = allocate_zeroed((size_t)threads * sizeof *pool->run);
	size_t shares = threads < MOST_SHARES ? (size_t)threads : MOST_SHARES;
	pool->share = allocate_zeroed((size_t)threads * shares * sizeof *pool->share);
	if (!pool->helper || !pool->run || !pool->share) {
		pool_free(pool, 0);
		return ENOMEM;
	}
	for (int i = 0; i < threads; i++)
		pool->run[i].share = pool->share + (size_t)i * shares;
	for (int i = 0; i < threads - 1; i++) {
		pool->helper[i].pool = pool;
		pool->helper[i].index = i + 1;
		int error = helper_start(&pool->helper[i]);
		if (error != 0) {
			pool_free(pool, i);
			return error;
		}
	}
	*result = pool;
	return 0;
}

void inferd_pool_destroy(inferd_pool *pool) { pool_free(pool, pool->threads - 1); }

// The right to compute: a pool has as many tokens as threads, and whoever runs tiles holds one. That bounds the number of
// runnable compute threads whatever number of callers there is.
#ifndef INFERD_TOKENS_H
#define INFERD_TOKENS_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static inline void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

typedef struct {
	_Atomic uint64_t state;  // low half: free tokens, high half: callers asleep; never both non-zero
	_Atomic uint32_t grants; // tokens handed to sleepers that have not picked them up yet
} inferd_tokens;

#define INFERD_TOKEN_WAITER (1ull << 32)

static inline uint32_t tokens_free(inferd_tokens *tokens)
{
	return (uint32_t)atomic_load_explicit(&tokens->state, memory_order_relaxed);
}

static inline bool tokens_wanted(inferd_tokens *tokens)
{
	return atomic_load_explicit(&tokens->state, memory_order_relaxed) >= INFERD_TOKEN_WAITER;
}

static inline bool tokens_try_take(inferd_tokens *tokens)
{
	uint64_t state = atomic_load_explicit(&tokens->state, memory_order_relaxed);
	while ((uint32_t)state != 0)
		if (atomic_compare_exchange_weak(&tokens->state, &state, state - 1))
			return true;
	return false;
}

// Sleeps until there is a token. Sleepers are served before newcomers, because a token is handed over, not put back.
static inline void tokens_take(inferd_tokens *tokens)
{
	uint64_t state = atomic_load_explicit(&tokens->state, memory_order_relaxed);
	for (;;) {
		bool available = (uint32_t)state != 0;
		if (!atomic_compare_exchange_weak(&tokens->state, &state, available ? state - 1 : state + INFERD_TOKEN_WAITER))
			continue;
		if (available)
			return;
		break;
	}
	for (;;) {
		uint32_t grants = atomic_load(&tokens->grants);
		if (grants == 0)
			futex_wait(&tokens->grants, 0);
		else if (atomic_compare_exchange_weak(&tokens->grants, &grants, grants - 1))
			return;
	}
}

static inline void tokens_release(inferd_tokens *tokens)
{
	uint64_t state = atomic_load_explicit(&tokens->state, memory_order_relaxed);
	bool wanted;
	do {
		wanted = state >= INFERD_TOKEN_WAITER;
	} while (!atomic_compare_exchange_weak(&tokens->state, &state, wanted ? state - INFERD_TOKEN_WAITER : state + 1));
	if (wanted) {
		atomic_fetch_add(&tokens->grants, 1);
		futex_wake(&tokens->grants);
	}
}

#endif

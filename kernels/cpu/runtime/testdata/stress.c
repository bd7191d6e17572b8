// Runs chains of dependent steps from several callers at once on one pool. The writes of a step are plain, so the thread
// sanitizer reports a step that starts before the one ahead is complete, and any race inside the pool.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pool.h"

enum { STEPS = 12, TILES = 24, RUNS = 60, CALLERS = 4 };

static void sum_previous(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	const int64_t *in = inferd_address(step, bases, 0);
	int64_t *out = inferd_address(step, bases, 1);
	int64_t *sum = scratch;
	*sum = tile;
	for (int64_t i = 0; i < TILES; i++)
		*sum += in[i];
	out[tile] = *sum & 0xffff;
}

static inferd_pool *pool;

static void *caller(void *argument)
{
	int64_t *arena = calloc((STEPS + 1) * TILES, sizeof *arena);
	int64_t *expected = calloc((STEPS + 1) * TILES, sizeof *arena);
	void *bases[] = {NULL, arena}, *expected_bases[] = {NULL, expected};
	inferd_step step[STEPS];
	int64_t shareable[STEPS + 1], scratch;
	memset(step, 0, sizeof step);
	for (int64_t i = 0; i < STEPS; i++) {
		step[i].kernel = sum_previous;
		step[i].tiles = i % 5 == 4 ? 1 : TILES;
		step[i].scratch_bytes = 8 + 64 * i;
		step[i].cost_ns = 200000;
		step[i].operand[0] = (inferd_operand){1, i * TILES * 8};
		step[i].operand[1] = (inferd_operand){1, (i + 1) * TILES * 8};
		shareable[i] = (STEPS - i) * 200000;
		for (int64_t tile = 0; tile < step[i].tiles; tile++)
			sum_previous(&step[i], expected_bases, tile, &scratch);
	}
	inferd_program program = {step, shareable, STEPS, 8 + 64 * STEPS};
	intptr_t wrong = 0;
	for (int run = 0; run < RUNS; run++) {
		inferd_cursor cursor = {0, 0};
		while (inferd_pool_run(pool, &program, bases, &cursor, (intptr_t)argument, NULL) == INFERD_RUN_PAUSED)
			;
		wrong += cursor.step != STEPS || memcmp(arena, expected, (STEPS + 1) * TILES * sizeof *arena) != 0;
		memset(arena, 0, (STEPS + 1) * TILES * sizeof *arena);
	}
	free(arena);
	free(expected);
	return (void *)wrong;
}

int main(void)
{
	intptr_t wrong = 0;
	for (int threads = 1; threads <= 4; threads++) {
		if (inferd_pool_create(threads, &pool) != 0)
			return 2;
		pthread_t thread[CALLERS];
		for (intptr_t i = 0; i < CALLERS; i++)
			pthread_create(&thread[i], NULL, caller, (void *)(i * 100000));
		for (int i = 0; i < CALLERS; i++) {
			void *result;
			pthread_join(thread[i], &result);
			wrong += (intptr_t)result;
		}
		inferd_pool_destroy(pool);
	}
	printf("%ld wrong\n", (long)wrong);
	return wrong != 0;
}

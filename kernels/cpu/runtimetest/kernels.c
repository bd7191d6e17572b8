#include "kernels.h"

#include <stdatomic.h>
#include <time.h>

static int64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

void inferd_test_count(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	int64_t *count = inferd_address(step, bases, 0);
	int64_t *previous = inferd_address(step, bases, 1);
	// A tile that starts before the step ahead is complete would see other counts there than its own.
	if (previous)
		for (int64_t i = 0; i < step->parameter[1]; i++)
			if (previous[i] != count[tile] + 1)
				count[tile] += 1000000;
	if (step->scratch_bytes > 0)
		memset(scratch, (int)tile, (size_t)step->scratch_bytes);
	for (int64_t end = step->parameter[0] ? now_ns() + step->parameter[0] : 0; end != 0 && now_ns() < end;)
		;
	count[tile]++;
	for (int64_t i = 0; i < step->scratch_bytes; i++)
		if (((unsigned char *)scratch)[i] != (unsigned char)tile)
			count[tile] += 1000000;
}

void inferd_test_concurrency(const inferd_step *step, void *const *bases, int64_t tile, void *scratch)
{
	_Atomic int64_t *present = inferd_address(step, bases, 0);
	_Atomic int64_t *most = inferd_address(step, bases, 1);
	int64_t now = atomic_fetch_add(present, 1) + 1;
	for (int64_t seen = atomic_load(most); seen < now && !atomic_compare_exchange_weak(most, &seen, now);)
		;
	for (int64_t end = now_ns() + step->parameter[0]; now_ns() < end;)
		;
	atomic_fetch_sub(present, 1);
}

void inferd_test_layout(int64_t *layout)
{
	int64_t values[] = {
		sizeof(inferd_step), offsetof(inferd_step, kernel), offsetof(inferd_step, tiles), offsetof(inferd_step, scratch_bytes),
		offsetof(inferd_step, cost_ns), offsetof(inferd_step, operand), offsetof(inferd_step, parameter),
		sizeof(inferd_operand), offsetof(inferd_operand, base), offsetof(inferd_operand, offset),
	};
	memcpy(layout, values, sizeof values);
}

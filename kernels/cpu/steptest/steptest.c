#include "steptest.h"

void inferd_steptest_run(const inferd_step *step, void *scratch)
{
	void *const bases[] = {NULL};
	for (int64_t tile = step->tiles; tile-- > 0;)
		step->kernel(step, bases, tile, scratch);
}

// Kernels whose only use is to show what the runner did.
#ifndef INFERD_TEST_KERNELS_H
#define INFERD_TEST_KERNELS_H

#include "step.h"

// Adds one to element `tile` of operand 0 after spinning parameter[0] ns. Adds a million more where the runner broke a promise:
// where an element of operand 1 (parameter[1] elements, the array of the step ahead, if present) is not one ahead, or where another
// thread wrote to the scratch.
void inferd_test_count(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

// Spins parameter[0] ns; operand 0 counts the threads inside, operand 1 the most there ever were.
void inferd_test_concurrency(const inferd_step *step, void *const *bases, int64_t tile, void *scratch);

enum { INFERD_TEST_LAYOUT = 10 };

// Size and offsets of inferd_step (kernel, tiles, scratch_bytes, cost_ns, operand, parameter), then of inferd_operand.
void inferd_test_layout(int64_t *layout);

#endif

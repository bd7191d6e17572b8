#ifndef INFERD_STEPTEST_H
#define INFERD_STEPTEST_H

#include "step.h"

// Runs every tile of the step, from the last to the first.
void inferd_steptest_run(const inferd_step *step, void *scratch);

#endif

// The kernels of the family; each is an inferd_kernel (see step.h). tables.h describes their operands and parameters.
#ifndef INFERD_TREES_H
#define INFERD_TREES_H

#include "step.h"

void inferd_trees_quick_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_trees_quick_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_trees_quick_avx512(const inferd_step *, void *const *, int64_t, void *);
void inferd_trees_walk_scalar(const inferd_step *, void *const *, int64_t, void *);
void inferd_trees_walk_avx2(const inferd_step *, void *const *, int64_t, void *);
void inferd_trees_walk_avx512(const inferd_step *, void *const *, int64_t, void *);

#endif

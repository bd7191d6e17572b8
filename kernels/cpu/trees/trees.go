package trees

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include "trees.h"
import "C"

import "github.com/inferd/inferd/kernels/cpu/step"

// quickKernels and walkKernels are indexed by isa.Level.
var (
	quickKernels = [...]step.Kernel{step.Kernel(C.inferd_trees_quick_scalar), step.Kernel(C.inferd_trees_quick_avx2), step.Kernel(C.inferd_trees_quick_avx512)}
	walkKernels  = [...]step.Kernel{step.Kernel(C.inferd_trees_walk_scalar), step.Kernel(C.inferd_trees_walk_avx2), step.Kernel(C.inferd_trees_walk_avx512)}
)

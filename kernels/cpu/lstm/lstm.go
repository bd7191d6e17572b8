package lstm

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "lstm.h"
import "C"

import "github.com/inferd/inferd/kernels/cpu/step"

// The kernels are indexed by isa.Level.
var (
	projectKernels = [...]step.Kernel{step.Kernel(C.inferd_lstm_project_scalar), step.Kernel(C.inferd_lstm_project_avx2), step.Kernel(C.inferd_lstm_project_avx512)}
	recurKernels   = [...]step.Kernel{step.Kernel(C.inferd_lstm_recur_scalar), step.Kernel(C.inferd_lstm_recur_avx2), step.Kernel(C.inferd_lstm_recur_avx512)}
)

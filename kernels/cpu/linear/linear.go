package linear

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include "linear.h"
import "C"

import "github.com/inferd/inferd/kernels/cpu/step"

// The kernels that have variants are indexed by isa.Level.
var (
	scalerKernels     = [...]step.Kernel{step.Kernel(C.inferd_scaler_scalar), step.Kernel(C.inferd_scaler_avx2), step.Kernel(C.inferd_scaler_avx512)}
	linearKernels     = [...]step.Kernel{step.Kernel(C.inferd_linear_scalar), step.Kernel(C.inferd_linear_avx2), step.Kernel(C.inferd_linear_avx512)}
	normalizerKernels = [...]step.Kernel{step.Kernel(C.inferd_normalizer_scalar), step.Kernel(C.inferd_normalizer_avx2), step.Kernel(C.inferd_normalizer_avx512)}
	oneHotInt         = step.Kernel(C.inferd_one_hot_int)
	oneHotString      = step.Kernel(C.inferd_one_hot_string)
)

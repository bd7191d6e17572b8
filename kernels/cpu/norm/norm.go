// Package norm plans and implements the normalisation of rows: LayerNormalization with an optional residual, RMS normalisation and
// InstanceNormalization.
//
// In: shapes, all known. Out: a step whose operands the caller sets. float32.
package norm

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include "norm.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

var byLevel = [...]step.Kernel{
	isa.Scalar: step.Kernel(unsafe.Pointer(C.inferd_norm_scalar)),
	isa.AVX2:   step.Kernel(unsafe.Pointer(C.inferd_norm_avx2)),
	isa.AVX512: step.Kernel(unsafe.Pointer(C.inferd_norm_avx512)),
}

const (
	rowCount       = C.INFERD_NORM_ROWS
	rowWidth       = C.INFERD_NORM_WIDTH
	rowsPerTile    = C.INFERD_NORM_ROWS_PER_TILE
	epsilonValue   = C.INFERD_NORM_EPSILON
	rootMeanSquare = C.INFERD_NORM_ROOT_MEAN_SQUARE
	channelCount   = C.INFERD_NORM_CHANNELS
)

// Operands of a step. Y may be the memory of X or of the residual. Absent ones stay zero.
const (
	OperandX        = C.INFERD_NORM_X
	OperandResidual = C.INFERD_NORM_RESIDUAL // optional: added to X first
	OperandScale    = C.INFERD_NORM_SCALE
	OperandBias     = C.INFERD_NORM_BIAS // optional
	OperandY        = C.INFERD_NORM_Y
	OperandSum      = C.INFERD_NORM_SUM // optional, with a residual only: X + residual; must not be Y
)

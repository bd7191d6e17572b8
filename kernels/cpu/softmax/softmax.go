// Package softmax plans and implements Softmax and LogSoftmax over one axis, with an optional scale and additive mask.
//
// In: shapes, all known. Out: a step whose operands the caller sets. float32.
package softmax

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "softmax.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

type kernels struct{ rows, columns step.Kernel }

var byLevel = [...]kernels{
	isa.Scalar: {step.Kernel(unsafe.Pointer(C.inferd_softmax_rows_scalar)), step.Kernel(unsafe.Pointer(C.inferd_softmax_columns_scalar))},
	isa.AVX2:   {step.Kernel(unsafe.Pointer(C.inferd_softmax_rows_avx2)), step.Kernel(unsafe.Pointer(C.inferd_softmax_columns_avx2))},
	isa.AVX512: {step.Kernel(unsafe.Pointer(C.inferd_softmax_rows_avx512)), step.Kernel(unsafe.Pointer(C.inferd_softmax_columns_avx512))},
}

const (
	maskRank       = C.INFERD_SOFTMAX_MASK_RANK
	outerCount     = C.INFERD_SOFTMAX_OUTER
	axisLength     = C.INFERD_SOFTMAX_AXIS
	innerLength    = C.INFERD_SOFTMAX_INNER
	unitsPerTile   = C.INFERD_SOFTMAX_UNITS_PER_TILE
	logarithmic    = C.INFERD_SOFTMAX_LOG
	scaleFactor    = C.INFERD_SOFTMAX_SCALE
	maskDimensions = C.INFERD_SOFTMAX_MASK_DIMENSIONS
	maskDims       = C.INFERD_SOFTMAX_MASK_DIMS
	maskStrides    = C.INFERD_SOFTMAX_MASK_STRIDES
)

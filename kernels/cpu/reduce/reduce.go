// Package reduce plans and implements reductions over neighbouring axes: sums, means, extrema, norms and the arguments of extrema.
//
// In: shapes, axes and the element type, all known. Out: a step whose operands the caller sets. float32, int32 and int64.
package reduce

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "reduce.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

type kernels struct{ rows, columns, argumentRows, argumentColumns, integers step.Kernel }

var byLevel = [...]kernels{
	isa.Scalar: {
		step.Kernel(unsafe.Pointer(C.inferd_reduce_rows_scalar)), step.Kernel(unsafe.Pointer(C.inferd_reduce_columns_scalar)),
		step.Kernel(unsafe.Pointer(C.inferd_argument_rows_scalar)), step.Kernel(unsafe.Pointer(C.inferd_argument_columns_scalar)),
		step.Kernel(unsafe.Pointer(C.inferd_reduce_integers_scalar)),
	},
	isa.AVX2: {
		step.Kernel(unsafe.Pointer(C.inferd_reduce_rows_avx2)), step.Kernel(unsafe.Pointer(C.inferd_reduce_columns_avx2)),
		step.Kernel(unsafe.Pointer(C.inferd_argument_rows_avx2)), step.Kernel(unsafe.Pointer(C.inferd_argument_columns_avx2)),
		step.Kernel(unsafe.Pointer(C.inferd_reduce_integers_avx2)),
	},
	isa.AVX512: {
		step.Kernel(unsafe.Pointer(C.inferd_reduce_rows_avx512)), step.Kernel(unsafe.Pointer(C.inferd_reduce_columns_avx512)),
		step.Kernel(unsafe.Pointer(C.inferd_argument_rows_avx512)), step.Kernel(unsafe.Pointer(C.inferd_argument_columns_avx512)),
		step.Kernel(unsafe.Pointer(C.inferd_reduce_integers_avx512)),
	},
}

const (
	outerCount   = C.INFERD_REDUCE_OUTER
	axisLength   = C.INFERD_REDUCE_AXIS
	innerLength  = C.INFERD_REDUCE_INNER
	unitsPerTile = C.INFERD_REDUCE_UNITS_PER_TILE
	operation    = C.INFERD_REDUCE_OP
	selectLast   = C.INFERD_REDUCE_LAST
	elementBytes = C.INFERD_REDUCE_BYTES
)

// Op is a reduction.
type Op int64

// The reductions. ArgMax and ArgMin give the position along the axis as int64. Integers know all but L1, L2 and SumSquare.
const (
	Sum       Op = C.INFERD_REDUCE_SUM
	Mean      Op = C.INFERD_REDUCE_MEAN
	Max       Op = C.INFERD_REDUCE_MAX
	Min       Op = C.INFERD_REDUCE_MIN
	Prod      Op = C.INFERD_REDUCE_PROD
	L1        Op = C.INFERD_REDUCE_L1
	L2        Op = C.INFERD_REDUCE_L2
	SumSquare Op = C.INFERD_REDUCE_SUM_SQUARE
	ArgMax    Op = C.INFERD_REDUCE_ARG_MAX
	ArgMin    Op = C.INFERD_REDUCE_ARG_MIN
)

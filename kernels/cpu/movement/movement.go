// Package movement plans and implements the steps that move elements without computing: transposition, strided copies (Slice, Split,
// Concat, Expand, Pad) and Gather.
//
// In: shapes, strides and element sizes, all known. Out: a step whose operands the caller sets. Elements are bytes of size 1, 2, 4, 8
// or 16; no step looks into them.
package movement

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "movement.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// kernels of one instruction set.
type kernels struct{ rows, strided, transpose, gather step.Kernel }

var byLevel = [...]kernels{
	isa.Scalar: {
		rows: step.Kernel(unsafe.Pointer(C.inferd_copy_rows_scalar)), strided: step.Kernel(unsafe.Pointer(C.inferd_copy_strided_scalar)),
		transpose: step.Kernel(unsafe.Pointer(C.inferd_transpose_scalar)), gather: step.Kernel(unsafe.Pointer(C.inferd_gather_scalar)),
	},
	isa.AVX2: {
		rows: step.Kernel(unsafe.Pointer(C.inferd_copy_rows_avx2)), strided: step.Kernel(unsafe.Pointer(C.inferd_copy_strided_avx2)),
		transpose: step.Kernel(unsafe.Pointer(C.inferd_transpose_avx2)), gather: step.Kernel(unsafe.Pointer(C.inferd_gather_avx2)),
	},
	isa.AVX512: {
		rows: step.Kernel(unsafe.Pointer(C.inferd_copy_rows_avx512)), strided: step.Kernel(unsafe.Pointer(C.inferd_copy_strided_avx512)),
		transpose: step.Kernel(unsafe.Pointer(C.inferd_transpose_avx512)), gather: step.Kernel(unsafe.Pointer(C.inferd_gather_avx512)),
	},
}

const (
	maxRank        = C.INFERD_MOVEMENT_RANK
	outerRank      = C.INFERD_MOVEMENT_OUTER_RANK
	units          = C.INFERD_MOVEMENT_UNITS
	unitsPerTile   = C.INFERD_MOVEMENT_UNITS_PER_TILE
	sourceOffset   = C.INFERD_MOVEMENT_SOURCE_OFFSET
	destOffset     = C.INFERD_MOVEMENT_DESTINATION_OFFSET
	chunkLength    = C.INFERD_MOVEMENT_CHUNK
	extent         = C.INFERD_MOVEMENT_EXTENT
	elementSize    = C.INFERD_MOVEMENT_ELEMENT_SIZE
	sourceStride   = C.INFERD_MOVEMENT_SOURCE_STRIDE
	destStride     = C.INFERD_MOVEMENT_DESTINATION_STRIDE
	otherLength    = C.INFERD_MOVEMENT_OTHER
	chunkedRows    = C.INFERD_MOVEMENT_CHUNKED_ROWS
	dims           = C.INFERD_MOVEMENT_DIMS
	sourceStrides  = C.INFERD_MOVEMENT_SOURCE_STRIDES
	destStrides    = C.INFERD_MOVEMENT_DESTINATION_STRIDES
	gatherCount    = C.INFERD_GATHER_COUNT
	gatherUnits    = C.INFERD_GATHER_UNITS
	gatherPerTile  = C.INFERD_GATHER_UNITS_PER_TILE
	gatherAxis     = C.INFERD_GATHER_AXIS
	gatherRowBytes = C.INFERD_GATHER_ROW_BYTES
	gatherIndex    = C.INFERD_GATHER_INDEX_SIZE
)

// Package quantize plans and implements the conversion between float32 tensors and integers of eight bits: QuantizeLinear, DequantizeLinear (from int32
// too) and DynamicQuantizeLinear, exactly as ONNX defines them.
//
// In: the dimensions around the axis that has the scales, the integers' type. Out: steps whose operands the caller sets. Scales and zero points are read
// when a step runs. Results do not depend on the instruction set, on tiles or on threads, bit for bit.
package quantize

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include "quantize.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

type kernels struct{ quantize, dequantize, extremes, dynamic step.Kernel }

var byLevel = [...]kernels{
	isa.Scalar: {
		step.Kernel(unsafe.Pointer(C.inferd_quantize_scalar)), step.Kernel(unsafe.Pointer(C.inferd_dequantize_scalar)),
		step.Kernel(unsafe.Pointer(C.inferd_quantize_extremes_scalar)), step.Kernel(unsafe.Pointer(C.inferd_quantize_dynamic_scalar)),
	},
	isa.AVX2: {
		step.Kernel(unsafe.Pointer(C.inferd_quantize_avx2)), step.Kernel(unsafe.Pointer(C.inferd_dequantize_avx2)),
		step.Kernel(unsafe.Pointer(C.inferd_quantize_extremes_avx2)), step.Kernel(unsafe.Pointer(C.inferd_quantize_dynamic_avx2)),
	},
	isa.AVX512: {
		step.Kernel(unsafe.Pointer(C.inferd_quantize_avx512)), step.Kernel(unsafe.Pointer(C.inferd_dequantize_avx512)),
		step.Kernel(unsafe.Pointer(C.inferd_quantize_extremes_avx512)), step.Kernel(unsafe.Pointer(C.inferd_quantize_dynamic_avx512)),
	},
}

// Operands of a step.
const (
	OperandX        = C.INFERD_QUANTIZE_X
	OperandY        = C.INFERD_QUANTIZE_Y
	OperandScale    = C.INFERD_QUANTIZE_SCALE
	OperandZero     = C.INFERD_QUANTIZE_ZERO
	OperandExtremes = C.INFERD_QUANTIZE_EXTREMES
)

const (
	elementCount    = C.INFERD_QUANTIZE_ELEMENTS
	scaleCount      = C.INFERD_QUANTIZE_SCALES
	afterCount      = C.INFERD_QUANTIZE_AFTER
	integerType     = C.INFERD_QUANTIZE_TYPE
	elementsPerTile = C.INFERD_QUANTIZE_ELEMENTS_PER_TILE
)

// Type is the element type of the integers; the numbers are those of ONNX's TensorProto.DataType.
type Type int32

// The types. Only Dequantize knows Int32.
const (
	Uint8 Type = C.INFERD_QUANTIZE_UINT8
	Int8  Type = C.INFERD_QUANTIZE_INT8
	Int32 Type = C.INFERD_QUANTIZE_INT32
)

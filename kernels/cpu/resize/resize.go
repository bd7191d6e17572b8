// Package resize plans Resize of float32 tensors along two neighbouring axes and holds its kernels: the nearest element, linear and cubic interpolation.
//
// In: the interpolation, concrete sizes and places. Out: tables, which the caller keeps in C memory, and a step. Where elements come from and what they weigh is
// computed here, once; the kernels read it. Results do not depend on batch, tiles or threads, bit for bit, nor on whether channels are planes or pixels.
package resize

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "resize.h"
import "C"

import (
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Operand and parameter numbers, from resize.h.
const (
	operandInput  = C.RESIZE_INPUT
	operandOutput = C.RESIZE_OUTPUT
	operandTables = C.RESIZE_TABLES

	parameterHeight        = C.RESIZE_HEIGHT
	parameterWidth         = C.RESIZE_WIDTH
	parameterChannels      = C.RESIZE_CHANNELS
	parameterOutputHeight  = C.RESIZE_OUTPUT_HEIGHT
	parameterOutputWidth   = C.RESIZE_OUTPUT_WIDTH
	parameterRowTaps       = C.RESIZE_ROW_TAPS
	parameterColumnTaps    = C.RESIZE_COLUMN_TAPS
	parameterRows          = C.RESIZE_ROWS
	parameterRowBlock      = C.RESIZE_ROW_BLOCK
	parameterRowIndex      = C.RESIZE_ROW_INDEX
	parameterRowWeight     = C.RESIZE_ROW_WEIGHT
	parameterColumnIndex   = C.RESIZE_COLUMN_INDEX
	parameterColumnWeight  = C.RESIZE_COLUMN_WEIGHT
	parameterColumnFirst   = C.RESIZE_COLUMN_FIRST
	parameterColumnVectors = C.RESIZE_COLUMN_VECTORS
)

func nearestKernel(level isa.Level) step.Kernel {
	return [...]step.Kernel{step.Kernel(C.resize_nearest_scalar), step.Kernel(C.resize_nearest_avx2), step.Kernel(C.resize_nearest_avx512)}[level]
}

func planesKernel(level isa.Level) step.Kernel {
	return [...]step.Kernel{step.Kernel(C.resize_planes_scalar), step.Kernel(C.resize_planes_avx2), step.Kernel(C.resize_planes_avx512)}[level]
}

func pixelsKernel(level isa.Level) step.Kernel {
	return [...]step.Kernel{step.Kernel(C.resize_pixels_scalar), step.Kernel(C.resize_pixels_avx2), step.Kernel(C.resize_pixels_avx512)}[level]
}

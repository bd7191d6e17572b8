// Package pool plans pooling of float32 tensors in NHWC layout and holds its kernels: maximum, average, global average.
//
// In: the window, concrete sizes and places. Out: a step. The caller passes the output's size, so ceil_mode and automatic padding
// are decided before. Results do not depend on batch, tiles or threads, bit for bit.
package pool

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "pool.h"
import "C"

import (
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Kind is what a window is reduced to.
type Kind int

// The kinds.
const (
	Maximum Kind = C.POOL_MAXIMUM
	Average Kind = C.POOL_AVERAGE
)

// Operand and parameter numbers, from pool.h.
const (
	operandInput  = C.POOL_INPUT
	operandOutput = C.POOL_OUTPUT

	parameterKind           = C.POOL_KIND
	parameterIncludePad     = C.POOL_INCLUDE_PAD
	parameterHeight         = C.POOL_HEIGHT
	parameterWidth          = C.POOL_WIDTH
	parameterChannels       = C.POOL_CHANNELS
	parameterInputStride    = C.POOL_INPUT_STRIDE
	parameterOutputHeight   = C.POOL_OUTPUT_HEIGHT
	parameterOutputWidth    = C.POOL_OUTPUT_WIDTH
	parameterOutputStride   = C.POOL_OUTPUT_STRIDE
	parameterKernelHeight   = C.POOL_KERNEL_HEIGHT
	parameterKernelWidth    = C.POOL_KERNEL_WIDTH
	parameterStrideHeight   = C.POOL_STRIDE_HEIGHT
	parameterStrideWidth    = C.POOL_STRIDE_WIDTH
	parameterDilationHeight = C.POOL_DILATION_HEIGHT
	parameterDilationWidth  = C.POOL_DILATION_WIDTH
	parameterPadTop         = C.POOL_PAD_TOP
	parameterPadLeft        = C.POOL_PAD_LEFT
	parameterPadBottom      = C.POOL_PAD_BOTTOM
	parameterPadRight       = C.POOL_PAD_RIGHT
	parameterRows           = C.POOL_ROWS
	parameterRowBlock       = C.POOL_ROW_BLOCK
	parameterChannelBlocks  = C.POOL_CHANNEL_BLOCKS
)

func windowKernel(level isa.Level) step.Kernel {
	return [...]step.Kernel{step.Kernel(C.pool_window_scalar), step.Kernel(C.pool_window_avx2), step.Kernel(C.pool_window_avx512)}[level]
}

func globalAverageKernel(level isa.Level) step.Kernel {
	return [...]step.Kernel{step.Kernel(C.pool_global_average_scalar), step.Kernel(C.pool_global_average_avx2), step.Kernel(C.pool_global_average_avx512)}[level]
}

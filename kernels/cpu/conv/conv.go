package conv

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "conv.h"
import "C"

import (
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Operand numbers, from conv.h.
const (
	operandInput    = C.CONV_INPUT
	operandWeights  = C.CONV_WEIGHTS
	operandResidual = C.CONV_RESIDUAL
	operandOutput   = C.CONV_OUTPUT
)

// Parameter numbers of every kernel, from conv.h.
const (
	parameterHeight         = C.CONV_HEIGHT
	parameterWidth          = C.CONV_WIDTH
	parameterChannels       = C.CONV_CHANNELS
	parameterInputStride    = C.CONV_INPUT_STRIDE
	parameterOutputHeight   = C.CONV_OUTPUT_HEIGHT
	parameterOutputWidth    = C.CONV_OUTPUT_WIDTH
	parameterOutputChannels = C.CONV_OUTPUT_CHANNELS
	parameterOutputStride   = C.CONV_OUTPUT_STRIDE
	parameterResidualStride = C.CONV_RESIDUAL_STRIDE
	parameterKernelHeight   = C.CONV_KERNEL_HEIGHT
	parameterKernelWidth    = C.CONV_KERNEL_WIDTH
	parameterStrideHeight   = C.CONV_STRIDE_HEIGHT
	parameterStrideWidth    = C.CONV_STRIDE_WIDTH
	parameterDilationHeight = C.CONV_DILATION_HEIGHT
	parameterDilationWidth  = C.CONV_DILATION_WIDTH
	parameterPadTop         = C.CONV_PAD_TOP
	parameterPadLeft        = C.CONV_PAD_LEFT
	parameterActivation     = C.CONV_ACTIVATION
	parameterActivationP0   = C.CONV_ACTIVATION_P0
	parameterActivationP1   = C.CONV_ACTIVATION_P1
)

// Parameter numbers of the direct kernel, from conv.h.
const (
	directPixels        = C.DIRECT_PIXELS
	directPixelBlock    = C.DIRECT_PIXEL_BLOCK
	directTapsHeight    = C.DIRECT_TAPS_HEIGHT
	directTapsWidth     = C.DIRECT_TAPS_WIDTH
	directLength        = C.DIRECT_LENGTH
	directGroups        = C.DIRECT_GROUPS
	directPanels        = C.DIRECT_PANELS
	directWidePanels    = C.DIRECT_WIDE_PANELS
	directNarrowVectors = C.DIRECT_NARROW_VECTORS
	directChannelBlocks = C.DIRECT_CHANNEL_BLOCKS
	directStaged        = C.DIRECT_STAGED
	directStagedRows    = C.DIRECT_STAGED_ROWS
	directStagedWidth   = C.DIRECT_STAGED_WIDTH
	directPlanar        = C.DIRECT_PLANAR
)

// Parameter numbers of the depthwise kernel, from conv.h.
const (
	depthwiseRows          = C.DEPTHWISE_ROWS
	depthwiseRowBlock      = C.DEPTHWISE_ROW_BLOCK
	depthwiseColumnBlock   = C.DEPTHWISE_COLUMN_BLOCK
	depthwiseChannelBlocks = C.DEPTHWISE_CHANNEL_BLOCKS
	depthwiseGeneric       = C.DEPTHWISE_GENERIC
	depthwiseMultiplier    = C.DEPTHWISE_MULTIPLIER
)

// Parameter numbers of the Winograd kernel, from conv.h.
const (
	winogradTiles         = C.WINOGRAD_TILES
	winogradBlock         = C.WINOGRAD_BLOCK
	winogradPanels        = C.WINOGRAD_PANELS
	winogradWidePanels    = C.WINOGRAD_WIDE_PANELS
	winogradNarrowVectors = C.WINOGRAD_NARROW_VECTORS
	winogradChannelBlocks = C.WINOGRAD_CHANNEL_BLOCKS
)

// kernel returns the C function for the algorithm and level.
func kernel(algorithm Algorithm, level isa.Level) step.Kernel {
	kernels := [...][3]step.Kernel{
		Direct:    {step.Kernel(C.conv_direct_scalar), step.Kernel(C.conv_direct_avx2), step.Kernel(C.conv_direct_avx512)},
		Depthwise: {step.Kernel(C.conv_depthwise_scalar), step.Kernel(C.conv_depthwise_avx2), step.Kernel(C.conv_depthwise_avx512)},
		Winograd:  {step.Kernel(C.conv_winograd_scalar), step.Kernel(C.conv_winograd_avx2), step.Kernel(C.conv_winograd_avx512)},
	}
	return kernels[algorithm][level]
}

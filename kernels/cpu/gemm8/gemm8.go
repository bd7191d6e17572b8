// Package gemm8 multiplies matrices of eight-bit integers on the CPU, and convolves images of them in NHWC layout.
//
// In: B or a layer's filters, packed once with their zero points, and a Product or Use (shapes, operands, what is fused into the epilogue). Out: a step that package
// runtime runs. Sums are exact, so a row's result does not depend on the instruction set but for the activation, nor on batch, tiles or threads.
package gemm8

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include <unistd.h>
// #include "gemm8.h"
import "C"

import (
	"sync"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Slots of a step, as gemm8.h names them.
const (
	operandA        = C.INFERD_GEMM8_A
	operandB        = C.INFERD_GEMM8_B
	operandC        = C.INFERD_GEMM8_C
	operandBTerms   = C.INFERD_GEMM8_B_TERMS
	operandBZeros   = C.INFERD_GEMM8_B_ZEROS
	operandAScale   = C.INFERD_GEMM8_A_SCALE
	operandAZero    = C.INFERD_GEMM8_A_ZERO
	operandBScale   = C.INFERD_GEMM8_B_SCALE
	operandBias     = C.INFERD_GEMM8_BIAS
	operandResidual = C.INFERD_GEMM8_RESIDUAL
	operandYScale   = C.INFERD_GEMM8_Y_SCALE
	operandYZero    = C.INFERD_GEMM8_Y_ZERO

	parameterM              = C.INFERD_GEMM8_M
	parameterN              = C.INFERD_GEMM8_N
	parameterK              = C.INFERD_GEMM8_K
	parameterDepth          = C.INFERD_GEMM8_DEPTH
	parameterGroups         = C.INFERD_GEMM8_GROUPS
	parameterTileRows       = C.INFERD_GEMM8_TILE_ROWS
	parameterTileColumns    = C.INFERD_GEMM8_TILE_COLUMNS
	parameterOutput         = C.INFERD_GEMM8_OUTPUT
	parameterFlags          = C.INFERD_GEMM8_FLAGS
	parameterActivation     = C.INFERD_GEMM8_ACTIVATION
	parameterP0             = C.INFERD_GEMM8_P0
	parameterP1             = C.INFERD_GEMM8_P1
	parameterHeight         = C.INFERD_GEMM8_HEIGHT
	parameterWidth          = C.INFERD_GEMM8_WIDTH
	parameterChannels       = C.INFERD_GEMM8_CHANNELS
	parameterOutputHeight   = C.INFERD_GEMM8_OUTPUT_HEIGHT
	parameterOutputWidth    = C.INFERD_GEMM8_OUTPUT_WIDTH
	parameterKernelHeight   = C.INFERD_GEMM8_KERNEL_HEIGHT
	parameterKernelWidth    = C.INFERD_GEMM8_KERNEL_WIDTH
	parameterStrideHeight   = C.INFERD_GEMM8_STRIDE_HEIGHT
	parameterStrideWidth    = C.INFERD_GEMM8_STRIDE_WIDTH
	parameterDilationHeight = C.INFERD_GEMM8_DILATION_HEIGHT
	parameterDilationWidth  = C.INFERD_GEMM8_DILATION_WIDTH
	parameterPadTop         = C.INFERD_GEMM8_PAD_TOP
	parameterPadLeft        = C.INFERD_GEMM8_PAD_LEFT
	parameterRowBlock       = C.INFERD_GEMM8_ROW_BLOCK
	parameterChannelBlocks  = C.INFERD_GEMM8_CHANNEL_BLOCKS

	flagAIsSigned    = C.INFERD_GEMM8_A_IS_SIGNED
	flagStageA       = C.INFERD_GEMM8_STAGE_A
	flagConvolution  = C.INFERD_GEMM8_CONVOLUTION
	flagScaleEach    = C.INFERD_GEMM8_SCALE_EACH
	flagBiasIsFloat  = C.INFERD_GEMM8_BIAS_IS_FLOAT
	flagResidualLast = C.INFERD_GEMM8_RESIDUAL_LAST
)

// Type is the element type of a result; the numbers are those of ONNX's TensorProto.DataType.
type Type int32

// The types: values, quantised values, sums.
const (
	Float32 Type = C.INFERD_GEMM8_FLOAT32
	Uint8   Type = C.INFERD_GEMM8_UINT8
	Int8    Type = C.INFERD_GEMM8_INT8
	Int32   Type = C.INFERD_GEMM8_INT32
)

// variant is a kernel and what the planner knows about it.
type variant struct {
	kernel    step.Kernel
	depthwise step.Kernel
	lanes     int
	panel     int     // columns of a panel
	group     int     // elements of a column that a lane multiplies at once
	rows      int     // rows of the largest register block
	wide      []int   // by the number of rows, where these are all: the panels that a register block takes at once
	rate      float64 // multiply-adds per nanosecond, about
}

// widened and bytes are the variants of each level: with products of 16 bits, and, where the processor has them, of eight.
var (
	widened = [...]*variant{
		isa.Scalar: {step.Kernel(C.inferd_gemm8_scalar), step.Kernel(C.inferd_gemm8_depthwise_scalar), 4, C.INFERD_GEMM8_PANEL_SCALAR, C.INFERD_GEMM8_GROUP, 4, []int{1, 4, 2}, 35},
		isa.AVX2:   {step.Kernel(C.inferd_gemm8_avx2), step.Kernel(C.inferd_gemm8_depthwise_avx2), 8, C.INFERD_GEMM8_PANEL_AVX2, C.INFERD_GEMM8_GROUP, 6, []int{1, 4, 3, 2}, 70},
		isa.AVX512: {step.Kernel(C.inferd_gemm8_avx512), step.Kernel(C.inferd_gemm8_depthwise_avx512), 16, C.INFERD_GEMM8_PANEL_AVX512, C.INFERD_GEMM8_GROUP, 12, []int{1, 4, 4, 4, 3, 2, 2}, 100},
	}
	bytes = &variant{step.Kernel(C.inferd_gemm8_avx512_vnni), step.Kernel(C.inferd_gemm8_depthwise_avx512), 16, C.INFERD_GEMM8_PANEL_AVX512, C.INFERD_GEMM8_GROUP_VNNI, 12, []int{1, 4, 4, 4, 3, 2, 2}, 200}
)

// multipliesBytes reports whether this processor has products of bytes at a level.
func multipliesBytes(level isa.Level) bool { return level == isa.AVX512 && isa.SupportedDotProducts() }

// variantOf returns the best variant that this processor has for a level.
func variantOf(level isa.Level) *variant {
	if multipliesBytes(level) {
		return bytes
	}
	return widened[level]
}

// level2Bytes is the size of the cache that a core has to itself.
var level2Bytes = sync.OnceValue(func() int {
	if bytes := int(C.sysconf(C._SC_LEVEL2_CACHE_SIZE)); bytes > 0 {
		return bytes
	}
	return 256 << 10 // unknown, as in some virtual machines: what every server processor has at least
})

// Package integer multiplies eight-bit integers on the CPU: matrix products and convolutions with channels last, with what quantisation puts about them.
//
// In: a Product (sizes, places, what follows the sums) and weights packed once. Out: steps that package runtime runs. Sums are exact, so an element's bits
// depend neither on tiles nor on threads, and hardly on the instruction set: activations differ in their last bits.
package integer

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #cgo LDFLAGS: -lm
// #include "integer.h"
import "C"

import (
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Slots of a step, as integer.h names them.
const (
	operandA        = C.INTEGER_A
	operandB        = C.INTEGER_B
	operandColumns  = C.INTEGER_COLUMNS
	operandC        = C.INTEGER_C
	operandAScale   = C.INTEGER_A_SCALE
	operandAZero    = C.INTEGER_A_ZERO
	operandBias     = C.INTEGER_BIAS
	operandResidual = C.INTEGER_RESIDUAL
	operandYScale   = C.INTEGER_Y_SCALE
	operandYZero    = C.INTEGER_Y_ZERO

	parameterRows           = C.INTEGER_ROWS
	parameterGroups         = C.INTEGER_GROUPS
	parameterGroupColumns   = C.INTEGER_GROUP_COLUMNS
	parameterColumnPitch    = C.INTEGER_COLUMN_PITCH
	parameterArray          = C.INTEGER_ARRAY
	parameterTileRows       = C.INTEGER_TILE_ROWS
	parameterTileColumns    = C.INTEGER_TILE_COLUMNS
	parameterFlags          = C.INTEGER_FLAGS
	parameterOutput         = C.INTEGER_OUTPUT
	parameterActivation     = C.INTEGER_ACTIVATION
	parameterP0             = C.INTEGER_P0
	parameterP1             = C.INTEGER_P1
	parameterHeight         = C.INTEGER_HEIGHT
	parameterWidth          = C.INTEGER_WIDTH
	parameterGroupChannels  = C.INTEGER_GROUP_CHANNELS
	parameterOutputHeight   = C.INTEGER_OUTPUT_HEIGHT
	parameterOutputWidth    = C.INTEGER_OUTPUT_WIDTH
	parameterKernelHeight   = C.INTEGER_KERNEL_HEIGHT
	parameterKernelWidth    = C.INTEGER_KERNEL_WIDTH
	parameterStrideHeight   = C.INTEGER_STRIDE_HEIGHT
	parameterStrideWidth    = C.INTEGER_STRIDE_WIDTH
	parameterDilationHeight = C.INTEGER_DILATION_HEIGHT
	parameterDilationWidth  = C.INTEGER_DILATION_WIDTH
	parameterPadTop         = C.INTEGER_PAD_TOP
	parameterPadLeft        = C.INTEGER_PAD_LEFT

	flagUnsignedA     = C.INTEGER_UNSIGNED_A
	flagHasZeros      = C.INTEGER_HAS_ZEROS
	flagBiasIsInteger = C.INTEGER_BIAS_IS_INTEGER
	flagResidualLast  = C.INTEGER_RESIDUAL_LAST
)

// Output is the type of a result.
type Output int

// The types of results: sums, values, or quantised values.
const (
	Int32   Output = C.INTEGER_OUTPUT_INT32
	Float32 Output = C.INTEGER_OUTPUT_FLOAT
	Uint8   Output = C.INTEGER_OUTPUT_UINT8
	Int8    Output = C.INTEGER_OUTPUT_INT8
)

// Level is an instruction set, and whether it is used with dot products of bytes.
type Level struct {
	isa.Level
	DotProducts bool
}

// LevelOf returns the level with dot products where this processor has them.
func LevelOf(level isa.Level) Level {
	return Level{level, level == isa.AVX512 && isa.SupportedDotProducts()}
}

// variant is what the planner knows about a level.
type variant struct {
	product, depthwise step.Kernel
	panel              int     // columns of a panel
	rows               int     // of the largest block
	rate               float64 // multiply-adds per nanosecond, about
}

func variantOf(level Level) variant {
	switch {
	case level.DotProducts:
		return variant{step.Kernel(C.integer_product_avx512_vnni), step.Kernel(C.integer_depthwise_avx512_vnni), C.INTEGER_PANEL_AVX512, 12, 150}
	case level.Level == isa.AVX512:
		return variant{step.Kernel(C.integer_product_avx512), step.Kernel(C.integer_depthwise_avx512), C.INTEGER_PANEL_AVX512, 8, 60}
	case level.Level == isa.AVX2:
		return variant{step.Kernel(C.integer_product_avx2), step.Kernel(C.integer_depthwise_avx2), C.INTEGER_PANEL_AVX2, 4, 30}
	}
	return variant{step.Kernel(C.integer_product_scalar), step.Kernel(C.integer_depthwise_scalar), C.INTEGER_PANEL_SCALAR, 4, 15}
}

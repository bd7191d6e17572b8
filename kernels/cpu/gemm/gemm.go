// Package gemm multiplies float32 matrices on the CPU.
//
// In: a Product (shapes, strides, operands, what is fused into the epilogue) and, for constant B, weights packed once.
// Out: a step that package runtime runs. B may be packed weights or a value of the program; both operands may have any
// strides, so a transpose or a view costs no copy. An element's bits depend on its row of A and its column of B only.
package gemm

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include <unistd.h>
// #include "gemm.h"
import "C"

import (
	"fmt"
	"math"
	"sync"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Slots of a step, as gemm.h names them.
const (
	operandA        = C.INFERD_GEMM_A
	operandB        = C.INFERD_GEMM_B
	operandC        = C.INFERD_GEMM_C
	operandBias     = C.INFERD_GEMM_BIAS
	operandResidual = C.INFERD_GEMM_RESIDUAL

	parameterM              = C.INFERD_GEMM_M
	parameterN              = C.INFERD_GEMM_N
	parameterK              = C.INFERD_GEMM_K
	parameterTileRows       = C.INFERD_GEMM_TILE_ROWS
	parameterTileColumns    = C.INFERD_GEMM_TILE_COLUMNS
	parameterARow           = C.INFERD_GEMM_A_ROW
	parameterAColumn        = C.INFERD_GEMM_A_COLUMN
	parameterBRow           = C.INFERD_GEMM_B_ROW
	parameterBColumn        = C.INFERD_GEMM_B_COLUMN
	parameterCRow           = C.INFERD_GEMM_C_ROW
	parameterResidualRow    = C.INFERD_GEMM_RESIDUAL_ROW
	parameterResidualColumn = C.INFERD_GEMM_RESIDUAL_COLUMN
	parameterAlpha          = C.INFERD_GEMM_ALPHA
	parameterActivation     = C.INFERD_GEMM_ACTIVATION
	parameterP0             = C.INFERD_GEMM_P0
	parameterP1             = C.INFERD_GEMM_P1
	parameterFlags          = C.INFERD_GEMM_FLAGS
	parameterBatch          = C.INFERD_GEMM_BATCH
	parameterABatch         = C.INFERD_GEMM_A_BATCH
	parameterBBatch         = C.INFERD_GEMM_B_BATCH
	parameterCBatch         = C.INFERD_GEMM_C_BATCH
	parameterResidualBatch  = C.INFERD_GEMM_RESIDUAL_BATCH

	flagBIsPacked    = C.INFERD_GEMM_B_IS_PACKED
	flagPackB        = C.INFERD_GEMM_PACK_B
	flagPackA        = C.INFERD_GEMM_PACK_A
	flagResidualLast = C.INFERD_GEMM_RESIDUAL_LAST
)

// variant is what the planner knows about an instruction set.
type variant struct {
	kernel step.Kernel
	panel  int     // columns of a panel
	rows   int     // rows of the largest register block
	wide   []int   // by the number of rows, where these are all: the panels that a register block takes at once
	rate   float64 // multiply-adds per nanosecond, about
}

// variantOf returns the kernel of a level.
func variantOf(level isa.Level) variant {
	switch level {
	case isa.AVX512:
		return variant{step.Kernel(C.inferd_gemm_f32_avx512), C.INFERD_GEMM_PANEL_AVX512, 14, []int{1, 4, 4, 4, 3, 2, 2}, 90}
	case isa.AVX2:
		return variant{step.Kernel(C.inferd_gemm_f32_avx2), C.INFERD_GEMM_PANEL_AVX2, 6, []int{1, 4, 3, 2}, 45}
	}
	return variant{step.Kernel(C.inferd_gemm_f32_scalar), C.INFERD_GEMM_PANEL_SCALAR, 4, []int{1, 4, 2}, 8}
}

// level2Bytes is the size of the cache that a core has to itself.
var level2Bytes = sync.OnceValue(func() int {
	if bytes := int(C.sysconf(C._SC_LEVEL2_CACHE_SIZE)); bytes > 0 {
		return bytes
	}
	return 256 << 10 // unknown, as in some virtual machines: what every server processor has at least
})

// Packed is a constant K x N matrix in the layout that one instruction set's kernel reads in one direction. It serves every
// M, so a weight is packed once, whatever number of programs uses it.
type Packed struct {
	level isa.Level
	k, n  int
	block *memory.Block
}

// Pack packs the k x n matrix whose element (i, j) is b[i*row + j*column].
func Pack(level isa.Level, b []float32, k, n, row, column int) (*Packed, error) {
	if err := checkMatrix(len(b), k, n, row, column); err != nil {
		return nil, fmt.Errorf("pack a %d x %d matrix: %w", k, n, err)
	}
	panel := variantOf(level).panel
	columns := (n + panel - 1) / panel * panel
	if k > math.MaxInt64/8/columns {
		return nil, fmt.Errorf("pack a %d x %d matrix: too large", k, n)
	}
	block, err := memory.Allocate(4 * k * columns)
	if err != nil {
		return nil, fmt.Errorf("pack a %d x %d matrix: %w", k, n, err)
	}
	C.inferd_gemm_pack_f32((*C.float)(block.Pointer()), (*C.float)(unsafe.SliceData(b)),
		C.int64_t(k), C.int64_t(n), C.int64_t(row), C.int64_t(column), C.int64_t(panel))
	return &Packed{level, k, n, block}, nil
}

// checkMatrix reports whether a matrix of these strides lies inside a slice.
func checkMatrix(length, k, n, row, column int) error {
	if k < 0 || n < 1 || row < 0 || column < 0 || k > math.MaxInt32 || n > math.MaxInt32 || row > math.MaxInt32 || column > math.MaxInt32 {
		return fmt.Errorf("strides %d and %d are out of range", row, column)
	}
	if last := (k-1)*row + (n-1)*column; k > 0 && last >= length {
		return fmt.Errorf("strides %d and %d reach element %d of %d", row, column, last, length)
	}
	return nil
}

// Bytes returns the memory that the packed matrix takes.
func (p *Packed) Bytes() int { return p.block.Size() }

// Free releases the packed matrix. No step that uses it may run any more.
func (p *Packed) Free() { p.block.Free() }

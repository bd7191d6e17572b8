package cuda

import (
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// tile is a tile of a result that one block computes; see tile.cuh.
type tile struct {
	m, n, threads, stages int64
	// rate is the share of the device's arithmetic that full tiles reach, estimated from the bytes that they read for each multiply-add.
	rate float64
}

// ChunkBytes is what the rows of packed matrices are multiples of, a whole copy.
const ChunkBytes = wideBytes

// stageBytes is kStageBytes in operand.cuh.
const stageBytes = 64

// The tiles, as gemm.cuh has them.
var (
	mmaTiles = []tile{{128, 128, 256, 3, 1}, {128, 64, 128, 4, 0.85}, {64, 64, 128, 4, 0.7}, {32, 32, 128, 6, 0.35}, {16, 32, 64, 12, 0.2}}
	fmaTiles = []tile{{128, 128, 256, 3, 1}, {64, 64, 128, 4, 0.8}, {32, 32, 128, 6, 0.45}, {16, 32, 64, 12, 0.25}}
	// The tiles of blocks that add segments up by themselves.
	foldedMMA = tile{128, 64, 256, 4, 0.85}
	foldedFMA = tile{64, 64, 128, 4, 0.7}
)

func (t tile) String() string { return fmt.Sprintf("%dx%d", t.m, t.n) }

// sharedBytes is the ring of stages.
func (t tile) sharedBytes() int { return int(t.stages * (t.m + t.n) * stageBytes) }

// count is the number of tiles that cover a result.
func (t tile) count(rows, columns int64) (rowTiles, columnTiles int64) {
	return divide(rows, t.m), divide(columns, t.n)
}

// chooseTile finds the tile for which the multiprocessors are done first. All of them work in waves, and the last wave costs as much as a full one; a tile
// that hangs over the result's edge as much as one within. The bits of a result do not depend on the choice.
func chooseTile(tiles []tile, rows, columns, matrices, multiprocessors int64) tile {
	best, least := tiles[0], 0.0
	for i, t := range tiles {
		rowTiles, columnTiles := t.count(rows, columns)
		waves := divide(rowTiles*columnTiles*matrices, max(multiprocessors, 1))
		cost := float64(waves*t.m*t.n) / t.rate
		if i == 0 || cost < least {
			best, least = t, cost
		}
	}
	return best
}

// narrowColumns is the width of the tile for few rows.
const narrowColumns = 32

// variant is a way to read operands, for which there are kernels with several tiles, and maybe, where folded has a size, one that adds segments up.
type variant struct {
	name   string
	tiles  []tile
	folded tile
}

// choice is a kernel, without its module and type, and what it does.
type choice struct {
	name string
	tile
	split    segments
	sharedBy int64 // the number of blocks that share a tile's sums
}

// choose chooses the variant's kernel for a result.
func (v variant) choose(s segments, rows, columns, matrices, multiprocessors int64) choice {
	if v.folded.m > 0 && s.folds(v.folded, rows, columns, multiprocessors) {
		return choice{v.name + "_folded", v.folded, s, 1}
	}
	t := chooseTile(v.tiles, rows, columns, matrices*s.count, multiprocessors)
	return choice{v.name + "_" + t.String(), t, s, s.count}
}

// Epilogue is what follows the sums of a matrix product or convolution: activation(alpha * sum + bias + residual), the residual last where ResidualLast is set.
type Epilogue struct {
	Alpha        float32
	Bias         step.Operand // by column; may be absent
	Residual     step.Operand // may be absent
	ResidualLast bool
	Activation   activation.Activation
}

// epilogueArguments mirrors Epilogue in epilogue.cuh.
type epilogueArguments struct {
	row, residualRow, residualColumn int64
	alpha, p0, p1                    float32
	activation, residualAfter, wide  int32
}

// finishedColumns is kFinished in epilogue.cuh.
const finishedColumns = 4

// arguments describes the epilogue for a result with the given distance between rows. Groups of columns begin at multiples of columns.
func (e Epilogue) arguments(t Type, result step.Operand, columns, row, residualRow, residualColumn int64) epilogueArguments {
	return epilogueArguments{
		row: row, residualRow: residualRow, residualColumn: residualColumn, alpha: e.Alpha, p0: e.Activation.P0, p1: e.Activation.P1,
		activation: int32(e.Activation.Kind), residualAfter: flag(e.ResidualLast), wide: flag(e.isWide(t, result, columns, row, residualRow, residualColumn)),
	}
}

// isWide reports whether result, bias and residual move as packs.
func (e Epilogue) isWide(t Type, result step.Operand, columns, row, residualRow, residualColumn int64) bool {
	if (columns|row)%finishedColumns != 0 || !alignedTo(finishedColumns*t.Size(), result, e.Bias, e.Residual) {
		return false
	}
	return e.Residual == (step.Operand{}) || residualColumn == 1 && residualRow%finishedColumns == 0
}

// alignedTo reports whether all operands lie at multiples of so many bytes.
func alignedTo(bytes int64, operands ...step.Operand) bool {
	for _, operand := range operands {
		if operand.Offset%bytes != 0 {
			return false
		}
	}
	return true
}

// isAligned reports whether chunks of 16 bytes of rows that are the given strides apart are aligned.
func isAligned(t Type, operand step.Operand, strides ...int64) bool {
	for _, stride := range strides {
		if stride*t.Size()%wideBytes != 0 {
			return false
		}
	}
	return alignedTo(wideBytes, operand)
}

package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// segments says how sums are split along K: into count segments of so many steps, the last one of fewer. What is one segment decides the bits of a result,
// so it depends on the layer alone: not on the number of rows, and not on the device.
type segments struct{ count, steps int64 }

const (
	// splitBlocks is how many blocks there should be for a few rows.
	splitBlocks = 128
	// splitSteps is the least length of a segment in steps: shorter ones do not pay for being joined.
	splitSteps = 16
	// splitMost bounds what joining reads.
	splitMost = 8
)

// splitDepth splits sums of so many steps where a few rows have so many blocks.
func splitDepth(steps, blocks int64) segments {
	count := max(min(splitBlocks/max(blocks, 1), steps/splitSteps, splitMost), 1)
	each := divide(steps, count)
	return segments{count: max(divide(steps, max(each, 1)), 1), steps: each}
}

// folds reports whether a result is so large that its blocks need not share tiles.
func (s segments) folds(t tile, rows, columns, multiprocessors int64) bool {
	rowTiles, columnTiles := t.count(rows, columns)
	return s.count > 1 && rowTiles*columnTiles >= multiprocessors
}

// sumsPitch is the distance between rows of sums.
func sumsPitch(columns int64) int64 { return divide(columns, finishedColumns) * finishedColumns }

// sumsBytes is the workspace for the sums that blocks share.
func (s segments) sumsBytes(rows, columns int64) int64 {
	return s.count * rows * sumsPitch(columns) * Float32.Size()
}

// joinArguments mirrors JoinArguments.
type joinArguments struct {
	sums, bias, residual, c        address
	epilogue                       epilogueArguments
	rows, columns, pitch, segments int64
}

const joinThreads = 256

// join plans what adds up the segments of a result and finishes it.
func (s segments) join(t Type, e epilogueArguments, rows, columns int64, sums, bias, residual, c step.Operand) (Launch, error) {
	if sums == (step.Operand{}) {
		return Launch{}, unsupported("sums that blocks share without memory for them")
	}
	packs := divide(columns, finishedColumns)
	blocks := divide(rows*packs, joinThreads)
	if rows*packs > maxGrid {
		return Launch{}, unsupported("joining sums of %d x %d", rows, columns)
	}
	l := newLaunch("join", "join_"+t.String(), grid1(blocks), grid1(joinThreads), 0,
		joinArguments{epilogue: e, rows: rows, columns: columns, pitch: sumsPitch(columns), segments: s.count}, sums, bias, residual, c)
	l.FLOP, l.Bytes = rows*columns*s.count, s.sumsBytes(rows, columns)+rows*columns*t.Size()
	return l, nil
}

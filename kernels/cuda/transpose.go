package cuda

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/layout"
)

const (
	// shortSide is the length below which a side of a transposition leaves too much of any tile empty.
	shortSide = 5
	// longSide is the length from which on a side fills tiles.
	longSide = 32
)

// transposition is a nest of which two dimensions go through tiles.
type transposition struct {
	nest
	rows, columns int // dimensions: rows are contiguous in the destination, columns in the source
}

// transposition returns the nest as one, where its sides suit tiles.
func (n *nest) transposition() (t transposition, ok bool) {
	t = transposition{nest: *n, rows: len(n.loop.Dims) - 1, columns: slices.Index(n.source(), 1)}
	if t.columns < 0 || t.columns == t.rows || n.destination()[t.rows] != 1 || n.source()[t.rows] == 0 {
		return t, false // a source that repeats along the rows needs no tiles: its lines are in the cache
	}
	rows, columns := n.loop.Dims[t.rows], n.loop.Dims[t.columns]
	return t, min(rows, columns) >= shortSide && max(rows, columns) >= longSide
}

// tile chooses the sides of a tile, and how many elements move as one.
func (t transposition) tile() (rows, columns, count int64) {
	switch r, c := t.loop.Dims[t.rows], t.loop.Dims[t.columns]; {
	case c <= 8:
		return 128, 8, 1
	case c <= 16:
		return 64, 16, 1
	case r <= 8:
		return 8, 128, 1
	case r <= 16:
		return 16, 64, 1
	case t.unit < 4 && t.words():
		count = 4 / t.unit
		return warp * count, warp * count, count
	}
	return warp, warp, 1
}

// transposeArguments mirrors TransposeArguments.
type transposeArguments struct {
	x, y                         address
	outer                        walk2
	sourceRow, destinationColumn int64
	tilesOfRows, tilesOfColumns  divisor
	rows, columns                uint32
}

func (t transposition) plan() ([]Launch, error) {
	tileRows, tileColumns, _ := t.tile()
	rows, columns := t.loop.Dims[t.rows], t.loop.Dims[t.columns]
	tilesOfRows, tilesOfColumns := divide(rows, tileRows), divide(columns, tileColumns)
	outer := layout.Loop{Strides: make([][]int64, 2)}
	for d, dim := range t.loop.Dims {
		if d != t.rows && d != t.columns {
			outer.Dims = append(outer.Dims, dim)
			outer.Strides[0], outer.Strides[1] = append(outer.Strides[0], t.source()[d]), append(outer.Strides[1], t.destination()[d])
		}
	}
	outer = layout.Collapse(outer)
	blocks := layout.Size(outer.Dims) * tilesOfRows * tilesOfColumns
	if max(rows, columns, blocks) > mostSteps {
		return nil, unsupported("a transposition of %v units", t.loop.Dims)
	}
	w, err := newWalk2(outer)
	if err != nil {
		return nil, err
	}
	kernel := kernelOfUnit(fmt.Sprintf("transpose_%dx%d", tileRows, tileColumns), t.unit)
	l := newLaunch("transpose", kernel, grid1(blocks), grid1(256), 0, transposeArguments{
		outer: w, sourceRow: t.source()[t.rows], destinationColumn: t.destination()[t.columns],
		tilesOfRows: newDivisor(tilesOfRows), tilesOfColumns: newDivisor(tilesOfColumns), rows: uint32(rows), columns: uint32(columns),
	}, t.x, t.y)
	l.Bytes = t.bytes()
	return []Launch{l}, nil
}

// words reports whether elements may move in words of four bytes in both tensors.
func (t transposition) words() bool {
	count := 4 / t.unit
	aligned := (t.x.Offset|t.y.Offset)%4 == 0 && t.loop.Dims[t.rows]%count == 0 && t.loop.Dims[t.columns]%count == 0
	for d := range t.loop.Dims {
		aligned = aligned && (d == t.columns || t.source()[d]%count == 0) && (d == t.rows || t.destination()[d]%count == 0)
	}
	return aligned
}

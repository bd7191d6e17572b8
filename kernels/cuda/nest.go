package cuda

import (
	"slices"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// nest is a copy as a loop with as few dimensions as it can have, in units of some bytes. Strides are of the source, then of the destination.
type nest struct {
	loop layout.Loop
	unit int64
	x, y step.Operand // the first unit that is read or written
}

func newNest(c Copy) (nest, error) {
	if !slices.Contains([]int64{1, 2, 4, 8, 16}, c.ElementSize) {
		return nest{}, unsupported("a copy of elements of %d bytes", c.ElementSize)
	}
	n := nest{unit: c.ElementSize, x: c.X, y: c.Y}
	n.x.Offset += c.SourceOffset * c.ElementSize
	n.y.Offset += c.DestinationOffset * c.ElementSize
	n.loop = layout.Collapse(layout.Loop{Dims: c.Dims, Strides: [][]int64{c.Source, c.Destination}})
	return n, nil
}

func (n *nest) source() []int64      { return n.loop.Strides[0] }
func (n *nest) destination() []int64 { return n.loop.Strides[1] }

// contiguous reports whether both tensors are so along a dimension.
func (n *nest) contiguous(d int) bool { return n.source()[d] == 1 && n.destination()[d] == 1 }

// widened joins neighbours to units of at most so many bytes, as far as alignment lets it.
func (n nest) widened(most int64) nest {
	last := len(n.loop.Dims) - 1
	n.loop = layout.Loop{Dims: slices.Clone(n.loop.Dims), Strides: [][]int64{slices.Clone(n.source()), slices.Clone(n.destination())}}
	for n.unit < most && n.pairs() {
		n.unit *= 2
		n.loop.Dims[last] /= 2
		for _, strides := range n.loop.Strides {
			for d := range last {
				strides[d] /= 2
			}
		}
	}
	n.loop = layout.Collapse(n.loop)
	return n
}

// pairs reports whether units could be twice as wide.
func (n *nest) pairs() bool {
	last := len(n.loop.Dims) - 1
	if !n.contiguous(last) || n.loop.Dims[last]%2 != 0 || (n.x.Offset|n.y.Offset)%(2*n.unit) != 0 {
		return false
	}
	for _, strides := range n.loop.Strides {
		if slices.ContainsFunc(strides[:last], func(stride int64) bool { return stride%2 != 0 }) {
			return false
		}
	}
	return true
}

// fillsPacks reports whether the destination is dense and begins where a pack may.
func (n *nest) fillsPacks() bool {
	return n.y.Offset%wideBytes == 0 && layout.Size(n.loop.Dims) <= mostSteps-wideBytes &&
		(len(n.loop.Dims) == 1 && n.loop.Dims[0] == 1 || slices.Equal(n.destination(), layout.Contiguous(n.loop.Dims)))
}

// followSource puts a short dimension along which the source is contiguous innermost: reads are then of whole lines, and each thread's neighbours complete
// the lines that it writes. In the destination's order every line of the source would be read once for each of the few positions.
func (n *nest) followSource() {
	last := len(n.loop.Dims) - 1
	short := slices.Index(n.source(), 1)
	if short < 0 || short == last || n.loop.Dims[short] < 2 || n.loop.Dims[short] >= shortSide {
		return
	}
	for _, list := range [][]int64{n.loop.Dims, n.source(), n.destination()} {
		moved := list[short]
		copy(list[short:], list[short+1:])
		list[last] = moved
	}
}

// cut halves the outermost dimension until no part has more steps than an index can count.
func (n nest) cut(most int64) []nest {
	if layout.Size(n.loop.Dims) <= most {
		return []nest{n}
	}
	half := n.loop.Dims[0] / 2
	part := func(first, length int64) nest {
		p := nest{unit: n.unit, x: n.x, y: n.y}
		p.x.Offset += first * n.source()[0] * n.unit
		p.y.Offset += first * n.destination()[0] * n.unit
		dims := slices.Clone(n.loop.Dims)
		dims[0] = length
		p.loop = layout.Collapse(layout.Loop{Dims: dims, Strides: n.loop.Strides})
		return p
	}
	return append(part(0, half).cut(most), part(half, n.loop.Dims[0]-half).cut(most)...)
}

// bytes is what has to be read and written at least: a source that repeats is read once.
func (n *nest) bytes() int64 {
	read := int64(1)
	for d, dim := range n.loop.Dims {
		if n.source()[d] != 0 {
			read *= dim
		}
	}
	return (read + layout.Size(n.loop.Dims)) * n.unit
}

// transposition is a nest of which two dimensions go through tiles.
type transposition struct {
	nest
	rows, columns int // dimensions: rows are contiguous in the destination, columns in the source
}

// transposition returns the nest as one, where both sides are long enough for tiles.
func (n *nest) transposition() (t transposition, ok bool) {
	t = transposition{nest: *n, rows: len(n.loop.Dims) - 1, columns: slices.Index(n.source(), 1)}
	if t.columns < 0 || t.columns == t.rows || n.destination()[t.rows] != 1 || n.source()[t.rows] == 0 {
		return t, false // a source that repeats along the rows needs no tiles: its lines are in the cache
	}
	return t, min(n.loop.Dims[t.rows], n.loop.Dims[t.columns]) >= shortSide
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
	kernel, count := "transpose", int64(1)
	if t.unit < 4 && t.words() {
		kernel, count = "transpose_words", 4/t.unit
	}
	rows, columns, edge := t.loop.Dims[t.rows], t.loop.Dims[t.columns], warp*count
	tilesOfRows, tilesOfColumns := divide(rows, edge), divide(columns, edge)
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
	l := newLaunch("transpose", kernelOfUnit(kernel, t.unit), grid1(blocks), [3]uint32{warp, 8, 1}, 0, transposeArguments{
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

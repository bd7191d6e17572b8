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
	if short < 0 || short == last || n.loop.Dims[short] < 2 || n.loop.Dims[short] >= shortSide || n.source()[last] == 0 {
		return // or the source repeats along the rows: it is read from the cache anyhow
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

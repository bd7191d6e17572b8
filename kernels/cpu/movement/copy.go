package movement

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Operands of a copy step.
const (
	OperandSource      = 0
	OperandDestination = 1
)

// tileBytes is about what one tile moves: large enough to hide its claim, small enough to stay in a core's second-level cache.
const tileBytes = 64 << 10

// Copy describes a copy between two tensors with strides: element i of the loop over Dims moves from SourceOffset + i*Source to
// DestinationOffset + i*Destination. Strides and offsets count elements. Source strides may be zero (Expand) or negative (Slice).
type Copy struct {
	Dims                            []int64
	Source, Destination             []int64
	SourceOffset, DestinationOffset int64
	ElementSize                     int64 // 1, 2, 4, 8 or 16 bytes
}

// Transpose describes ONNX's Transpose of a row-major tensor: output dimension i is dimension permutation[i] of the input.
func Transpose(shape []int64, permutation []int, elementSize int64) Copy {
	own := layout.Contiguous(shape)
	c := Copy{ElementSize: elementSize}
	for _, axis := range permutation {
		c.Dims = append(c.Dims, shape[axis])
		c.Source = append(c.Source, own[axis])
	}
	c.Destination = layout.Contiguous(c.Dims)
	return c
}

// Slice describes the copy of counts[d] elements from starts[d] on, steps[d] apart, into a row-major tensor.
func Slice(shape, starts, steps, counts []int64, elementSize int64) Copy {
	c := Copy{Dims: slices.Clone(counts), Source: layout.Contiguous(shape), Destination: layout.Contiguous(counts), ElementSize: elementSize}
	for d := range shape {
		c.SourceOffset += starts[d] * c.Source[d]
		c.Source[d] *= steps[d]
	}
	return c
}

// Place describes the copy of a whole row-major tensor into a larger one, at the given position of each dimension: one input of Concat,
// or the inside of Pad.
func Place(shape, position, into []int64, elementSize int64) Copy {
	c := Copy{Dims: slices.Clone(shape), Source: layout.Contiguous(shape), Destination: layout.Contiguous(into), ElementSize: elementSize}
	for d := range shape {
		c.DestinationOffset += position[d] * c.Destination[d]
	}
	return c
}

// Expand describes the broadcast of a row-major tensor to dims; a shape of no dimensions fills dims with one element.
func Expand(shape, dims []int64, elementSize int64) (Copy, error) {
	strides, ok := layout.Broadcast(shape, dims)
	if !ok {
		return Copy{}, fmt.Errorf("expand: shape %v does not broadcast to %v", shape, dims)
	}
	return Copy{Dims: slices.Clone(dims), Source: strides, Destination: layout.Contiguous(dims), ElementSize: elementSize}, nil
}

// Plan returns the step that does the copy; the caller sets OperandSource and OperandDestination, which must not overlap.
func (c Copy) Plan(level isa.Level) (step.Step, error) {
	if !slices.Contains([]int64{1, 2, 4, 8, 16}, c.ElementSize) {
		return step.Step{}, fmt.Errorf("copy: element size %d, want 1, 2, 4, 8 or 16", c.ElementSize)
	}
	if len(c.Source) != len(c.Dims) || len(c.Destination) != len(c.Dims) {
		return step.Step{}, fmt.Errorf("copy: %d dimensions with %d and %d strides", len(c.Dims), len(c.Source), len(c.Destination))
	}
	for _, dim := range c.Dims {
		if dim < 0 {
			return step.Step{}, fmt.Errorf("copy: negative dimension in %v", c.Dims)
		}
	}
	n := nest{size: c.ElementSize}
	n.loop = layout.Collapse(layout.Loop{Dims: c.Dims, Strides: [][]int64{c.Source, c.Destination}})
	n.widen()
	s, err := n.plan(level)
	s.Parameter[sourceOffset] = c.SourceOffset * c.ElementSize
	s.Parameter[destOffset] = c.DestinationOffset * c.ElementSize
	bytes := layout.Size(c.Dims) * c.ElementSize
	s.CostNS = 20 + bytes/6
	return s, err
}

// nest is a collapsed copy loop.
type nest struct {
	loop layout.Loop
	size int64
}

func (n *nest) source() []int64      { return n.loop.Strides[0] }
func (n *nest) destination() []int64 { return n.loop.Strides[1] }

// widen makes an innermost run of a few contiguous elements one larger element, so that moving pairs of words becomes a transposition
// of 8-byte elements instead of a call per pair.
func (n *nest) widen() {
	last := len(n.loop.Dims) - 1
	run := n.loop.Dims[last]
	if last == 0 || run == 0 || n.source()[last] != 1 || n.destination()[last] != 1 || !slices.Contains([]int64{2, 4, 8, 16}, run*n.size) {
		return
	}
	for _, strides := range n.loop.Strides {
		for _, stride := range strides[:last] {
			if stride%run != 0 {
				return
			}
		}
	}
	n.size *= run
	n.loop.Dims = n.loop.Dims[:last]
	for t := range n.loop.Strides {
		n.loop.Strides[t] = n.loop.Strides[t][:last]
		for d := range n.loop.Strides[t] {
			n.loop.Strides[t][d] /= run
		}
	}
	n.loop = layout.Collapse(n.loop)
}

// plan chooses the kernel by the innermost dimension of the destination, and by the one along which the source is contiguous.
func (n *nest) plan(level isa.Level) (step.Step, error) {
	last := len(n.loop.Dims) - 1
	row := slices.Index(n.source(), 1)
	switch {
	case n.loop.Dims[last] <= 1 || n.source()[last] == 1 && n.destination()[last] == 1:
		s, err := n.outer(byLevel[level].rows, []int{last}, last, max(tileBytes/n.size, 1))
		return s, err
	case row >= 0 && n.destination()[last] == 1 && n.loop.Dims[row] > 1:
		return n.transpose(level, row, last)
	}
	s, err := n.outer(byLevel[level].strided, []int{last}, last, max(tileBytes/n.size, 1))
	s.Parameter[sourceStride] = n.source()[last] * n.size
	s.Parameter[destStride] = n.destination()[last] * n.size
	return s, err
}

// transpose plans dimensions columns (contiguous in the source) and rows (contiguous in the destination) as two-dimensional
// transpositions. The longer one is cut into chunks.
func (n *nest) transpose(level isa.Level, columns, rows int) (step.Step, error) {
	chunked, other := columns, rows
	if n.loop.Dims[rows] > n.loop.Dims[columns] {
		chunked, other = rows, columns
	}
	chunk := max(tileBytes/2/(n.size*n.loop.Dims[other])&^15, 16)
	s, err := n.outer(byLevel[level].transpose, []int{columns, rows}, chunked, chunk)
	s.Parameter[otherLength] = n.loop.Dims[other]
	if chunked == rows {
		s.Parameter[chunkedRows] = 1
	}
	s.Parameter[sourceStride] = n.source()[rows] * n.size
	s.Parameter[destStride] = n.destination()[columns] * n.size
	return s, err
}

// outer fills in the outer loops: every dimension but the inner ones, then the chunks of dimension chunked.
func (n *nest) outer(kernel step.Kernel, inner []int, chunked int, chunk int64) (step.Step, error) {
	s := step.Step{Kernel: kernel}
	extentOf := n.loop.Dims[chunked]
	chunk = max(min(chunk, extentOf), 1)
	rank, count, unitBytes := 0, int64(1), n.size
	add := func(dim, source, destination int64) {
		if rank < maxRank {
			s.Parameter[dims+rank] = dim
			s.Parameter[sourceStrides+rank] = source * n.size
			s.Parameter[destStrides+rank] = destination * n.size
		}
		rank++
		count *= dim
	}
	for d, dim := range n.loop.Dims {
		if slices.Contains(inner, d) {
			unitBytes *= dim
			continue
		}
		add(dim, n.source()[d], n.destination()[d])
	}
	chunks := (extentOf + chunk - 1) / chunk
	add(chunks, n.source()[chunked]*chunk, n.destination()[chunked]*chunk)
	if rank > maxRank {
		return step.Step{}, fmt.Errorf("copy: %d dimensions after merging, at most %d are supported", len(n.loop.Dims), maxRank)
	}
	s.Parameter[outerRank] = int64(rank)
	s.Parameter[units] = count
	s.Parameter[chunkLength] = chunk
	s.Parameter[extent] = extentOf
	s.Parameter[elementSize] = n.size
	perTile := max(1, tileBytes*max(chunks, 1)/max(unitBytes, 1))
	s.Parameter[unitsPerTile] = perTile
	s.Tiles = max(1, (count+perTile-1)/perTile)
	return s, nil
}

package cuda

import (
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// collapsed returns the loop over the output and the inputs with as few dimensions as it can be written with.
func (e *Elementwise) collapsed() layout.Loop {
	loop := layout.Loop{Dims: e.Dims, Strides: [][]int64{layout.Contiguous(e.Dims)}}
	for _, in := range e.Inputs {
		strides := in.Strides
		if in.Constant != nil {
			strides = make([]int64, len(e.Dims))
		}
		loop.Strides = append(loop.Strides, strides)
	}
	return layout.Collapse(loop)
}

// piece is a part of a chain that one launch runs; its strides are those of the collapsed loop.
type piece struct {
	dims   []int64
	inputs []ElementwiseInput
	output step.Operand
}

// pieces divides a chain along its outermost dimensions, so that a piece has at most maxPiece elements.
func pieces(e *Elementwise, loop layout.Loop, output Type) []piece {
	p := piece{dims: loop.Dims, output: e.Output}
	for i, in := range e.Inputs {
		in.Strides = loop.Strides[i+1]
		p.inputs = append(p.inputs, in)
	}
	return p.divided(nil, output.Size())
}

func (p piece) divided(list []piece, size int64) []piece {
	elements := layout.Size(p.dims)
	if elements <= maxPiece {
		return append(list, p)
	}
	inner := elements / p.dims[0]
	if inner > maxPiece {
		for i := range p.dims[0] {
			list = p.rows(i, 1, inner, size).inner().divided(list, size)
		}
		return list
	}
	// A multiple of 16 rows, where there are as many: whatever the inner size, pieces begin aligned.
	most := maxPiece / inner
	if most >= wideBytes {
		most &^= wideBytes - 1
	}
	for i := int64(0); i < p.dims[0]; i += most {
		list = append(list, p.rows(i, min(most, p.dims[0]-i), inner, size))
	}
	return list
}

// rows returns count rows of the outermost dimension.
func (p piece) rows(first, count, inner, size int64) piece {
	part := piece{dims: append([]int64{count}, p.dims[1:]...), output: p.output}
	part.output.Offset += first * inner * size
	for _, in := range p.inputs {
		in.X.Offset += first * in.Strides[0] * in.Type.Size()
		part.inputs = append(part.inputs, in)
	}
	return part
}

// inner returns a piece of one row without the outermost dimension.
func (p piece) inner() piece {
	p.dims = p.dims[1:]
	for i := range p.inputs {
		p.inputs[i].Strides = p.inputs[i].Strides[1:]
	}
	return p
}

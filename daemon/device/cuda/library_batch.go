//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/daemon/device/node"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// mostCalls is how many calls of the library a product may be made of: beyond it one launch of our own kernel is better.
const mostCalls = 16

// libraryCalls are a product as calls of the library, which differ in where their operands begin.
type libraryCalls struct {
	matmul  cublas.Matmul
	offsets []offsets
}

// offsets are where a call's matrices begin, in bytes.
type offsets struct{ a, b, d int64 }

// batchAxis is one dimension of a batch: its size, and how far apart the matrices of A, B and C lie in elements.
type batchAxis struct{ size, a, b, c int64 }

// calls lays the product out for the library, which knows one batch dimension.
func (p *product) libraryCalls() (c libraryCalls, err error) {
	m, axes := p.M, p.axes()
	if len(axes) > 0 && p.foldable(axes[len(axes)-1]) {
		m *= axes[len(axes)-1].size
		axes = axes[:len(axes)-1]
	}
	c.matmul = cublas.Matmul{M: m, N: p.N, K: p.K, Batch: 1}
	for _, each := range []struct {
		to            *cublas.Matrix
		from          kernel.GemmMatrix
		rows, columns int64
	}{{&c.matmul.A, p.A, m, p.K}, {&c.matmul.B, p.B, p.K, p.N}, {&c.matmul.D, p.C, m, p.N}} {
		if *each.to, err = libraryMatrix(each.from, each.rows, each.columns); err != nil {
			return c, err
		}
	}
	if len(axes) > 0 {
		inner := axes[len(axes)-1]
		axes = axes[:len(axes)-1]
		c.matmul.Batch = inner.size
		c.matmul.A.BatchStride, c.matmul.B.BatchStride, c.matmul.D.BatchStride = inner.a, inner.b, inner.c
	}
	c.offsets, err = outerOffsets(axes, p.Type.Size())
	return c, err
}

// axes returns the batch dimensions, outermost first, those of size 1 left out and those that lie like one joined.
func (p *product) axes() (axes []batchAxis) {
	for i, size := range p.Batch {
		if size == 1 {
			continue
		}
		axis := batchAxis{size, p.A.Batch[i], p.B.Batch[i], p.C.Batch[i]}
		if last := len(axes) - 1; last >= 0 && axes[last].a == axis.a*size && axes[last].b == axis.b*size && axes[last].c == axis.c*size {
			axis.size *= axes[last].size
			axes = axes[:last]
		}
		axes = append(axes, axis)
	}
	return axes
}

// foldable reports whether the matrices of a batch dimension are the rows of one: B is the same for all of them, and the rows of A and C go on.
func (p *product) foldable(axis batchAxis) bool {
	return axis.b == 0 && p.A.Column == 1 && axis.a == p.M*p.A.Row && axis.c == p.M*p.C.Row
}

// libraryMatrix describes a matrix for the library, which wants neighbours in a row or in a column.
func libraryMatrix(m kernel.GemmMatrix, rows, columns int64) (cublas.Matrix, error) {
	switch {
	case m.Column == 1 && (m.Row >= columns || rows == 1):
		return cublas.Matrix{Stride: max(m.Row, columns)}, nil
	case m.Row == 1 && (m.Column >= rows || columns == 1):
		return cublas.Matrix{Stride: max(m.Column, rows), Transposed: true}, nil
	}
	return cublas.Matrix{}, node.NoKernel("a matrix has its elements %d and %d apart", m.Row, m.Column)
}

// outerOffsets lists where the matrices of the dimensions begin that the library does not know.
func outerOffsets(axes []batchAxis, size int64) ([]offsets, error) {
	list := []offsets{{}}
	for _, axis := range axes {
		var longer []offsets
		for _, o := range list {
			for i := range axis.size {
				longer = append(longer, offsets{o.a + i*axis.a*size, o.b + i*axis.b*size, o.d + i*axis.c*size})
			}
			if len(longer) > mostCalls {
				return nil, node.NoKernel("the batch would take more than %d calls of cuBLASLt", mostCalls)
			}
		}
		list = longer
	}
	for _, o := range list {
		if (o.a|o.b|o.d)%libraryAlignment != 0 {
			return nil, node.NoKernel("a matrix of the batch is not aligned to %d bytes", libraryAlignment)
		}
	}
	return list, nil
}

// libraryAlignment is the alignment that the library's algorithms are chosen for, in bytes.
const libraryAlignment = 16

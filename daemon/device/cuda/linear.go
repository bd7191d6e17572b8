//go:build cuda

package cuda

import (
	"fmt"
	"unsafe"

	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectLinear runs op.FusedLinear: a matrix product with constant weights and everything that follows it in one pass.
func selectLinear(s *selection) (*chosen, error) {
	p, err := s.readLinear()
	if err != nil {
		return nil, err
	}
	if err := s.packB(&p); err != nil {
		return nil, err
	}
	return s.product("linear", p)
}

// readLinear reads the node as a product, with B as the node has it.
func (s *selection) readLinear() (p product, err error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return p, err
	}
	x, y := s.Shape(0), s.OutputShape(0)
	k, n := x[len(x)-1], y[len(y)-1]
	p = product{Gemm: s.newGemm(t, node.Product(x[:len(x)-1]), n, k), b: 1, bias: 2, residual: 3}
	p.A = kernel.GemmMatrix{Row: k, Column: 1}
	p.B = kernel.GemmMatrix{Row: n, Column: 1}
	if s.Int("transpose_b", 0) != 0 {
		p.B = kernel.GemmMatrix{Row: 1, Column: k}
	}
	p.ResidualRow, p.ResidualColumn = n, 1
	p.Alpha, p.ResidualLast = s.Float("alpha", 1), s.Int("residual_after", 0) != 0
	p.Activation, err = s.Activation()
	return p, err
}

// packB gives a constant B the form that the product's kernels read fastest.
func (s *selection) packB(p *product) error {
	v := s.Inputs[p.b]
	m := matrixForm{rows: p.K, columns: p.N, row: p.B.Row, column: p.B.Column, size: p.Type.Size(), turned: !p.WantsColumns()}
	operand, err := weights.Pack(s.weights, v, m.String(), func() (step.Operand, weights.Form, error) {
		return s.device.upload(m.pack(v.Constant.Data))
	})
	if err != nil {
		return err
	}
	p.packed = &operand
	p.B.Row, p.B.Column = m.pitch(), 1
	if m.turned {
		p.B.Row, p.B.Column = 1, m.pitch()
	}
	return nil
}

// matrixForm is a constant matrix [rows, columns] in the form of kernels: dense but for zeros that make its rows whole chunks of 16 bytes; turned, its
// columns are the rows.
type matrixForm struct {
	rows, columns int64
	row, column   int64 // strides of the constant
	size          int64 // of an element
	turned        bool
}

// String names the form. It says nothing of how the constant lies, which is the constant's own.
func (m matrixForm) String() string {
	return fmt.Sprintf("matrix %d %d %d from %d %d turned %v", m.rows, m.columns, m.size, m.row, m.column, m.turned)
}

// lines are the number and the length of what the form has for rows.
func (m matrixForm) lines() (count, length int64) {
	if m.turned {
		return m.columns, m.rows
	}
	return m.rows, m.columns
}

// pitch is the distance between lines in elements.
func (m matrixForm) pitch() int64 {
	_, length := m.lines()
	chunk := kernel.ChunkBytes / m.size
	return (length + chunk - 1) / chunk * chunk
}

// pack returns the bytes of the form.
func (m matrixForm) pack(data []byte) []byte {
	count, length := m.lines()
	line, next := m.row, m.column
	if m.turned {
		line, next = m.column, m.row
	}
	if next == 1 && line == m.pitch() {
		return data
	}
	packed := make([]byte, count*m.pitch()*m.size)
	switch m.size {
	case 2:
		gather[uint16](packed, data, count, length, m.pitch(), line, next)
	case 4:
		gather[uint32](packed, data, count, length, m.pitch(), line, next)
	}
	return packed
}

// gather copies element j of line i from i*line + j*next to i*pitch + j.
func gather[T uint16 | uint32](to, from []byte, count, length, pitch, line, next int64) {
	if len(from) == 0 {
		return
	}
	size := int(unsafe.Sizeof(T(0)))
	out := unsafe.Slice((*T)(unsafe.Pointer(&to[0])), len(to)/size)
	in := unsafe.Slice((*T)(unsafe.Pointer(&from[0])), len(from)/size)
	for i := range count {
		for j := range length {
			out[i*pitch+j] = in[i*line+j*next]
		}
	}
}

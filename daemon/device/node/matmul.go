package node

import "github.com/inferd/inferd/kernels/cpu/layout"

// MatrixProduct is the geometry of a matrix product of inputs 0 and 1, and of input 2 that is added to it where HasSum is set.
type MatrixProduct struct {
	M, N, K int64
	Batch   [3]int64 // outermost first; 1 where there are fewer dimensions
	A, B, C Matrix   // C is the output
	Sum     Matrix
	HasSum  bool
	Alpha   float32
}

// Matrix holds strides in elements; a batch stride of 0 repeats the matrix.
type Matrix struct {
	Row, Column int64
	Batch       [3]int64
}

// MatMul reads ONNX's MatMul. A vector counts as a matrix of one row or of one column.
func (n Node) MatMul() (p MatrixProduct, err error) {
	a, b, batch := n.Shape(0), n.Shape(1), n.OutputShape(0)
	if len(b) == 1 {
		b = []int64{b[0], 1}
	} else {
		batch = batch[:len(batch)-1]
	}
	if len(a) == 1 {
		a = []int64{1, a[0]}
	} else {
		batch = batch[:len(batch)-1]
	}
	if len(batch) > 3 {
		return p, NoKernel("%d batch dimensions, the kernel has 3", len(batch))
	}
	m, k, columns := a[len(a)-2], a[len(a)-1], b[len(b)-1]
	aBatch, okA := layout.Broadcast(a[:len(a)-2], batch)
	bBatch, okB := layout.Broadcast(b[:len(b)-2], batch)
	if !okA || !okB {
		return p, NoKernel("batch dimensions %v and %v do not broadcast", a, b)
	}
	p = MatrixProduct{M: m, N: columns, K: k, Batch: [3]int64{1, 1, 1}, Alpha: 1}
	p.A = Matrix{Row: k, Column: 1, Batch: batchStrides(aBatch, m*k)}
	p.B = Matrix{Row: columns, Column: 1, Batch: batchStrides(bBatch, k*columns)}
	p.C = Matrix{Row: columns, Column: 1, Batch: batchStrides(layout.Contiguous(batch), m*columns)}
	copy(p.Batch[3-len(batch):], batch)
	return p, nil
}

// batchStrides scales strides counted in matrices and puts them last.
func batchStrides(strides []int64, elements int64) (list [3]int64) {
	for i, stride := range strides {
		list[3-len(strides)+i] = stride * elements
	}
	return list
}

// Gemm reads ONNX's Gemm.
func (n Node) Gemm() (p MatrixProduct, err error) {
	a, out := n.Shape(0), n.OutputShape(0)
	m, columns := out[0], out[1]
	k := Product(a) / max(m, 1)
	p = MatrixProduct{M: m, N: columns, K: k, Batch: [3]int64{1, 1, 1}, Alpha: n.Float("alpha", 1)}
	p.A = Matrix{Row: k, Column: 1}
	if n.Int("transA", 0) != 0 {
		p.A = Matrix{Row: 1, Column: m}
	}
	p.B = Matrix{Row: columns, Column: 1}
	if n.Int("transB", 0) != 0 {
		p.B = Matrix{Row: 1, Column: k}
	}
	p.C = Matrix{Row: columns, Column: 1}
	if n.Input(2) == nil {
		return p, nil
	}
	if n.Float("beta", 1) != 1 {
		return p, NoKernel("beta is %v", n.Float("beta", 1))
	}
	strides, ok := layout.Broadcast(n.Shape(2), out)
	if !ok {
		return p, NoKernel("C of shape %v does not broadcast to %v", n.Shape(2), out)
	}
	p.Sum, p.HasSum = Matrix{Row: strides[0], Column: strides[1]}, true
	return p, nil
}

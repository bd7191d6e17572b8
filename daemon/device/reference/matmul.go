package reference

import (
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// multiply adds a[m,k] * b[k,n] to sums[m,n]. Each sum runs over k in order.
func multiply(sums, a, b []float64, m, k, n int64) {
	for i := range m {
		row := sums[i*n : (i+1)*n]
		for l := range k {
			x := a[i*k+l]
			for j, y := range b[l*n : (l+1)*n] {
				row[j] += x * y
			}
		}
	}
}

// matmul multiplies the matrices of the last two axes, broadcasting the others; a vector is a row on the left, a column on the right.
func matmul(c *call) []*tensor.Tensor {
	a, b := c.in(0), c.in(1)
	if a.DType != b.DType {
		fail("element types %v and %v differ", a.DType, b.DType)
	}
	p := multiplied(a.DType, a, b, floats(a), floats(b))
	return one(fromFloats(a.DType, p.shape, p.sums))
}

// matrixProduct is the product of two stacks of matrices.
type matrixProduct struct {
	sums     []float64
	shape    []int64 // without the axes that vectors lack
	matrices []int64 // with them
}

// multiplied multiplies a and b, taking valuesA and valuesB for their elements, for a result of the element type.
func multiplied(dtype tensor.DType, a, b *tensor.Tensor, valuesA, valuesB []float64) matrixProduct {
	shapeA, shapeB := a.Shape, b.Shape
	if len(shapeA) == 1 {
		shapeA = []int64{1, shapeA[0]}
	}
	if len(shapeB) == 1 {
		shapeB = []int64{shapeB[0], 1}
	}
	leadA, leadB := shapeA[:len(shapeA)-2], shapeB[:len(shapeB)-2]
	m, k, n := shapeA[len(shapeA)-2], shapeA[len(shapeA)-1], shapeB[len(shapeB)-1]
	if shapeB[len(shapeB)-2] != k {
		fail("%v and %v do not multiply", a, b)
	}
	lead := broadcast(leadA, leadB)
	fromA, fromB := broadcastOffsets(leadA, lead), broadcastOffsets(leadB, lead)
	shape := slices.Clone(lead)
	if len(a.Shape) > 1 {
		shape = append(shape, m)
	}
	if len(b.Shape) > 1 {
		shape = append(shape, n)
	}
	newTensor(dtype, shape) // refuses what is too large
	sums := make([]float64, int64(len(fromA))*m*n)
	for i := range fromA {
		multiply(sums[int64(i)*m*n:], valuesA[fromA[i]*m*k:], valuesB[fromB[i]*k*n:], m, k, n)
	}
	return matrixProduct{sums, shape, append(lead, m, n)}
}

// gemm is alpha*A*B + beta*C, A and B transposed by attributes.
func gemm(c *call) []*tensor.Tensor {
	a, b := c.in(0), c.in(1)
	valuesA, m, k := oriented(a, c.Int("transA", 0) != 0)
	valuesB, inner, n := oriented(b, c.Int("transB", 0) != 0)
	if inner != k {
		fail("%v and %v do not multiply", a, b)
	}
	shape := []int64{m, n}
	newTensor(a.DType, shape) // refuses what is too large
	sums := make([]float64, m*n)
	multiply(sums, valuesA, valuesB, m, k, n)
	alpha, beta := float64(c.Float("alpha", 1)), float64(c.Float("beta", 1))
	for i := range sums {
		sums[i] *= alpha
	}
	if bias := c.optional(2); bias != nil {
		values := floats(bias)
		for i, from := range broadcastOffsets(bias.Shape, shape) {
			sums[i] += beta * values[from]
		}
	}
	return one(fromFloats(a.DType, shape, sums))
}

// oriented returns a matrix, transposed where asked for, and its dimensions.
func oriented(t *tensor.Tensor, transposed bool) (values []float64, rows, columns int64) {
	if len(t.Shape) != 2 {
		fail("%v is not a matrix", t)
	}
	rows, columns = t.Shape[0], t.Shape[1]
	values = floats(t)
	if !transposed {
		return values, rows, columns
	}
	turned := make([]float64, len(values))
	for i, from := range offsets([]int64{columns, rows}, []int64{1, columns}, 0) {
		turned[i] = values[from]
	}
	return turned, columns, rows
}

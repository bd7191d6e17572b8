//go:build cuda

package cublas_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/cgo/cuda"
	kernel "github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

const workspaceBytes = 1 << 20

// operandTypes and resultTypes are the elements of a product's factors and results.
var (
	operandTypes = map[cublas.Type]kernel.Type{
		cublas.Float32: kernel.Float32, cublas.Float16: kernel.Float16, cublas.BFloat16: kernel.BFloat16, cublas.Int8: kernel.Int8,
	}
	resultTypes = map[cublas.Type]kernel.Type{
		cublas.Float32: kernel.Float32, cublas.Float16: kernel.Float16, cublas.BFloat16: kernel.BFloat16, cublas.Int8: kernel.Int32,
	}
)

// problem is a product with its operands, as values and on the device.
type problem struct {
	cublas.Matmul
	a, b, c, bias []float64
	device        *cuda.Device
	at            cublas.Addresses
}

// randomProblem draws operands that the product's types can hold.
func randomProblem(t *testing.T, device *cuda.Device, m cublas.Matmul) *problem {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(m.M), uint64(m.K)))
	p := &problem{Matmul: m, device: device}
	draw := func(typ kernel.Type, count int64, to *cuda.Address) []float64 {
		values := make([]float64, count)
		for i := range values {
			if typ == kernel.Int8 || typ == kernel.Int32 {
				values[i] = float64(random.IntN(255) - 127)
			} else {
				values[i] = random.NormFloat64()
			}
		}
		data := emulation.Encode(typ, values)
		var err error
		if *to, err = device.Allocate(int64(len(data))); err != nil {
			t.Fatal(err)
		}
		if err := device.CopyTo(*to, data); err != nil {
			t.Fatal(err)
		}
		return emulation.Decode(typ, data)
	}
	batch := max(m.Batch, 1)
	size := func(x cublas.Matrix, rows, columns int64) int64 {
		if x.Transposed {
			rows = columns
		}
		return (batch-1)*x.BatchStride + rows*x.Stride
	}
	operands, results := operandTypes[m.Type], resultTypes[m.Type]
	p.a = draw(operands, size(m.A, m.M, m.K), &p.at.A)
	p.b = draw(operands, size(m.B, m.K, m.N), &p.at.B)
	if m.Beta != 0 {
		p.c = draw(results, size(m.C, m.M, m.N), &p.at.C)
	}
	if m.Epilogue.HasBias() {
		p.bias = draw(results, m.N, &p.at.Bias)
	}
	draw(results, size(m.D, m.M, m.N), &p.at.D)
	return p
}

// run computes the product on the device, captured and not, and returns the bytes of D.
func (p *problem) run(t *testing.T, handle *cublas.Handle, choice *cublas.Choice) []byte {
	t.Helper()
	var err error
	if choice.Workspace > 0 {
		if p.at.Workspace, err = p.device.Allocate(choice.Workspace); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := p.device.NewStream(0)
	if err != nil {
		t.Fatal(err)
	}
	q := stream.NewSequence()
	if err := handle.Append(q, choice, p.at); err != nil {
		t.Fatal(err)
	}
	batch := max(p.Batch, 1)
	data := make([]byte, ((batch-1)*p.D.BatchStride+p.M*p.D.Stride)*resultTypes[p.Type].Size())
	var first []byte
	for range 2 {
		if err := q.Submit(nil); err != nil {
			t.Fatal(err)
		}
		if err := stream.Synchronize(); err != nil {
			t.Fatal(err)
		}
		if err := p.device.CopyFrom(data, p.at.D); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = bytes.Clone(data)
		}
		if err := q.Capture(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first, data) {
		t.Error("a graph of the product gives other bits")
	}
	if err := errors.Join(q.Close(), stream.Close()); err != nil {
		t.Error(err)
	}
	for _, address := range []cuda.Address{p.at.A, p.at.B, p.at.C, p.at.D, p.at.Bias, p.at.Workspace} {
		if err := p.device.Free(address); err != nil {
			t.Error(err)
		}
	}
	return data
}

// want computes row i and column j of matrix `batch` in float64.
func (p *problem) want(batch, i, j int64) float64 {
	at := func(x cublas.Matrix, row, column int64) int64 {
		if x.Transposed {
			row, column = column, row
		}
		return batch*x.BatchStride + row*x.Stride + column
	}
	sum := 0.0
	for k := range p.K {
		sum += p.a[at(p.A, i, k)] * p.b[at(p.B, k, j)]
	}
	value := float64(p.Alpha) * sum
	if p.Beta != 0 {
		value += float64(p.Beta) * p.c[at(p.C, i, j)]
	}
	if p.bias != nil {
		value += p.bias[j]
	}
	switch p.Epilogue {
	case cublas.ReLU, cublas.ReLUBias:
		return max(value, 0)
	case cublas.GELU, cublas.GELUBias:
		return 0.5 * value * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(value+0.044715*value*value*value)))
	}
	return value
}

// check compares everything within D, and that what lies between its rows is as it was is the guard's business of package fakedriver.
func (p *problem) check(t *testing.T, data []byte) {
	t.Helper()
	typ := resultTypes[p.Type]
	values := emulation.Decode(typ, data)
	tolerance := emulation.Rounding(typ)
	tolerance.Relative += 2e-6 * float64(p.K)
	tolerance.Scale = math.Sqrt(float64(p.K)) / 10
	if p.TensorFloat32 {
		tolerance.Relative += 2e-3
		tolerance.Scale = math.Sqrt(float64(p.K))
	}
	var got, want []float64
	for b := range max(p.Batch, 1) {
		for i := range p.M {
			for j := range p.N {
				got, want = append(got, values[b*p.D.BatchStride+i*p.D.Stride+j]), append(want, p.want(b, i, j))
			}
		}
	}
	emulation.Compare(t, "product", typ, emulation.Encode(typ, got), want, tolerance)
}

func dense(width int64) cublas.Matrix { return cublas.Matrix{Stride: width} }

func TestProducts(t *testing.T) {
	device, handle := open(t, cublas.Options{})
	for _, typ := range []cublas.Type{cublas.Float32, cublas.Float16, cublas.BFloat16} {
		for _, size := range [][3]int64{{1, 1, 1}, {3, 5, 7}, {1, 64, 33}, {17, 20, 64}, {33, 16, 5}} {
			for epilogue := cublas.None; epilogue <= cublas.GELUBias; epilogue++ {
				for form := range 8 {
					m, n, k := size[0], size[1], size[2]
					p := cublas.Matmul{
						Type: typ, M: m, N: n, K: k, A: dense(k), B: dense(n), C: dense(n), D: dense(n), Alpha: 0.5, Epilogue: epilogue,
					}
					if form&1 != 0 {
						p.A = cublas.Matrix{Stride: m + 3, Transposed: true}
					}
					if form&2 != 0 {
						p.B = cublas.Matrix{Stride: k, Transposed: true}
					}
					if form&4 != 0 {
						p.Beta, p.C.Stride, p.D.Stride = 2, n+1, n+2
					}
					t.Run(fmt.Sprintf("%v/%v/%v/%d", typ, size, epilogue, form), func(t *testing.T) { testProduct(t, device, handle, p) })
				}
			}
		}
	}
}

func testProduct(t *testing.T, device *cuda.Device, handle *cublas.Handle, m cublas.Matmul) {
	t.Helper()
	p := randomProblem(t, device, m)
	choice, err := handle.Choose(m, workspaceBytes)
	if err != nil {
		t.Fatal(err)
	}
	p.check(t, p.run(t, handle, choice))
}

func TestTensorFloat32(t *testing.T) {
	device, handle := open(t, cublas.Options{})
	testProduct(t, device, handle, cublas.Matmul{TensorFloat32: true, M: 9, N: 16, K: 64, A: dense(64), B: dense(16), D: dense(16), Alpha: 1})
}

func TestBatches(t *testing.T) {
	device, handle := open(t, cublas.Options{})
	for _, stride := range []int64{0, 5 * 6} { // of B: one matrix for all, or each its own
		testProduct(t, device, handle, cublas.Matmul{
			M: 4, N: 6, K: 5, Batch: 3, A: cublas.Matrix{Stride: 5, BatchStride: 20}, B: cublas.Matrix{Stride: 6, BatchStride: stride},
			D: cublas.Matrix{Stride: 6, BatchStride: 32}, Alpha: 1,
		})
	}
}

func TestIntegers(t *testing.T) {
	device, handle := open(t, cublas.Options{})
	m := cublas.Matmul{Type: cublas.Int8, M: 7, N: 8, K: 36, A: dense(36), B: cublas.Matrix{Stride: 36, Transposed: true}, D: dense(8), Alpha: 1}
	testProduct(t, device, handle, m)
	m.Alpha, m.Beta, m.C = 3, -2, m.D
	testProduct(t, device, handle, m)
}

func TestUnsupportedProducts(t *testing.T) {
	_, handle := open(t, cublas.Options{})
	var e *cublas.Error
	// Eight-bit integers are multiplied with the second factor transposed only, and in fours.
	_, err := handle.Choose(cublas.Matmul{Type: cublas.Int8, M: 4, N: 5, K: 7, A: dense(7), B: dense(5), D: dense(5), Alpha: 1}, 0)
	if !errors.As(err, &e) || !e.NotSupported() {
		t.Errorf("the error is %v", err)
	}
	for _, m := range []cublas.Matmul{
		{M: 0, N: 1, K: 1, A: dense(1), B: dense(1), D: dense(1)},
		{M: 2, N: 2, K: 2, A: dense(1), B: dense(2), D: dense(2)},
		{M: 2, N: 2, K: 2, A: dense(2), B: dense(2), D: cublas.Matrix{Stride: 2, Transposed: true}},
	} {
		if _, err := handle.Choose(m, 0); err == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
}

func TestMisplacedOperands(t *testing.T) {
	device, handle := open(t, cublas.Options{})
	m := cublas.Matmul{M: 2, N: 2, K: 2, A: dense(2), B: dense(2), D: dense(2), Alpha: 1}
	choice, err := handle.Choose(m, 0)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := device.NewStream(0)
	if err != nil {
		t.Fatal(err)
	}
	q := stream.NewSequence()
	if err := handle.Append(q, choice, cublas.Addresses{A: 256, B: 512, D: 1028}); err == nil || q.Len() != 0 {
		t.Errorf("an operand that is not aligned was accepted: %v", err)
	}
	if err := errors.Join(q.Close(), stream.Close()); err != nil {
		t.Error(err)
	}
}

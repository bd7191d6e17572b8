package cuda_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// ptxLaunch is a launch of one warp with the arguments of testdata/ptx.cu.
func ptxLaunch(kernel string, operands ...*emulation.Buffer) cuda.Launch {
	l := cuda.Launch{Kernel: kernel, Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{32, 1, 1}, Arguments: make([]byte, 8*len(operands))}
	for i, b := range operands {
		l.Addresses = append(l.Addresses, cuda.Address{At: 8 * i, Operand: b.Operand()})
	}
	return l
}

// multipliedFragments runs a kernel of testdata/ptx.cu, which multiplies in three ways, and returns what it has to give: C + A B^T three times.
func multipliedFragments(t *testing.T, library *emulation.Library, kernel string, element, sum cuda.Type, a, b, c []float64) (got []byte, want []float64) {
	depth := 32 / int(element.Size())
	for i := range 16 {
		for j := range 8 {
			sum := c[i*8+j]
			for k := range depth {
				sum += a[i*depth+k] * b[j*depth+k]
			}
			want = append(want, sum)
		}
	}
	buffer := func(typ cuda.Type, values []float64) *emulation.Buffer {
		return emulation.NewBuffer(t, emulation.Encode(typ, values), 0)
	}
	d := emulation.NewBuffer(t, make([]byte, 3*16*8*4), 0)
	if err := library.Run(ptxLaunch(kernel, buffer(element, a), buffer(element, b), buffer(sum, c), d)); err != nil {
		t.Fatal(err)
	}
	return d.Bytes(), slices.Repeat(want, 3)
}

// TestMultiplyFragments holds the wrapped instructions, and what stands in for them on Turing, to the product of small matrices.
func TestMultiplyFragments(t *testing.T) {
	library := emulation.OpenSource(t, "testdata/ptx.cu")
	for _, p := range productTypes[1:] {
		t.Run(p.name(), func(t *testing.T) {
			depth := 32 / int(p.Size())
			// Values of few digits, which TF32 holds exactly.
			a, b, c := randomValues(cuda.BFloat16, 16*depth, 1), randomValues(cuda.BFloat16, 8*depth, 2), randomValues(cuda.Float32, 16*8, 3)
			got, want := multipliedFragments(t, library, "ptx_"+p.name(), p.Type, cuda.Float32, a, b, c)
			emulation.Compare(t, "fragments, ldmatrix, by hand", cuda.Float32, got, want, emulation.Tolerance{Relative: 1e-5, Scale: 4})
		})
	}
}

// TestMultiplyBytes does the same with signed bytes, the extremes among them. One sum passes the greatest number and wraps around.
func TestMultiplyBytes(t *testing.T) {
	a, b, c := randomIntegers(16*32, 1), randomIntegers(8*32, 2), randomValues(cuda.Float32, 16*8, 3)
	for i := range c {
		c[i] = math.Round(c[i] * 1e6)
	}
	for k := range 32 {
		a[k], b[k] = -128, -128
	}
	c[0] = math.MaxInt32
	got, want := multipliedFragments(t, emulation.OpenSource(t, "testdata/ptx.cu"), "ptx_i8", cuda.Int8, cuda.Int32, a, b, c)
	for i := range want {
		want[i] = float64(int32(int64(want[i])))
	}
	emulation.Compare(t, "fragments, ldmatrix, in quarters", cuda.Int32, got, want, emulation.Tolerance{})
}

func TestLoadMatricesTransposed(t *testing.T) {
	library := emulation.OpenSource(t, "testdata/ptx.cu")
	var in []byte
	for i := range 4 * 64 {
		in = binary.LittleEndian.AppendUint16(in, uint16(i))
	}
	a, d := emulation.NewBuffer(t, in, 0), emulation.NewBuffer(t, make([]byte, 512), 0)
	if err := library.Run(ptxLaunch("ptx_transpose", a, a, a, d)); err != nil {
		t.Fatal(err)
	}
	got := unsafe.Slice((*uint16)(unsafe.Pointer(&d.Bytes()[0])), 256)
	for i, v := range got {
		matrix, row, column := i/64, i/8%8, i%8
		if want := uint16(matrix*64 + column*8 + row); v != want {
			t.Errorf("matrix %d: element (%d, %d) is %d, want %d", matrix, row, column, v, want)
		}
	}
}

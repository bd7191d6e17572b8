package cuda_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// copyBytes does a copy element by element, first in the destination's order.
func copyBytes(c cuda.Copy, x, y []byte) {
	index := make([]int64, len(c.Dims))
	for range layout.Size(c.Dims) {
		from, to := c.SourceOffset, c.DestinationOffset
		for d, i := range index {
			from, to = from+i*c.Source[d], to+i*c.Destination[d]
		}
		copy(y[to*c.ElementSize:][:c.ElementSize], x[from*c.ElementSize:])
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < c.Dims[d] {
				break
			}
			index[d] = 0
		}
	}
}

func randomBytes(count, seed int64) []byte {
	random := rand.New(rand.NewPCG(uint64(seed), 3))
	data := make([]byte, count)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

// transposed is ONNX's Transpose of a row-major tensor.
func transposed(shape []int64, permutation ...int) (c cuda.Copy) {
	own := layout.Contiguous(shape)
	for _, axis := range permutation {
		c.Dims, c.Source = append(c.Dims, shape[axis]), append(c.Source, own[axis])
	}
	c.Destination = layout.Contiguous(c.Dims)
	return c
}

// strided copies to a row-major tensor.
func strided(offset int64, dims []int64, source ...int64) cuda.Copy {
	return cuda.Copy{Dims: dims, Source: source, Destination: layout.Contiguous(dims), SourceOffset: offset}
}

// copyCase is a node's copies from one buffer to another, with the kernel that is expected for some element size, and where the buffers begin in elements.
type copyCase struct {
	name                 string
	copies               []cuda.Copy
	xElements, yElements int64
	xOffset, yOffset     int
	kernelOf1, kernelOf4 string
}

func copyCases() []copyCase {
	all := func(copies ...cuda.Copy) []cuda.Copy { return copies }
	slices := func(widths ...int64) (list []cuda.Copy) { // Concat along the last axis of [5, width]
		total, at, source := int64(0), int64(0), int64(0)
		for _, w := range widths {
			total += w
		}
		for _, w := range widths {
			list = append(list, cuda.Copy{Dims: []int64{5, w}, Source: []int64{w, 1}, Destination: []int64{total, 1}, SourceOffset: source, DestinationOffset: at})
			at, source = at+w, source+5*w
		}
		return list
	}
	return []copyCase{
		{name: "dense", copies: all(strided(0, []int64{3, 1000}, 1000, 1)), xElements: 3000, yElements: 3000, kernelOf1: "copy_units_8", kernelOf4: "copy_units_16"},
		{name: "one", copies: all(strided(0, []int64{1}, 0)), xElements: 1, yElements: 1, kernelOf1: "copy_packed_1"},
		{name: "scalar", copies: all(cuda.Copy{}), xElements: 1, yElements: 1, kernelOf1: "copy_packed_1"},
		{name: "odd", copies: all(strided(1, []int64{7, 37}, 40, 1)), xElements: 300, yElements: 259, xOffset: 3, kernelOf1: "copy_packed_1"},
		{name: "odd both", copies: all(strided(1, []int64{7, 37}, 40, 1)), xElements: 300, yElements: 259, yOffset: 1, kernelOf1: "copy_units_1"},
		{name: "reversed", copies: all(strided(299, []int64{50, 6}, -6, -1)), xElements: 300, yElements: 300},
		{name: "every other", copies: all(strided(0, []int64{20, 32}, 64, 2)), xElements: 1280, yElements: 640, kernelOf4: "copy_packed_4"},
		{name: "expand last", copies: all(strided(0, []int64{5, 3, 40}, 3, 1, 0)), xElements: 15, yElements: 600, kernelOf1: "copy_packed_1"},
		{name: "expand few", copies: all(strided(0, []int64{3, 40}, 1, 0)), xElements: 3, yElements: 120, kernelOf1: "copy_packed_1", kernelOf4: "copy_packed_4"},
		{name: "expand first", copies: all(strided(0, []int64{7, 64}, 0, 1)), xElements: 64, yElements: 448, kernelOf1: "copy_units_16"},
		{name: "tile", copies: all(strided(0, []int64{3, 2, 3, 5}, 0, 5, 0, 1)), xElements: 10, yElements: 90},
		{name: "concat", copies: slices(64, 128, 32), xElements: 5 * 224, yElements: 5 * 224, kernelOf1: "copy_units_16"},
		{name: "concat odd", copies: slices(3, 1, 7, 5, 2, 6, 4, 8, 9, 10), xElements: 5 * 55, yElements: 5 * 55, kernelOf1: "copy_units_1"},
		{name: "split", copies: all(strided(0, []int64{6, 8}, 24, 1), cuda.Copy{
			Dims: []int64{6, 16}, Source: []int64{24, 1}, Destination: []int64{16, 1}, SourceOffset: 8, DestinationOffset: 48,
		}), xElements: 144, yElements: 144, kernelOf1: "copy_units_8"},
		{name: "matrix", copies: all(transposed([]int64{70, 45}, 1, 0)), xElements: 3150, yElements: 3150, kernelOf1: "transpose_32x32_1", kernelOf4: "transpose_32x32_4"},
		{name: "words", copies: all(transposed([]int64{2, 140, 68}, 0, 2, 1)), xElements: 2 * 140 * 68, yElements: 2 * 140 * 68, kernelOf1: "transpose_128x128_1"},
		{name: "words off", copies: all(transposed([]int64{36, 40}, 1, 0)), xElements: 1440, yElements: 1440, xOffset: 1, kernelOf1: "transpose_32x32_1"},
		{name: "heads", copies: all(transposed([]int64{2, 9, 3, 32}, 0, 2, 1, 3)), xElements: 2 * 9 * 96, yElements: 2 * 9 * 96, kernelOf1: "copy_units_16"},
		{name: "pairs", copies: all(transposed([]int64{9, 11, 2}, 1, 0, 2)), xElements: 198, yElements: 198, kernelOf1: "copy_packed_2", kernelOf4: "copy_units_8"},
		{name: "reverse", copies: all(transposed([]int64{9, 3, 10, 33}, 3, 2, 1, 0)), xElements: 9 * 990, yElements: 9 * 990, kernelOf4: "transpose_16x64_4"},
		{name: "pairs in tiles", copies: all(transposed([]int64{33, 21, 2}, 1, 0, 2)), xElements: 33 * 42, yElements: 33 * 42, kernelOf1: "transpose_32x32_2", kernelOf4: "transpose_32x32_8"},
		{name: "eight columns", copies: all(transposed([]int64{2, 150, 8}, 0, 2, 1)), xElements: 2400, yElements: 2400, kernelOf1: "transpose_128x8_1", kernelOf4: "transpose_128x8_4"},
		{name: "eleven columns", copies: all(transposed([]int64{3, 70, 11}, 0, 2, 1)), xElements: 2310, yElements: 2310, kernelOf4: "transpose_64x16_4"},
		{name: "five rows", copies: all(transposed([]int64{5, 131, 3}, 1, 2, 0)), xElements: 5 * 393, yElements: 5 * 393, kernelOf4: "transpose_8x128_4"},
		{name: "sixteen rows", copies: all(transposed([]int64{2, 16, 130}, 0, 2, 1)), xElements: 4160, yElements: 4160, kernelOf1: "transpose_16x64_1", kernelOf4: "transpose_16x64_4"},
		{name: "channels last", copies: all(transposed([]int64{2, 3, 63}, 0, 2, 1)), xElements: 378, yElements: 378, kernelOf4: "copy_packed_4"},
		{name: "channels first", copies: all(transposed([]int64{2, 63, 3}, 0, 2, 1)), xElements: 378, yElements: 378, kernelOf1: "copy_units_1", kernelOf4: "copy_units_4"},
		{name: "six axes", copies: all(transposed([]int64{2, 3, 2, 3, 2, 3}, 5, 1, 3, 0, 4, 2)), xElements: 216, yElements: 216},
		{name: "into columns", copies: all(cuda.Copy{Dims: []int64{40, 20}, Source: []int64{20, 1}, Destination: []int64{1, 50}, DestinationOffset: 5}), xElements: 800, yElements: 1000},
	}
}

func TestCopies(t *testing.T) {
	library := emulation.Open(t)
	for _, c := range copyCases() {
		for _, size := range []int64{1, 2, 4, 8, 16} {
			t.Run(fmt.Sprintf("%s/%d", c.name, size), func(t *testing.T) {
				data, want := randomBytes(c.xElements*size, 1), bytes.Repeat([]byte{0x5a}, int(c.yElements*size))
				x := emulation.NewBuffer(t, data, c.xOffset*int(size))
				y := emulation.NewBuffer(t, want, c.yOffset*int(size))
				var copies []cuda.Copy
				total := int64(0)
				for _, one := range c.copies {
					one.ElementSize, one.X, one.Y = size, x.Operand(), y.Operand()
					copies, total = append(copies, one), total+layout.Size(one.Dims)*size
					copyBytes(one, data, want)
				}
				launches, err := cuda.PlanCopies(copies)
				runAll(t, library, launches, err)
				if !bytes.Equal(y.Bytes(), want) {
					t.Errorf("%s: wrong bytes", launches[0].Kernel)
				}
				moved := int64(0)
				for _, l := range launches {
					moved += l.Bytes
				}
				if moved > 2*total || moved <= total {
					t.Errorf("%d bytes are stated for a copy of %d", moved, total)
				}
				if expected := map[int64]string{1: c.kernelOf1, 4: c.kernelOf4}[size]; expected != "" && launches[0].Kernel != expected {
					t.Errorf("%s was chosen, expected %s", launches[0].Kernel, expected)
				}
			})
		}
	}
}

func TestBlockOfCopy(t *testing.T) {
	c := strided(5, []int64{3, 8}, 8, 1)
	c.ElementSize, c.X.Offset = 4, 100
	if from, _, size, ok := c.Block(); !ok || from.Offset != 120 || size != 96 {
		t.Errorf("a dense copy is the block %v, %d, %v", from, size, ok)
	}
	c = strided(0, []int64{3, 8}, 9, 1)
	c.ElementSize = 4
	if _, _, _, ok := c.Block(); ok {
		t.Error("a copy of rows that lie apart is taken for a block")
	}
}

// TestHugeCopy cuts what an index of 31 bits cannot count.
func TestHugeCopy(t *testing.T) {
	c := strided(0, []int64{5, 1 << 32, 3}, 3<<33, 6, 2)
	c.ElementSize, c.Y = 1, step.Operand{Base: 1, Offset: 8}
	launches, err := cuda.PlanCopies([]cuda.Copy{c})
	if err != nil {
		t.Fatal(err)
	}
	elements := int64(0)
	for _, l := range launches {
		elements += l.Bytes / 2
		if !strings.HasPrefix(l.Kernel, "copy_") {
			t.Errorf("kernel %s", l.Kernel)
		}
	}
	if want := int64(5 * 3 << 32); elements != want || len(launches) < 4 {
		t.Errorf("%d elements in %d launches, want %d", elements, len(launches), want)
	}
}

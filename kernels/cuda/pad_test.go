package cuda_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// padded does Pad element by element.
func padded(p cuda.Pad, x, value []byte) []byte {
	own := layout.Contiguous(p.Shape)
	var out []byte
	var axis func(d int, from int64, inside bool)
	axis = func(d int, from int64, inside bool) {
		if d == len(p.Shape) {
			if inside {
				out = append(out, x[from*p.ElementSize:][:p.ElementSize]...)
			} else {
				out = append(out, value...)
			}
			return
		}
		size := p.Shape[d]
		for i := -p.Begin[d]; i < size+p.End[d]; i++ {
			at := i
			switch p.Mode {
			case cuda.PadEdge:
				at = min(max(i, 0), size-1)
			case cuda.PadWrap:
				at = (i%size + size) % size
			case cuda.PadReflect:
				for at < 0 || at >= size { // back and forth
					if at < 0 {
						at = -at
					} else {
						at = 2*(size-1) - at
					}
				}
			}
			axis(d+1, from+at*own[d], inside && at >= 0 && at < size)
		}
	}
	axis(0, 0, true)
	return out
}

func TestPad(t *testing.T) {
	library := emulation.Open(t)
	for _, c := range []struct {
		shape, begin, end []int64
		offset            int
		constantOnly      bool
	}{
		{shape: []int64{5}, begin: []int64{3}, end: []int64{2}},
		{shape: []int64{2, 3, 7}, begin: []int64{0, 2, 1}, end: []int64{0, 0, 9}, offset: 1},
		{shape: []int64{2, 5, 4, 16}, begin: []int64{0, 1, 1, 0}, end: []int64{0, 1, 2, 0}},
		{shape: []int64{4, 32}, begin: []int64{1, 16}, end: []int64{2, 32}},
		{shape: []int64{9, 40}, begin: []int64{-2, -3}, end: []int64{-1, 4}},
		{shape: []int64{1, 2, 1, 3, 2}, begin: []int64{0, 1, 0, 2, 1}, end: []int64{0, 1, 1, 0, 1}, constantOnly: true},
		{shape: []int64{3, 0}, begin: []int64{1, 2}, end: []int64{0, 1}, constantOnly: true},
		{},
	} {
		for mode := cuda.PadConstant; mode <= cuda.PadWrap; mode++ {
			for _, size := range []int64{1, 2, 4, 8} {
				if mode != cuda.PadConstant && c.constantOnly {
					continue
				}
				t.Run(fmt.Sprintf("%v%v%v+%d/%d/%d", c.shape, c.begin, c.end, c.offset, mode, size), func(t *testing.T) {
					offset := c.offset * int(size)
					data, value := randomBytes(layout.Size(c.shape)*size, 6), randomBytes(size, 7)
					p := cuda.Pad{Mode: mode, Shape: c.shape, Begin: c.begin, End: c.end, ElementSize: size}
					want := padded(p, data, value)
					x, y := emulation.NewBuffer(t, data, offset), emulation.NewBuffer(t, make([]byte, len(want)), offset)
					p.X, p.Y, p.Value = x.Operand(), y.Operand(), emulation.NewBuffer(t, value, int(size)).Operand()
					launches, err := p.Plan()
					runAll(t, library, launches, err)
					if !bytes.Equal(y.Bytes(), want) {
						t.Errorf("%s: wrong elements", launches[0].Kernel)
					}
				})
			}
		}
	}
}

package cuda_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// encodeIndices writes indices of 4 or 8 bytes.
func encodeIndices(indices []int64, size int64) (data []byte) {
	for _, index := range indices {
		if size == 4 {
			data = binary.LittleEndian.AppendUint32(data, uint32(index))
		} else {
			data = binary.LittleEndian.AppendUint64(data, uint64(index))
		}
	}
	return data
}

func TestGather(t *testing.T) {
	library := emulation.Open(t)
	indices := []int64{2, -1, 0, 0, -5, 4, 5, -6, 1, 1 << 31, 3} // of an axis of 5: three are out of range, with int32 also
	for _, c := range []struct {
		outer, row int64
		offset     int
		kernel     string
	}{
		{1, 64, 0, "gather_16"}, {1, 3072, 0, "gather_16"}, {3, 24, 0, "gather_8"}, {2, 20, 0, "gather_4"}, {7, 6, 0, "gather_2"},
		{50, 1, 0, "gather_1"}, {300, 4, 0, "gather_4"}, {2, 32, 2, "gather_2"},
	} {
		for _, indexBytes := range []int64{4, 8} {
			t.Run(fmt.Sprintf("%dx%d+%d/%d", c.outer, c.row, c.offset, indexBytes), func(t *testing.T) {
				const axis = 5
				data := randomBytes(c.outer*axis*c.row, 4)
				want := make([]byte, 0, c.outer*int64(len(indices))*c.row)
				for outer := range c.outer {
					for _, index := range indices {
						if index < 0 {
							index += axis
						}
						if index < 0 || index >= axis {
							want = append(want, make([]byte, c.row)...)
							continue
						}
						want = append(want, data[(outer*axis+index)*c.row:][:c.row]...)
					}
				}
				x, y := emulation.NewBuffer(t, data, 0), emulation.NewBuffer(t, randomBytes(int64(len(want)), 5), c.offset)
				list, faults := emulation.NewBuffer(t, encodeIndices(indices, indexBytes), 0), emulation.NewBuffer(t, make([]byte, 8), 8)
				launches, err := cuda.Gather{
					Outer: c.outer, Axis: axis, Count: int64(len(indices)), RowBytes: c.row, IndexBytes: indexBytes,
					X: x.Operand(), Indices: list.Operand(), Y: y.Operand(), Faults: faults.Operand(),
				}.Plan()
				runAll(t, library, launches, err)
				if launches[0].Kernel != c.kernel {
					t.Errorf("%s was chosen", launches[0].Kernel)
				}
				if !bytes.Equal(y.Bytes(), want) {
					t.Error("wrong rows")
				}
				if count := binary.LittleEndian.Uint64(faults.Bytes()); count != 3*uint64(c.outer) {
					t.Errorf("%d indices are counted as out of range, want 3 for each of %d", count, c.outer)
				}
			})
		}
	}
}

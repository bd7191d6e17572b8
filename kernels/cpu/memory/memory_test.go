package memory

import (
	"math"
	"testing"
)

func TestAllocate(t *testing.T) {
	before := LiveBytes()
	for _, size := range []int{0, 1, 63, 64, 65, 4096, mapThreshold - 1, mapThreshold, 3*hugePage + 1} {
		block, err := Allocate(size)
		if err != nil {
			t.Fatal(err)
		}
		if block.Address()%Alignment != 0 {
			t.Errorf("size %d: address %x is not aligned", size, block.Address())
		}
		bytes := block.Bytes()
		if len(bytes) != size || block.Size() != size || len(block.Float32s()) != size/4 {
			t.Errorf("size %d: got %d bytes", size, len(bytes))
		}
		for i, b := range bytes {
			if b != 0 {
				t.Fatalf("size %d: byte %d is %d, want 0", size, i, b)
			}
			bytes[i] = 0xff
		}
		if live := LiveBytes() - before; live < int64(size) || live > int64(size)+Alignment {
			t.Errorf("size %d: %d live bytes", size, live)
		}
		block.Free()
		block.Free()
		if live := LiveBytes() - before; live != 0 {
			t.Errorf("size %d: %d live bytes after Free", size, live)
		}
	}
}

func TestAllocateFails(t *testing.T) {
	for _, size := range []int{-1, math.MaxInt, math.MaxInt - Alignment, 1 << 60} {
		if block, err := Allocate(size); err == nil {
			block.Free()
			t.Errorf("size %d: no error", size)
		}
	}
	var none *Block
	none.Free()
}

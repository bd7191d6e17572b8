package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

const (
	// warp is the number of threads that run in step.
	warp = 32
	// maxGrid is the largest first dimension of a grid.
	maxGrid = 1<<31 - 1
	// wideBytes is the widest load.
	wideBytes = 16
)

// wide returns how many elements move in one load of 16 bytes where every row of the given width begins aligned, else 1.
func wide(t Type, width int64, operands ...step.Operand) int64 {
	count := wideBytes / t.Size()
	if width%count != 0 {
		return 1
	}
	for _, operand := range operands {
		if operand.Offset%wideBytes != 0 {
			return 1
		}
	}
	return count
}

// flag is a bool in an arguments struct.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

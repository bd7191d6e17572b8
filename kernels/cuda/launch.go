package cuda

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// Launch is one kernel launch with everything but addresses decided.
type Launch struct {
	Kernel      string // symbol, for instance softmax_rows_f32
	Module      string // the source file without its ending
	Grid, Block [3]uint32
	SharedBytes uint32    // dynamic shared memory of a block
	Arguments   []byte    // the kernel's parameter, a struct; zeros where addresses go
	Addresses   []Address // in order of At
	// FLOP and Bytes bound the kernel: its work, and what it has to move to and from device memory at least.
	FLOP, Bytes int64
}

// Address says which eight bytes of the arguments are the address of an operand. An operand of base 0 is absolute; base 0 and offset 0 is absent.
type Address struct {
	At      int
	Operand step.Operand
}

// Resolve writes the addresses into the arguments, given where each base lies.
func (l *Launch) Resolve(bases []uintptr) []byte {
	resolved := append([]byte(nil), l.Arguments...)
	for _, a := range l.Addresses {
		address := uint64(a.Operand.Offset)
		if a.Operand.Base != step.BaseAbsolute {
			address += uint64(bases[a.Operand.Base])
		}
		*(*uint64)(unsafe.Pointer(&resolved[a.At])) = address
	}
	return resolved
}

// address is the place of an operand's address in an arguments struct, which mirrors the kernel's: pointers are uint64.
type address uint64

// newLaunch copies the arguments, a struct without Go pointers that begins with one address field for each operand.
func newLaunch[T any](module, kernel string, grid, block [3]uint32, shared int, arguments T, operands ...step.Operand) Launch {
	l := Launch{
		Kernel: kernel, Module: module, Grid: grid, Block: block, SharedBytes: uint32(shared),
		Arguments: append([]byte(nil), unsafe.Slice((*byte)(unsafe.Pointer(&arguments)), unsafe.Sizeof(arguments))...),
	}
	for i, operand := range operands {
		if operand != (step.Operand{}) {
			l.Addresses = append(l.Addresses, Address{At: 8 * i, Operand: operand})
		}
	}
	return l
}

// grid1 is a one-dimensional grid or block.
func grid1(x int64) [3]uint32 { return [3]uint32{uint32(x), 1, 1} }

// divide rounds up.
func divide(a, b int64) int64 { return (a + b - 1) / b }

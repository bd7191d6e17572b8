package cpu

import (
	"unsafe"

	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// block copies bytes to C memory in the form that the store of weights keeps.
func block(data []byte) (*memory.Block, weights.Form, error) {
	b, form, err := weights.Block(memory.Allocate(len(data)))
	if err == nil {
		copy(b.Bytes(), data)
	}
	return b, form, err
}

// allocate returns zeroed memory that lives as long as the program's store: tables of one program.
func (s *selection) allocate(bytes int) (unsafe.Pointer, error) {
	b, err := weights.Keep(s.weights, func() (*memory.Block, weights.Form, error) { return weights.Block(memory.Allocate(bytes)) })
	if err != nil {
		return nil, err
	}
	return b.Pointer(), nil
}

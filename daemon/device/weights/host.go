package weights

import (
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// OnHost implements Plain with C memory of the host. Strings are copied as records whose bytes follow in the same block.
func OnHost(t *tensor.Tensor) (step.Operand, Form, error) {
	block, form, err := Block(copyToHost(t))
	if err != nil {
		return step.Operand{}, Form{}, err
	}
	return step.Absolute(block.Pointer()), form, nil
}

// Block describes a block of C memory as its own form.
func Block(block *memory.Block, err error) (*memory.Block, Form, error) {
	if err != nil {
		return nil, Form{}, err
	}
	return block, Form{Bytes: int64(block.Size()), Free: block.Free}, nil
}

func copyToHost(t *tensor.Tensor) (*memory.Block, error) {
	if t.DType != tensor.String {
		block, err := memory.Allocate(len(t.Data))
		if err == nil {
			copy(block.Bytes(), t.Data)
		}
		return block, err
	}
	size := len(t.Strings) * tensor.StringSize
	for _, text := range t.Strings {
		size += len(text)
	}
	block, err := memory.Allocate(size)
	if err == nil {
		tensor.PackStrings(block.Bytes(), t.Strings)
	}
	return block, err
}

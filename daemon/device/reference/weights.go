package reference

import (
	"fmt"
	"sync"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// weights holds constants as they are in C memory. A fork keeps one program's own constants and leaves adopted ones to its version.
type weights struct {
	version *weights // nil for the version's own store
	mutex   sync.Mutex
	adopted map[*tensor.Tensor]bool
	blocks  map[*tensor.Tensor]*memory.Block
	bytes   int64
}

func newWeights(version *weights) *weights {
	return &weights{version: version, adopted: make(map[*tensor.Tensor]bool), blocks: make(map[*tensor.Tensor]*memory.Block)}
}

// Adopt implements device.Weights.
func (w *weights) Adopt(constants []*graph.Value) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, v := range constants {
		w.adopted[v.Constant] = true
	}
}

// Fork implements device.Weights.
func (w *weights) Fork() device.Weights { return newWeights(w) }

func (w *weights) adopts(t *tensor.Tensor) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.adopted[t]
}

// Constant implements device.Weights.
func (w *weights) Constant(v *graph.Value) (step.Operand, error) {
	if v.Constant == nil {
		return step.Operand{}, fmt.Errorf("value %v is not constant", v)
	}
	if w.version != nil && w.version.adopts(v.Constant) {
		return w.version.Constant(v)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	block, ok := w.blocks[v.Constant]
	if !ok {
		var err error
		if block, err = copyConstant(v.Constant); err != nil {
			return step.Operand{}, fmt.Errorf("constant %v: %w", v, err)
		}
		w.blocks[v.Constant] = block
		w.bytes += int64(block.Size())
	}
	return step.Absolute(block.Pointer()), nil
}

func copyConstant(t *tensor.Tensor) (*memory.Block, error) {
	if t.Data == nil && t.Strings == nil && t.Elements() > 0 {
		return nil, fmt.Errorf("its elements are gone")
	}
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

// Holds implements device.Weights.
func (w *weights) Holds(v *graph.Value) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.blocks[v.Constant] != nil
}

// Bytes implements device.Weights.
func (w *weights) Bytes() int64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.bytes
}

// Close implements device.Weights.
func (w *weights) Close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for t, block := range w.blocks {
		block.Free()
		delete(w.blocks, t)
	}
	w.bytes = 0
}

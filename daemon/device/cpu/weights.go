package cpu

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Weights holds constants in C memory, each form of each constant once. A fork keeps one program's own constants; those of the prepared
// graph stay with the version.
type Weights struct {
	version *Weights // nil for the version's own store
	mutex   sync.Mutex
	adopted map[*tensor.Tensor]bool
	forms   map[form]*memory.Block
	held    map[*tensor.Tensor]bool
	bytes   int64
}

// form names one layout of one constant: the tensor (or another pointer that identifies what was packed) and the layout.
type form struct {
	identity any
	layout   string
}

func newWeights(version *Weights) *Weights {
	return &Weights{version: version, adopted: make(map[*tensor.Tensor]bool), forms: make(map[form]*memory.Block), held: make(map[*tensor.Tensor]bool)}
}

// Adopt implements device.Weights.
func (w *Weights) Adopt(constants []*graph.Value) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, v := range constants {
		w.adopted[v.Constant] = true
	}
}

// Fork implements device.Weights.
func (w *Weights) Fork() device.Weights { return newWeights(w) }

// owner returns the store that keeps forms of the tensor.
func (w *Weights) owner(t *tensor.Tensor) *Weights {
	if w.version != nil && w.version.adopted[t] {
		return w.version
	}
	return w
}

// Constant implements device.Weights. Strings are copied as records whose bytes follow in the same block.
func (w *Weights) Constant(v *graph.Value) (step.Operand, error) {
	block, err := w.pack(v, "plain", func() (*memory.Block, error) { return copyConstant(v.Constant) })
	if err != nil {
		return step.Operand{}, err
	}
	return step.Absolute(block.Pointer()), nil
}

// pack returns the constant in a layout that is built at the first call. The layout's name must tell everything that build depends on.
func (w *Weights) pack(v *graph.Value, layout string, build func() (*memory.Block, error)) (*memory.Block, error) {
	return w.owner(v.Constant).packOwn(v.Constant, layout, build, v.Constant)
}

// packShared returns what build makes from attributes of a node, kept with the version. identity is a pointer into the attribute, which
// all clones of the node share.
func (w *Weights) packShared(identity any, layout string, build func() (*memory.Block, error)) (*memory.Block, error) {
	if w.version != nil {
		w = w.version
	}
	return w.packOwn(identity, layout, build, nil)
}

func (w *Weights) packOwn(identity any, layout string, build func() (*memory.Block, error), t *tensor.Tensor) (*memory.Block, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	key := form{identity, layout}
	if block, ok := w.forms[key]; ok {
		return block, nil
	}
	if t != nil && t.Data == nil && t.Strings == nil && t.Elements() > 0 {
		return nil, fmt.Errorf("the elements of constant %v are gone, and layout %q was never packed", t, layout)
	}
	block, err := build()
	if err != nil {
		return nil, err
	}
	w.forms[key] = block
	w.bytes += int64(block.Size())
	if t != nil {
		w.held[t] = true
	}
	return block, nil
}

// copyConstant copies a tensor's elements to C memory.
func copyConstant(t *tensor.Tensor) (*memory.Block, error) {
	if t.DType != tensor.String {
		block, err := memory.Allocate(len(t.Data))
		if err != nil {
			return nil, err
		}
		copy(block.Bytes(), t.Data)
		return block, nil
	}
	size := len(t.Strings) * tensor.StringSize
	for _, text := range t.Strings {
		size += len(text)
	}
	block, err := memory.Allocate(size)
	if err != nil {
		return nil, err
	}
	records := unsafe.Slice((*string)(block.Pointer()), len(t.Strings))
	rest := block.Bytes()[len(t.Strings)*tensor.StringSize:]
	for i, text := range t.Strings {
		n := copy(rest, text)
		records[i] = unsafe.String(unsafe.SliceData(rest), n)
		rest = rest[n:]
	}
	return block, nil
}

// Holds implements device.Weights.
func (w *Weights) Holds(v *graph.Value) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.held[v.Constant]
}

// Bytes implements device.Weights.
func (w *Weights) Bytes() int64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.bytes
}

// Close implements device.Weights.
func (w *Weights) Close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for key, block := range w.forms {
		block.Free()
		delete(w.forms, key)
	}
	w.bytes = 0
}

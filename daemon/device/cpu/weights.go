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
	forms   map[form]packed
	held    map[*tensor.Tensor]bool
	bytes   int64
}

// packed is a constant in one form: memory outside Go's, and what the planner needs to know of it.
type packed struct {
	value any
	bytes int64
	free  func()
}

// form names one layout of one constant: the tensor (or another pointer that identifies what was packed) and the layout.
type form struct {
	identity any
	layout   string
}

func newWeights(version *Weights) *Weights {
	return &Weights{version: version, adopted: make(map[*tensor.Tensor]bool), forms: make(map[form]packed), held: make(map[*tensor.Tensor]bool)}
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

// Constant implements device.Weights. Strings are copied as records whose bytes follow in the same block.
func (w *Weights) Constant(v *graph.Value) (step.Operand, error) {
	block, err := pack(w, v, "plain", func() (*memory.Block, packed, error) { return keepBlock(copyConstant(v.Constant)) })
	if err != nil {
		return step.Operand{}, err
	}
	return step.Absolute(block.Pointer()), nil
}

// keepBlock describes a block as its own form.
func keepBlock(block *memory.Block, err error) (*memory.Block, packed, error) {
	if err != nil {
		return nil, packed{}, err
	}
	return block, packed{bytes: int64(block.Size()), free: block.Free}, nil
}

// pack returns the constant in a layout that build makes at the first call. Because large constants are gone afterwards, the layout's name must
// not depend on a program's shapes.
func pack[T any](w *Weights, v *graph.Value, layout string, build func() (T, packed, error)) (T, error) {
	owner := w
	if w.version != nil && w.version.adopts(v.Constant) {
		owner = w.version
	}
	t := v.Constant
	return packOwn(owner, form{t, layout}, func() (T, packed, error) {
		if t.Data == nil && t.Strings == nil && t.Elements() > 0 {
			var none T
			return none, packed{}, fmt.Errorf("the elements of constant %v are gone, and layout %q was never packed", v, layout)
		}
		value, form, err := build()
		if err == nil {
			owner.held[t] = true
		}
		return value, form, err
	})
}

// packShared returns what build makes from attributes of a node, kept with the version. identity is a pointer into the attributes, which
// all clones of the node share.
func packShared[T any](w *Weights, identity any, layout string, build func() (T, packed, error)) (T, error) {
	if w.version != nil {
		w = w.version
	}
	return packOwn(w, form{identity, layout}, build)
}

func packOwn[T any](w *Weights, key form, build func() (T, packed, error)) (T, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if p, ok := w.forms[key]; ok {
		return p.value.(T), nil
	}
	value, p, err := build()
	if err != nil {
		return value, err
	}
	p.value = value
	w.forms[key] = p
	w.bytes += p.bytes
	return value, nil
}

// adopts reports whether the tensor belongs to the version.
func (w *Weights) adopts(t *tensor.Tensor) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.adopted[t]
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
	tensor.PackStrings(block.Bytes(), t.Strings)
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
	for key, p := range w.forms {
		p.free()
		delete(w.forms, key)
	}
	w.bytes = 0
}

// allocate returns zeroed memory that lives as long as the store: tables of one program.
func (w *Weights) allocate(bytes int) (unsafe.Pointer, error) {
	block, err := packOwn(w, form{new(byte), "table"}, func() (*memory.Block, packed, error) { return keepBlock(memory.Allocate(bytes)) })
	if err != nil {
		return nil, err
	}
	return block.Pointer(), nil
}

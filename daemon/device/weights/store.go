// Package weights keeps a model version's constants in the forms that a device's kernels read, each form once.
//
// In: constants of the graph, and functions that make a form of one. Out: what they made, shared by all programs of the version. It does not
// know where the memory lies: a form brings what frees it.
package weights

import (
	"fmt"
	"sync"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Form is a constant in one form, on the device.
type Form struct {
	Bytes int64
	Free  func()
}

// Plain copies a tensor's elements as they are to the device's memory.
type Plain func(t *tensor.Tensor) (step.Operand, Form, error)

// Store implements device.Weights. A fork keeps one program's own constants; those of the prepared graph stay with the version.
type Store struct {
	version *Store // nil for the version's own store
	plain   Plain
	mutex   sync.Mutex
	adopted map[*tensor.Tensor]bool
	forms   map[key]entry
	held    map[*tensor.Tensor]bool
	bytes   int64
}

// key names one layout of one constant: the tensor (or another pointer that identifies what was packed) and the layout.
type key struct {
	identity any
	layout   string
}

type entry struct {
	value any
	form  Form
}

// New returns the store of a model version.
func New(plain Plain) *Store { return newStore(plain, nil) }

func newStore(plain Plain, version *Store) *Store {
	return &Store{
		version: version, plain: plain, adopted: make(map[*tensor.Tensor]bool), forms: make(map[key]entry), held: make(map[*tensor.Tensor]bool),
	}
}

// Adopt implements device.Weights.
func (s *Store) Adopt(constants []*graph.Value) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, v := range constants {
		s.adopted[v.Constant] = true
	}
}

// Fork implements device.Weights.
func (s *Store) Fork() device.Weights { return newStore(s.plain, s) }

// Constant implements device.Weights.
func (s *Store) Constant(v *graph.Value) (step.Operand, error) {
	if v.Constant == nil {
		return step.Operand{}, fmt.Errorf("value %v is not constant", v)
	}
	return Pack(s, v, "plain", func() (step.Operand, Form, error) { return s.plain(v.Constant) })
}

// Pack returns the constant in a layout that build makes at the first call. Because large constants are gone afterwards, the layout's name must
// not depend on a program's shapes.
func Pack[T any](s *Store, v *graph.Value, layout string, build func() (T, Form, error)) (T, error) {
	owner := s
	if s.version != nil && s.version.adopts(v.Constant) {
		owner = s.version
	}
	t := v.Constant
	return pack(owner, key{t, layout}, func() (T, Form, error) {
		if t.Data == nil && t.Strings == nil && t.Elements() > 0 {
			var none T
			return none, Form{}, fmt.Errorf("the elements of constant %v are gone, and layout %q was never packed", v, layout)
		}
		value, form, err := build()
		if err == nil {
			owner.held[t] = true
		}
		return value, form, err
	})
}

// PackShared returns what build makes from attributes of a node, kept with the version. identity is a pointer into the attributes, which
// all clones of the node share.
func PackShared[T any](s *Store, identity any, layout string, build func() (T, Form, error)) (T, error) {
	if s.version != nil {
		s = s.version
	}
	return pack(s, key{identity, layout}, build)
}

// Keep returns what build makes, for as long as the store lives: tables of one program.
func Keep[T any](s *Store, build func() (T, Form, error)) (T, error) {
	return pack(s, key{new(byte), "kept"}, build)
}

func pack[T any](s *Store, key key, build func() (T, Form, error)) (T, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known, ok := s.forms[key]; ok {
		return known.value.(T), nil
	}
	value, form, err := build()
	if err != nil {
		return value, err
	}
	s.forms[key] = entry{value, form}
	s.bytes += form.Bytes
	return value, nil
}

// adopts reports whether the tensor belongs to the version.
func (s *Store) adopts(t *tensor.Tensor) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.adopted[t]
}

// Holds implements device.Weights.
func (s *Store) Holds(v *graph.Value) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.held[v.Constant]
}

// Bytes implements device.Weights.
func (s *Store) Bytes() int64 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.bytes
}

// Close implements device.Weights.
func (s *Store) Close() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for key, e := range s.forms {
		e.form.Free()
		delete(s.forms, key)
	}
	s.bytes = 0
}

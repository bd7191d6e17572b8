// Package onnxruntime runs models on onnxruntime's shared library through its C interface: the peer that inferd's speed is measured against.
//
// In: the path of libonnxruntime.so and of a model, and tensors in C memory. Out: runs, and copies of their outputs. The library is loaded at run
// time; nothing of inferd depends on it.
package onnxruntime

// #cgo CFLAGS: -O2 -Wall
// #cgo LDFLAGS: -ldl
// #include <stdlib.h>
// #include "api.h"
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// Library is the loaded library. It stays loaded until the process ends.
type Library struct{ peer *C.peer }

// Session is a model loaded with a fixed number of threads.
type Session struct {
	session         *C.session
	Inputs, Outputs []string
}

// Value is an input that runs may use any number of times.
type Value struct{ value *C.value }

func check(message *C.char) error {
	if message == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(message))
	return errors.New("onnxruntime: " + C.GoString(message))
}

// Open loads the library.
func Open(path string) (*Library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	l := &Library{}
	return l, check(C.peer_open(name, &l.peer))
}

// Version is the library's version.
func (l *Library) Version() string { return C.GoString(C.peer_version(l.peer)) }

// Load loads a model with all optimisations on.
func (l *Library) Load(model string, threads int) (*Session, error) {
	path := C.CString(model)
	defer C.free(unsafe.Pointer(path))
	s := &Session{}
	if err := check(C.peer_session(l.peer, path, C.int(threads), &s.session)); err != nil {
		return nil, err
	}
	for i := range C.peer_inputs(s.session) {
		s.Inputs = append(s.Inputs, C.GoString(C.peer_input_name(s.session, i)))
	}
	for i := range C.peer_outputs(s.session) {
		s.Outputs = append(s.Outputs, C.GoString(C.peer_output_name(s.session, i)))
	}
	return s, nil
}

// Close releases the model.
func (s *Session) Close() { C.peer_release_session(s.session) }

// Tensor wraps C memory as an input without copying it. dtype is ONNX's number of the element type.
func (l *Library) Tensor(data unsafe.Pointer, bytes int, dtype int, shape []int64) (Value, error) {
	var v Value
	err := check(C.peer_tensor(l.peer, data, C.size_t(bytes), (*C.int64_t)(unsafe.SliceData(shape)), C.size_t(len(shape)), C.int(dtype), &v.value))
	return v, err
}

// Strings copies texts into an input.
func (l *Library) Strings(texts []string, shape []int64) (Value, error) {
	var v Value
	pointers := make([]*C.char, len(texts))
	for i, text := range texts {
		pointers[i] = C.CString(text)
		defer C.free(unsafe.Pointer(pointers[i]))
	}
	err := check(C.peer_strings(l.peer, unsafe.SliceData(pointers), C.size_t(len(texts)), (*C.int64_t)(unsafe.SliceData(shape)), C.size_t(len(shape)), &v.value))
	return v, err
}

// Release frees a value; memory that it wraps stays.
func (l *Library) Release(v Value) { C.peer_release_value(l.peer, v.value) }

// Run runs the model once and drops the outputs.
func (s *Session) Run(inputs []Value) error {
	return check(C.peer_run(s.session, (**C.value)(unsafe.Pointer(unsafe.SliceData(inputs))), nil, nil))
}

// RunInto runs the model once and copies the outputs into the given buffers, whose sizes must be the outputs'.
func (s *Session) RunInto(inputs []Value, outputs [][]byte) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	copies := make([]unsafe.Pointer, len(outputs))
	sizes := make([]C.size_t, len(outputs))
	for i, out := range outputs {
		if len(out) > 0 {
			pin.Pin(&out[0])
			copies[i] = unsafe.Pointer(&out[0])
		}
		sizes[i] = C.size_t(len(out))
	}
	return check(C.peer_run(s.session, (**C.value)(unsafe.Pointer(unsafe.SliceData(inputs))), unsafe.SliceData(copies), unsafe.SliceData(sizes)))
}

package fakedriver

// #cgo CFLAGS: -I${SRCDIR}/../../../cgo/cuda/include
// #include <cuda.h>
// #include <stdlib.h>
//
// struct callable { long calls; int status; };
//
// static int answer(void *record, CUstream stream)
// {
// 	struct callable *c = record;
// 	(void)stream;
// 	c->calls++;
// 	return c->status;
// }
//
// static void *answer_function(void) { return (void *)answer; }
import "C"

import "unsafe"

// Callable is a C function for sequences to call: it counts its calls and answers with a status.
type Callable struct{ record *C.struct_callable }

// NewCallable returns a function that answers 0.
func NewCallable() *Callable {
	return &Callable{(*C.struct_callable)(C.calloc(1, C.sizeof_struct_callable))}
}

// Function is the function.
func (c *Callable) Function() unsafe.Pointer { return C.answer_function() }

// Record is what the function wants to be given.
func (c *Callable) Record() unsafe.Pointer { return unsafe.Pointer(c.record) }

// Calls is how often the function was called.
func (c *Callable) Calls() int { return int(c.record.calls) }

// Answer sets the status that the function answers with.
func (c *Callable) Answer(status int) { c.record.status = C.int(status) }

// Free frees the record.
func (c *Callable) Free() { C.free(unsafe.Pointer(c.record)) }

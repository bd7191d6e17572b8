//go:build cuda

package cuda

// #include "loader.h"
import "C"

import (
	"errors"
	"fmt"
	"reflect"
)

// Error is a failure that the driver reports.
type Error struct {
	Call    string // the driver's function, and which operation of a sequence where there is one
	Code    int    // a CUresult
	Name    string // of the code, for instance CUDA_ERROR_OUT_OF_MEMORY
	Message string // what the driver says about it
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Call, e.Message, e.Name) }

// OutOfMemory reports whether there was too little device or pinned memory.
func (e *Error) OutOfMemory() bool { return e.Code == C.CUDA_ERROR_OUT_OF_MEMORY }

// Sticky reports whether the context is lost: every further call in it fails, its memory's contents are gone, and the device has to be closed and opened
// again.
func (e *Error) Sticky() bool { return sticky[e.Code] }

// sticky lists the codes of which the driver's manual says that no further work is possible. An unknown error is one of them because nothing is known
// about what is left.
var sticky = map[int]bool{
	C.CUDA_ERROR_DEINITIALIZED:         true,
	C.CUDA_ERROR_DEVICE_UNAVAILABLE:    true,
	C.CUDA_ERROR_ECC_UNCORRECTABLE:     true,
	C.CUDA_ERROR_NVLINK_UNCORRECTABLE:  true,
	C.CUDA_ERROR_CONTAINED:             true,
	C.CUDA_ERROR_ILLEGAL_ADDRESS:       true,
	C.CUDA_ERROR_LAUNCH_TIMEOUT:        true,
	C.CUDA_ERROR_CONTEXT_IS_DESTROYED:  true,
	C.CUDA_ERROR_ASSERT:                true,
	C.CUDA_ERROR_HARDWARE_STACK_ERROR:  true,
	C.CUDA_ERROR_ILLEGAL_INSTRUCTION:   true,
	C.CUDA_ERROR_MISALIGNED_ADDRESS:    true,
	C.CUDA_ERROR_INVALID_ADDRESS_SPACE: true,
	C.CUDA_ERROR_INVALID_PC:            true,
	C.CUDA_ERROR_LAUNCH_FAILED:         true,
	C.CUDA_ERROR_TENSOR_MEMORY_LEAK:    true,
	C.CUDA_ERROR_MPS_CLIENT_TERMINATED: true,
	C.CUDA_ERROR_EXTERNAL_DEVICE:       true,
	C.CUDA_ERROR_UNKNOWN:               true,
}

// IsSticky reports whether an error's chain holds an *Error after which the device is lost.
func IsSticky(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Sticky()
}

// IsOutOfMemory reports whether an error's chain holds an *Error of too little memory.
func IsOutOfMemory(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.OutOfMemory()
}

// newError explains a code; nil for success.
func newError(call string, code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	e := &Error{Call: call, Code: int(code), Name: fmt.Sprintf("CUDA error %d", code), Message: "the driver does not know this error"}
	var text *C.char
	if C.cuGetErrorName(code, &text) == C.CUDA_SUCCESS && text != nil {
		e.Name = C.GoString(text)
	}
	if C.cuGetErrorString(code, &text) == C.CUDA_SUCCESS && text != nil {
		e.Message = C.GoString(text)
	}
	if code == C.CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND {
		e.Message = fmt.Sprintf("the driver's library %s has no such function", C.GoString(&C.inferd_cuda_load().path[0]))
	}
	return e
}

// wrap translates an error of gorgonia.org/cu. Its type is a CUresult that the package does not export, so the code is read by reflection.
func wrap(call string, err error) error {
	if err == nil {
		return nil
	}
	if value := reflect.ValueOf(err); value.Kind() == reflect.Int {
		return newError(call, C.CUresult(value.Int()))
	}
	return fmt.Errorf("%s: %w", call, err)
}

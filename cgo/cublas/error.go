//go:build cuda

package cublas

// #include "product.h"
import "C"

import "fmt"

// Error is a failure that the library reports.
type Error struct {
	Call    string // the library's function
	Status  int    // a cublasStatus_t
	Name    string // of the status, for instance CUBLAS_STATUS_NOT_SUPPORTED
	Message string // what the library says about it
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Call, e.Message, e.Name) }

// NotSupported reports whether the library has no algorithm for what was asked.
func (e *Error) NotSupported() bool {
	return e.Status == C.CUBLAS_STATUS_NOT_SUPPORTED || e.Status == C.CUBLAS_STATUS_INVALID_VALUE || e.Status == C.CUBLAS_STATUS_ARCH_MISMATCH
}

// OutOfMemory reports whether there was too little memory.
func (e *Error) OutOfMemory() bool { return e.Status == C.CUBLAS_STATUS_ALLOC_FAILED }

// statusText says what a status means.
func statusText(status int) string {
	code := C.cublasStatus_t(status)
	return fmt.Sprintf("%s (%s)", C.GoString(C.inferd_cublas_status_text(code)), C.GoString(C.inferd_cublas_status_name(code)))
}

// newError explains a status; nil for success.
func newError(call string, status C.cublasStatus_t) error {
	if status == C.CUBLAS_STATUS_SUCCESS {
		return nil
	}
	return &Error{
		Call: call, Status: int(status), Name: C.GoString(C.inferd_cublas_status_name(status)), Message: C.GoString(C.inferd_cublas_status_text(status)),
	}
}

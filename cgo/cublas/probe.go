//go:build cuda

package cublas

// #cgo CFLAGS: -I${SRCDIR}/../cuda/include
// #cgo LDFLAGS: -ldl -lpthread
// #include "loader.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
)

// oldestVersion is of CUDA 12.0: the declarations hold from there on.
const oldestVersion = 120000

// Status tells whether there is a cuBLASLt and whether it can be used.
type Status struct {
	Library string // path of the library, as the loader found it
	Version int    // 10000 * major + 100 * minor + patch; 0 where unknown
	Reason  string // what is wrong and what to do about it, in one line; empty where nothing is
}

// Usable reports whether products can be computed.
func (s Status) Usable() bool { return s.Reason == "" }

// Err is the reason as an error, nil where the library is usable.
func (s Status) Err() error {
	if s.Usable() {
		return nil
	}
	return errors.New(s.Reason)
}

// Release formats the version as NVIDIA writes it, for instance 13.1.0.
func (s Status) Release() string {
	return fmt.Sprintf("%d.%d.%d", s.Version/10000, s.Version/100%100, s.Version%100)
}

// Probe loads the library at the first call and tells how that went. It needs no device and never fails.
var Probe = sync.OnceValue(probe)

func probe() Status {
	library := C.inferd_cublas_load()
	s := Status{Library: C.GoString(&library.path[0]), Version: int(library.version)}
	missing := C.GoString(&library.missing[0])
	switch {
	case library.handle == nil && library.chosen != 0:
		s.Reason = "the cuBLASLt that INFERD_CUBLASLT_LIBRARY names cannot be loaded: " + C.GoString(&library.failure[0])
	case library.handle == nil:
		s.Reason = fmt.Sprintf("cuBLASLt is not installed (%s): install the package libcublas-13-0 of NVIDIA's CUDA repository, or the Python package nvidia-cublas "+
			"and set INFERD_CUBLASLT_LIBRARY to its libcublasLt.so.13", C.GoString(&library.failure[0]))
	case missing != "":
		s.Reason = fmt.Sprintf("%s is no cuBLASLt that can be used: it lacks %s; install the package libcublas-13-0, or unset INFERD_CUBLASLT_LIBRARY", s.Library, missing)
	case s.Version < oldestVersion:
		s.Reason = fmt.Sprintf("%s is cuBLASLt %s, 12.0 is the oldest that can be used: install the package libcublas-13-0", s.Library, s.Release())
	}
	return s
}

// Package vectormath applies the elementary functions and activations of kernels/cpu/abi to slices.
//
// In: a function, an instruction set, values. Out: values. Kernels include the headers themselves; this package is where the
// headers are tested, and where code outside a kernel computes with a kernel's bits.
package vectormath

// #cgo CFLAGS: -O3 -std=c11 -D_GNU_SOURCE -Wall -Wno-psabi -I.
// #include "vectormath.h"
import "C"

import (
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// Function is an elementary function.
type Function int32

// The functions.
const (
	Exp     Function = C.INFERD_FUNCTION_EXP
	Log     Function = C.INFERD_FUNCTION_LOG
	Erf     Function = C.INFERD_FUNCTION_ERF
	Tanh    Function = C.INFERD_FUNCTION_TANH
	Sigmoid Function = C.INFERD_FUNCTION_SIGMOID
)

// Apply sets out[i] to the function of in[i]. The slices have one length and may be the same.
func Apply(level isa.Level, function Function, in, out []float32) {
	apply(level, int32(function), 0, 0, in, out)
}

// Activate sets out[i] to the activation of in[i]. The slices have one length and may be the same.
func Activate(level isa.Level, a activation.Activation, in, out []float32) {
	apply(level, C.INFERD_FUNCTION_ACTIVATION+int32(a.Kind), a.P0, a.P1, in, out)
}

func apply(level isa.Level, function int32, p0, p1 float32, in, out []float32) {
	out = out[:len(in)]
	from, to, n := (*C.float)(unsafe.SliceData(in)), (*C.float)(unsafe.SliceData(out)), C.int64_t(len(in))
	switch level {
	case isa.AVX512:
		C.inferd_vectormath_avx512(C.int32_t(function), C.float(p0), C.float(p1), from, to, n)
	case isa.AVX2:
		C.inferd_vectormath_avx2(C.int32_t(function), C.float(p0), C.float(p1), from, to, n)
	default:
		C.inferd_vectormath_scalar(C.int32_t(function), C.float(p0), C.float(p1), from, to, n)
	}
}

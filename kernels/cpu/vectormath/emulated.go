//go:build avx512emu

package vectormath

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

//go:build avx512emu

package gemm

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

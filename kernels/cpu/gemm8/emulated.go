//go:build avx512emu

package gemm8

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

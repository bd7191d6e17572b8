//go:build avx512emu

package pool

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

//go:build avx512emu

package linear

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

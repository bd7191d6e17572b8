//go:build avx512emu

package quantize

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

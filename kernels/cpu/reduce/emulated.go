//go:build avx512emu

package reduce

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

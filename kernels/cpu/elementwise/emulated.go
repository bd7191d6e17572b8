//go:build avx512emu

package elementwise

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

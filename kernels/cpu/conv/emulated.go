//go:build avx512emu

package conv

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

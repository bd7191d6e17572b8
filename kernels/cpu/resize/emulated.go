//go:build avx512emu

package resize

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

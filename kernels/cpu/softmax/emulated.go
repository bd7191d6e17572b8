//go:build avx512emu

package softmax

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

//go:build avx512emu

package movement

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

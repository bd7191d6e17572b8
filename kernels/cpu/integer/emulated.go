//go:build avx512emu

package integer

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

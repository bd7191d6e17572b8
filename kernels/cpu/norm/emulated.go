//go:build avx512emu

package norm

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

//go:build avx512emu

package lstm

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

//go:build avx512emu

package trees

// #cgo CFLAGS: -DINFERD_EMULATE_AVX512
import "C"

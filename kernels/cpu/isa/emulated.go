//go:build avx512emu

package isa

// emulatedAVX512 is true in test builds that run the AVX-512 kernels through SIMDe on a host without AVX-512.
const emulatedAVX512 = true

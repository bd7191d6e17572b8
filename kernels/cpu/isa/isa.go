// Package isa chooses the instruction set that the CPU kernels use, once per process.
//
// In: CPUID and XGETBV (through golang.org/x/sys/cpu) and the environment variable INFERD_ISA. Out: one Level.
package isa

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/cpu"
)

// Level is an instruction set for which every kernel has a variant.
type Level int

// The levels, from the baseline to the widest.
const (
	Scalar Level = iota // four lanes, SSE2
	AVX2                // eight lanes, AVX2 and FMA
	AVX512              // sixteen lanes, AVX-512 F, BW, DQ and VL
)

// Environment is the variable that forces a level: scalar, avx2 or avx512; empty means automatic.
const Environment = "INFERD_ISA"

var names = [...]string{"scalar", "avx2", "avx512"}

// String returns the name that INFERD_ISA accepts for the level.
func (l Level) String() string { return names[l] }

// Lanes is the number of 32-bit lanes of the level's vectors.
func (l Level) Lanes() int { return 4 << l }

// Supported reports whether this processor and operating system run the level.
func Supported(l Level) bool {
	switch l {
	case AVX512:
		return emulatedAVX512 || cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && Supported(AVX2)
	case AVX2:
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT
	}
	return true
}

// SupportedDotProducts reports whether this processor multiplies and adds bytes in one instruction at the level AVX512 (AVX-512 VNNI).
func SupportedDotProducts() bool {
	return (emulatedAVX512 || cpu.X86.HasAVX512VNNI) && Supported(AVX512)
}

// Choose returns the level that the value of INFERD_ISA asks for, or the widest supported one where it is empty.
// It fails where the value is unknown or the processor cannot run it.
func Choose(forced string) (Level, error) {
	if forced == "" {
		for l := AVX512; l > Scalar; l-- {
			if Supported(l) && !(l == AVX512 && emulatedAVX512) {
				return l, nil
			}
		}
		return Scalar, nil
	}
	for i, name := range names {
		if name != forced {
			continue
		}
		if l := Level(i); !Supported(l) {
			return Scalar, fmt.Errorf("%s=%s: this processor or its operating system does not support %s", Environment, forced, forced)
		}
		return Level(i), nil
	}
	return Scalar, fmt.Errorf("%s=%q: unknown instruction set, want scalar, avx2 or avx512", Environment, forced)
}

// Current returns the level chosen from the environment at the first call. Callers that start a process check the error
// once, before anything is planned.
var Current = sync.OnceValues(func() (Level, error) { return Choose(os.Getenv(Environment)) })

package emulation

// #include <stdlib.h>
import "C"

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
)

const (
	guardBytes = 256
	guardByte  = 0xc7
)

// Buffer is memory for a kernel, between guards that show when a kernel writes beyond it.
type Buffer struct {
	memory unsafe.Pointer
	size   int
}

// NewBuffer returns a copy of the content, aligned to 256 bytes plus the given offset. When the test ends its guards must be whole.
func NewBuffer(t testing.TB, content []byte, offset int) *Buffer {
	t.Helper()
	block := C.aligned_alloc(256, C.size_t((2*guardBytes+offset+len(content)+255)&^255))
	if block == nil {
		t.Fatal("out of memory")
	}
	whole := unsafe.Slice((*byte)(block), 2*guardBytes+offset+len(content))
	for i := range whole {
		whole[i] = guardByte
	}
	copy(whole[guardBytes+offset:], content)
	t.Cleanup(func() {
		before, behind := whole[:guardBytes+offset], whole[guardBytes+offset+len(content):]
		if bytes.Count(before, []byte{guardByte}) != len(before) || bytes.Count(behind, []byte{guardByte}) != len(behind) {
			t.Errorf("a kernel wrote outside of a buffer of %d bytes", len(content))
		}
		C.free(block)
	})
	return &Buffer{unsafe.Add(block, guardBytes+offset), len(content)}
}

// Operand is the buffer's place as an absolute operand.
func (b *Buffer) Operand() step.Operand { return step.Absolute(b.memory) }

// Bytes views the content.
func (b *Buffer) Bytes() []byte { return unsafe.Slice((*byte)(b.memory), b.size) }

// Encode rounds values to the type and returns their bytes.
func Encode(t cuda.Type, values []float64) []byte {
	var out []byte
	for _, v := range values {
		switch t {
		case cuda.Float32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		case cuda.Float16:
			out = binary.LittleEndian.AppendUint16(out, halfBits(v))
		case cuda.BFloat16:
			bits := math.Float32bits(float32(v))
			if v != v {
				bits = 0x7fff0000
			} else {
				bits += 0x7fff + bits>>16&1
			}
			out = binary.LittleEndian.AppendUint16(out, uint16(bits>>16))
		case cuda.Int8, cuda.Uint8:
			out = append(out, byte(int64(v)))
		case cuda.Int32:
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(v)))
		case cuda.Int64:
			out = binary.LittleEndian.AppendUint64(out, uint64(int64(v)))
		default:
			panic(fmt.Sprintf("no encoding of %v", t))
		}
	}
	return out
}

// Decode returns the elements of a type as float64, which holds all but large int64 exactly.
func Decode(t cuda.Type, data []byte) []float64 {
	values := make([]float64, len(data)/int(t.Size()))
	for i := range values {
		at := data[i*int(t.Size()):]
		switch t {
		case cuda.Float32:
			values[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(at)))
		case cuda.Float16:
			values[i] = halfValue(binary.LittleEndian.Uint16(at))
		case cuda.BFloat16:
			values[i] = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(at)) << 16))
		case cuda.Int8:
			values[i] = float64(int8(at[0]))
		case cuda.Uint8:
			values[i] = float64(at[0])
		case cuda.Int32:
			values[i] = float64(int32(binary.LittleEndian.Uint32(at)))
		case cuda.Int64:
			values[i] = float64(int64(binary.LittleEndian.Uint64(at)))
		}
	}
	return values
}

// halfValue is the value of an IEEE 754 binary16.
func halfValue(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&31), float64(bits&0x3ff)
	if bits&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

// halfBits rounds to the nearest binary16, ties to even.
func halfBits(v float64) uint16 {
	if v != v {
		return 0x7fff
	}
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	if v >= 65520 {
		return sign | 0x7c00
	}
	_, exponent := math.Frexp(v)
	step := math.Ldexp(1, max(exponent-11, -24))
	rounded := math.RoundToEven(v/step) * step
	if rounded < math.Ldexp(1, -14) {
		return sign | uint16(rounded/math.Ldexp(1, -24))
	}
	fraction, exponent := math.Frexp(rounded)
	return sign | uint16(exponent+14)<<10 | uint16((fraction*2-1)*1024)
}

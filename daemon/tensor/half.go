package tensor

import "math"

// MaxFloat16 is the largest finite number of type Float16.
const MaxFloat16 = 65504

// FromFloat16 converts the bits of an IEEE 754 binary16 number.
func FromFloat16(bits uint16) float64 {
	sign, exponent, fraction := uint32(bits>>15)<<31, uint32(bits>>10&31), uint32(bits&1023)
	switch exponent {
	case 0: // zero or subnormal
		magnitude := float64(fraction) * 0x1p-24
		if sign != 0 {
			return math.Copysign(magnitude, -1)
		}
		return magnitude
	case 31:
		exponent = 255 - 112
	}
	return float64(math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13))
}

// ToFloat16 rounds to the nearest IEEE 754 binary16 number, ties to even.
func ToFloat16(x float64) uint16 {
	bits := math.Float64bits(x)
	sign, exponent := uint16(bits>>48&0x8000), int(bits>>52&0x7ff)-1023
	switch {
	case x != x:
		return sign | 0x7e00
	case exponent > 15:
		return sign | 0x7c00
	case exponent < -14: // subnormal or zero: count steps of the smallest one
		return sign | uint16(math.RoundToEven(math.Abs(x)*0x1p24))
	}
	// The ten bits that stay and, by a carry, the exponent round up together.
	half := uint64(exponent+15)<<10 | bits>>42&1023
	rest, middle := bits&(1<<42-1), uint64(1)<<41
	if rest > middle || rest == middle && half&1 != 0 {
		half++
	}
	return sign | uint16(half)
}

// FromBFloat16 converts the bits of a bfloat16 number: the upper half of a float32.
func FromBFloat16(bits uint16) float64 { return float64(math.Float32frombits(uint32(bits) << 16)) }

// ToBFloat16 rounds to the nearest bfloat16 number, ties to even.
func ToBFloat16(x float64) uint16 {
	bits := math.Float32bits(float32(x))
	if math.IsNaN(x) {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// Convert returns the elements of a floating-point tensor rounded to another floating-point type.
func Convert(t *Tensor, to DType) *Tensor {
	if t.DType == to {
		return t
	}
	out := New(to, t.Shape...)
	switch to {
	case Float16:
		fill(out, t, ToFloat16)
	case BFloat16:
		fill(out, t, ToBFloat16)
	case Float64:
		fill(out, t, func(x float64) float64 { return x })
	default:
		fill(out, t, func(x float64) float32 { return float32(x) })
	}
	return out
}

// fill sets the elements of a tensor from those of another.
func fill[T uint16 | float32 | float64](out, in *Tensor, round func(float64) T) {
	to := Slice[T](out)
	switch in.DType {
	case Float16:
		each(to, Slice[uint16](in), func(x uint16) T { return round(FromFloat16(x)) })
	case BFloat16:
		each(to, Slice[uint16](in), func(x uint16) T { return round(FromBFloat16(x)) })
	case Float64:
		each(to, Slice[float64](in), round)
	default:
		each(to, Slice[float32](in), func(x float32) T { return round(float64(x)) })
	}
}

func each[To, From any](to []To, from []From, convert func(From) To) {
	for i, x := range from {
		to[i] = convert(x)
	}
}

package tensor

import (
	"math"
	"testing"
)

// TestHalvesSurviveTheWayThroughFloat64 goes through all 65,536 patterns of both types.
func TestHalvesSurviveTheWayThroughFloat64(t *testing.T) {
	for bits := range 1 << 16 {
		half := uint16(bits)
		if x := FromFloat16(half); !math.IsNaN(x) && ToFloat16(x) != half {
			t.Fatalf("float16 %#04x is %v, which is %#04x", half, x, ToFloat16(x))
		} else if math.IsNaN(x) && !math.IsNaN(FromFloat16(ToFloat16(x))) {
			t.Fatalf("float16 %#04x is no NaN any more", half)
		}
		if x := FromBFloat16(half); !math.IsNaN(x) && ToBFloat16(x) != half {
			t.Fatalf("bfloat16 %#04x is %v, which is %#04x", half, x, ToBFloat16(x))
		} else if math.IsNaN(x) && !math.IsNaN(FromBFloat16(ToBFloat16(x))) {
			t.Fatalf("bfloat16 %#04x is no NaN any more", half)
		}
	}
}

func TestHalvesRoundToNearestEven(t *testing.T) {
	for _, c := range []struct {
		x            float64
		half, bfloat uint16
	}{
		{1, 0x3c00, 0x3f80}, {-2, 0xc000, 0xc000}, {MaxFloat16, 0x7bff, 0x4780}, {65519, 0x7bff, 0x4780}, {65520, 0x7c00, 0x4780},
		{1 + 1.0/2048, 0x3c00, 0x3f80}, {1 + 3.0/2048, 0x3c02, 0x3f80}, {math.Ldexp(1, -25), 0, 0x3300}, {math.Ldexp(3, -26), 1, 0x3340},
		{1e39, 0x7c00, 0x7f80}, {math.Inf(-1), 0xfc00, 0xff80},
	} {
		if got := ToFloat16(c.x); got != c.half {
			t.Errorf("%v as float16 is %#04x, want %#04x", c.x, got, c.half)
		}
		if got := ToBFloat16(c.x); got != c.bfloat {
			t.Errorf("%v as bfloat16 is %#04x, want %#04x", c.x, got, c.bfloat)
		}
	}
}

func TestConvert(t *testing.T) {
	whole := FromSlice([]float32{0, -1.5, 70000, float32(math.Inf(-1))}, 2, 2)
	for _, to := range []DType{Float16, BFloat16, Float64} {
		back := Slice[float32](Convert(Convert(whole, to), Float32))
		for i, want := range Slice[float32](whole) {
			if to == Float16 && i == 2 {
				want = float32(math.Inf(1))
			}
			if math.Abs(float64(back[i]-want)) > math.Abs(float64(want))/200 {
				t.Errorf("%v by way of %v is %v", want, to, back[i])
			}
		}
	}
}

package emulation

import (
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
)

// Tolerance is how far a kernel may be from what float64 gives, relative to the larger of the value and Scale.
type Tolerance struct{ Relative, Scale float64 }

// Rounding is the tolerance of a kernel that computes in float32 and rounds its result once to the type.
func Rounding(t cuda.Type) Tolerance {
	switch t {
	case cuda.Float16:
		return Tolerance{Relative: 1e-3, Scale: 1e-4}
	case cuda.BFloat16:
		return Tolerance{Relative: 8e-3, Scale: 1e-6}
	case cuda.Float32:
		return Tolerance{Relative: 1e-5, Scale: 1e-6}
	}
	return Tolerance{}
}

// Compare holds the elements in a buffer to the wanted values; NaN equals NaN.
func Compare(t testing.TB, what string, typ cuda.Type, got []byte, want []float64, tolerance Tolerance) {
	t.Helper()
	values := Decode(typ, got)
	if len(values) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(values), len(want))
		return
	}
	for i, v := range values {
		limit := tolerance.Relative * math.Max(math.Abs(want[i]), tolerance.Scale)
		if same := v == want[i] || v != v && want[i] != want[i]; !same && !(math.Abs(v-want[i]) <= limit) {
			t.Errorf("%s: element %d is %v, want %v", what, i, v, want[i])
			return
		}
	}
}

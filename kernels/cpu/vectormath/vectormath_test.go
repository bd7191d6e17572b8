package vectormath

import (
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

const smallestNormal = 0x1p-126

// every calls use with one in `step` of all float32 values, infinities and NaN included, in chunks.
func every(step uint32, use func(in, out []float32)) {
	const chunk = 4093 // not a multiple of any vector
	in, out := make([]float32, 0, chunk), make([]float32, chunk)
	for bits := uint64(0); bits < 1<<32; bits += uint64(step) {
		in = append(in, math.Float32frombits(uint32(bits)))
		if len(in) == chunk {
			use(in, out)
			in = in[:0]
		}
	}
	use(in, out[:len(in)])
}

// ulps returns how many units in the last place got is away from want. What is below the smallest normal number may be zero.
func ulps(got float32, want float64) float64 {
	switch rounded := float32(want); {
	case math.IsNaN(want) || math.IsNaN(float64(got)):
		if math.IsNaN(want) != math.IsNaN(float64(got)) {
			return math.Inf(1)
		}
		return 0
	case math.IsInf(float64(rounded), 0) || math.IsInf(float64(got), 0):
		if got != rounded {
			return math.Inf(1)
		}
		return 0
	case math.Abs(want) < smallestNormal:
		if math.Abs(float64(got)) > smallestNormal {
			return math.Inf(1)
		}
		return 0
	}
	_, exponent := math.Frexp(want)
	return math.Abs(float64(got)-want) / math.Ldexp(1, exponent-24)
}

func onEachLevel(t *testing.T, test func(t *testing.T, level isa.Level)) {
	for _, level := range []isa.Level{isa.Scalar, isa.AVX2, isa.AVX512} {
		t.Run(level.String(), func(t *testing.T) {
			if !isa.Supported(level) {
				t.Skipf("this processor does not run %v", level)
			}
			test(t, level)
		})
	}
}

func TestFunctions(t *testing.T) {
	functions := []struct {
		name     string
		function Function
		want     func(float64) float64
		limit    float64 // with fused multiply-add
	}{
		{"exp", Exp, math.Exp, 1},
		{"log", Log, math.Log, 1},
		{"erf", Erf, math.Erf, 1},
		{"tanh", Tanh, math.Tanh, 5},
		{"sigmoid", Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 3},
	}
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		for _, f := range functions {
			limit, worst, at := f.limit, 0.0, float32(0)
			if level == isa.Scalar {
				limit += 2
			}
			every(4999, func(in, out []float32) {
				Apply(level, f.function, in, out)
				for i, x := range in {
					if u := ulps(out[i], f.want(float64(x))); u > worst {
						worst, at = u, x
					}
				}
			})
			if worst > limit || worst == 0 {
				t.Errorf("%s is %.2f ulp off at %g, want at most %g", f.name, worst, at, limit)
			}
		}
	})
}

func TestActivations(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		for kind := range activation.Kind(activation.Kinds) {
			a := activation.Activation{Kind: kind, P0: 0.125, P1: 0.5}
			worst, at := 0.0, float32(0)
			every(9973, func(in, out []float32) {
				Activate(level, a, in, out)
				for i, x := range in {
					want, got := a.At(float64(x)), float64(out[i])
					difference := math.Abs(got - want)
					if math.IsNaN(want) && math.IsNaN(got) || float32(want) == out[i] {
						continue
					}
					if e := difference / (1 + math.Abs(want)); !(e <= worst) {
						worst, at = e, x
					}
				}
			})
			if !(worst <= 3e-7) {
				t.Errorf("%v is off by %g at %g", kind, worst, at)
			}
		}
	})
}

func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		for _, c := range []struct {
			function Function
			in, want float32
		}{
			{Exp, inf, inf}, {Exp, -inf, 0}, {Exp, nan, nan}, {Exp, 0, 1}, {Exp, -1e30, 0}, {Exp, 1e30, inf}, {Exp, -100, 0},
			{Log, inf, inf}, {Log, 0, -inf}, {Log, -1, nan}, {Log, -inf, nan}, {Log, nan, nan}, {Log, 1, 0},
			{Erf, inf, 1}, {Erf, -inf, -1}, {Erf, nan, nan}, {Erf, 0, 0}, {Tanh, inf, 1}, {Tanh, -inf, -1}, {Tanh, nan, nan},
			{Sigmoid, inf, 1}, {Sigmoid, -inf, 0}, {Sigmoid, nan, nan}, {Sigmoid, 0, 0.5},
			{Log, math.SmallestNonzeroFloat32, -103.27893},
		} {
			out := []float32{0}
			Apply(level, c.function, []float32{c.in}, out)
			if out[0] != c.want && !(out[0] != out[0] && c.want != c.want) {
				t.Errorf("function %d of %g is %g, want %g", c.function, c.in, out[0], c.want)
			}
		}
	})
}

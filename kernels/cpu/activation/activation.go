// Package activation names the activations that CPU kernels fuse into their epilogue.
//
// In: what the compiler fused. Out: the numbers that kernels/cpu/abi/activation.h switches on, and a float64 definition
// of each for tests. Pure Go; it imports nothing of this module.
package activation

import "math"

// Kind is a fused activation. The values are those of enum INFERD_ACTIVATION_* in C.
type Kind int32

// The activations.
const (
	None        Kind = 0
	Relu        Kind = 1
	Clip        Kind = 2 // P0 = minimum, P1 = maximum
	Sigmoid     Kind = 3
	Tanh        Kind = 4
	HardSigmoid Kind = 5 // max(0, min(1, P0 x + P1))
	HardSwish   Kind = 6 // x max(0, min(1, x/6 + 1/2))
	GELU        Kind = 7 // x/2 (1 + erf(x / sqrt 2))
	GELUTanh    Kind = 8 // the approximation by tanh
	SiLU        Kind = 9 // x sigmoid(x)
	LeakyRelu   Kind = 10
)

// Kinds is the number of activations, None included.
const Kinds = 11

var names = [Kinds]string{"none", "relu", "clip", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "gelu", "gelu_tanh", "silu", "leaky_relu"}

// String returns the name of the activation.
func (k Kind) String() string {
	if k < 0 || k >= Kinds {
		return "unknown"
	}
	return names[k]
}

// Activation is an activation with its parameters; the zero value does nothing.
type Activation struct {
	Kind   Kind
	P0, P1 float32
}

// At returns the activation's value at x in float64: the definition that kernels are tested against.
func (a Activation) At(x float64) float64 {
	p0, p1 := float64(a.P0), float64(a.P1)
	sigmoid := func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	switch a.Kind {
	case Relu:
		return math.Max(x, 0)
	case Clip:
		return math.Min(math.Max(x, p0), p1)
	case Sigmoid:
		return sigmoid(x)
	case Tanh:
		return math.Tanh(x)
	case HardSigmoid:
		return math.Max(0, math.Min(1, p0*x+p1))
	case HardSwish:
		return math.Max(x, -math.MaxFloat64) * math.Max(0, math.Min(1, x/6+0.5))
	case GELU:
		return 0.5 * math.Max(x, -math.MaxFloat64) * math.Erfc(-x/math.Sqrt2)
	case GELUTanh:
		return math.Max(x, -math.MaxFloat64) * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))
	case SiLU:
		return math.Max(x, -math.MaxFloat64) * sigmoid(x)
	case LeakyRelu:
		if x < 0 {
			return p0 * x
		}
	}
	return x
}

package reference

import (
	"math"

	"github.com/inferd/inferd/daemon/tensor"
)

// unary applies a function of float64 to every element.
func unary(f func(x float64) float64) operator {
	return parametric(0, 0, func(_, _ float64) func(float64) float64 { return f })
}

// parametric applies a function that depends on the attributes alpha and beta.
func parametric(alpha, beta float32, make func(alpha, beta float64) func(float64) float64) operator {
	return func(c *call) []*tensor.Tensor {
		in := c.in(0)
		f := make(float64(c.Float("alpha", alpha)), float64(c.Float("beta", beta)))
		values := floats(in)
		for i, x := range values {
			values[i] = f(x)
		}
		return one(fromFloats(in.DType, in.Shape, values))
	}
}

// signed applies one of two functions that agree on integers; 64-bit integers do not fit a float64.
func signed(float func(x float64) float64, integer func(x int64) int64) operator {
	return func(c *call) []*tensor.Tensor {
		in := c.in(0)
		if in.DType.IsFloat() {
			return unary(float)(c)
		}
		values := integers(in)
		if in.DType != tensor.Uint64 {
			for i, x := range values {
				values[i] = integer(x)
			}
		}
		return one(fromIntegers(in.DType, in.Shape, values))
	}
}

func negate(x float64) float64 { return -x }

func absoluteInteger(x int64) int64 { return max(x, -x) }

func relu(x float64) float64 { return max(x, 0) }

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // zero or NaN
}

func reciprocal(x float64) float64 { return 1 / x }

// sigmoid never computes exp of a positive number, which would overflow.
func sigmoid(x float64) float64 {
	e := math.Exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func softsign(x float64) float64 { return x / (1 + math.Abs(x)) }

func mish(x float64) float64 { return x * math.Tanh(softplus(x)) }

func hardSwish(x float64) float64 { return x * clamp(x/6+0.5) }

// clamp bounds x to [0, 1].
func clamp(x float64) float64 { return min(max(x, 0), 1) }

func hardSigmoid(alpha, beta float64) func(float64) float64 {
	return func(x float64) float64 { return clamp(alpha*x + beta) }
}

func leakyRelu(alpha, _ float64) func(float64) float64 {
	return func(x float64) float64 {
		if x < 0 {
			return alpha * x
		}
		return x
	}
}

func elu(alpha, _ float64) func(float64) float64 {
	return func(x float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	}
}

func celu(alpha, _ float64) func(float64) float64 {
	return func(x float64) float64 { return max(x, 0) + min(alpha*math.Expm1(x/alpha), 0) }
}

func thresholdedRelu(alpha, _ float64) func(float64) float64 {
	return func(x float64) float64 {
		if x > alpha {
			return x
		}
		return 0
	}
}

func swish(alpha, _ float64) func(float64) float64 {
	return func(x float64) float64 { return x * sigmoid(alpha*x) }
}

func selu(c *call) []*tensor.Tensor {
	gamma := float64(c.Float("gamma", 1.05070102214813232421875))
	return parametric(1.67326319217681884765625, 0, func(alpha, beta float64) func(float64) float64 {
		inner := elu(alpha, beta)
		return func(x float64) float64 { return gamma * inner(x) }
	})(c)
}

func shrink(c *call) []*tensor.Tensor {
	bias, lambda := float64(c.Float("bias", 0)), float64(c.Float("lambd", 0.5))
	return unary(func(x float64) float64 {
		switch {
		case x < -lambda:
			return x + bias
		case x > lambda:
			return x - bias
		}
		return 0
	})(c)
}

func gelu(c *call) []*tensor.Tensor {
	if c.Text("approximate", "none") == "tanh" {
		return unary(func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		})(c)
	}
	return unary(func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) })(c)
}

// identity also serves inference-time Dropout, whose mask keeps everything.
func identity(c *call) []*tensor.Tensor { return one(c.in(0)) }

func dropout(c *call) []*tensor.Tensor {
	if mode := c.optional(2); mode != nil && tensor.Slice[bool](mode)[0] {
		fail("training mode is not supported")
	}
	mask := newTensor(tensor.Bool, c.in(0).Shape)
	for i := range mask.Data {
		mask.Data[i] = 1
	}
	return []*tensor.Tensor{c.in(0), mask}
}

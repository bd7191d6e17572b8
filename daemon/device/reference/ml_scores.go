package reference

import (
	"math"
	"slices"
)

// The post transforms of ai.onnx.ml leave details open; these are onnxruntime's.

// postTransform changes one row of scores in place by the attribute post_transform. Of a single score only the probit is taken.
func postTransform(kind string, scores []float64) {
	if len(scores) == 1 && kind != "PROBIT" {
		return
	}
	switch kind {
	case "", "NONE":
	case "LOGISTIC":
		for i, x := range scores {
			scores[i] = sigmoid(x)
		}
	case "SOFTMAX":
		softmax(scores)
	case "SOFTMAX_ZERO":
		softmaxZero(scores)
	case "PROBIT":
		for i, x := range scores {
			scores[i] = probit(x)
		}
	default:
		fail("unknown post_transform %q", kind)
	}
}

// softmaxZero keeps scores of zero out of the sum and near zero.
func softmaxZero(scores []float64) {
	const zero = 1e-7
	largest, sum := slices.Max(scores), 0.0
	for i, x := range scores {
		if math.Abs(x) > zero {
			scores[i] = math.Exp(x - largest)
			sum += scores[i]
		} else {
			scores[i] = x * math.Exp(-largest)
		}
	}
	for i := range scores {
		if sum != 0 {
			scores[i] /= sum
		}
	}
}

// probit is the inverse of the normal distribution by Winitzki's approximation of the inverse error function.
func probit(p float64) float64 {
	x := 2*p - 1
	logarithm := math.Log((1 - x) * (1 + x))
	half := 2/(math.Pi*0.147) + 0.5*logarithm
	return math.Sqrt2 * math.Copysign(math.Sqrt(-half+math.Sqrt(half*half-logarithm/0.147)), x)
}

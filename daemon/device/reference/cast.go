package reference

import (
	"math"
	"strconv"
	"strings"

	"github.com/inferd/inferd/daemon/tensor"
)

// cast converts to the type of attribute "to".
func cast(c *call) []*tensor.Tensor {
	return one(castTo(c.in(0), tensor.DType(c.Int("to", 0))))
}

// castLike converts to the type of input 1.
func castLike(c *call) []*tensor.Tensor { return one(castTo(c.in(0), c.in(1).DType)) }

func castTo(in *tensor.Tensor, to tensor.DType) *tensor.Tensor {
	switch {
	case in.DType == to:
		return in
	case to == tensor.String:
		return toStrings(in)
	case in.DType == tensor.String:
		return fromStrings(in, to)
	case in.DType.IsFloat() || in.DType == tensor.Uint64:
		if in.DType == tensor.Uint64 && to == tensor.Int64 {
			return fromIntegers(to, in.Shape, integers(in))
		}
		return fromFloats(to, in.Shape, floats(in))
	}
	return fromIntegers(to, in.Shape, integers(in))
}

func toStrings(in *tensor.Tensor) *tensor.Tensor {
	out := newTensor(tensor.String, in.Shape)
	switch {
	case in.DType.IsFloat():
		bits := 32
		if in.DType == tensor.Float64 {
			bits = 64
		}
		for i, x := range floats(in) {
			out.Strings[i] = formatFloat(x, bits)
		}
	case in.DType == tensor.Uint64:
		for i, x := range tensor.Slice[uint64](in) {
			out.Strings[i] = strconv.FormatUint(x, 10)
		}
	default:
		for i, x := range integers(in) {
			out.Strings[i] = strconv.FormatInt(x, 10)
		}
	}
	return out
}

// formatFloat prints as C's %.8g (%.17g for float64) does, which is what onnxruntime gives.
func formatFloat(x float64, bits int) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "INF"
	case math.IsInf(x, -1):
		return "-INF"
	}
	precision := 8
	if bits == 64 {
		precision = 17
	}
	text := strconv.FormatFloat(x, 'g', precision, 64)
	mantissa, exponent, scientific := strings.Cut(text, "e")
	if strings.Contains(mantissa, ".") {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	if scientific {
		return mantissa + "e" + exponent
	}
	return mantissa
}

func fromStrings(in *tensor.Tensor, to tensor.DType) *tensor.Tensor {
	if to.IsFloat() {
		values := make([]float64, len(in.Strings))
		for i, text := range in.Strings {
			x, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil && !math.IsInf(x, 0) {
				fail("element %d is no number: %w", i, err)
			}
			values[i] = x
		}
		return fromFloats(to, in.Shape, values)
	}
	values := make([]int64, len(in.Strings))
	for i, text := range in.Strings {
		x, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		if err != nil {
			fail("element %d is no integer: %w", i, err)
		}
		values[i] = x
	}
	return fromIntegers(to, in.Shape, values)
}

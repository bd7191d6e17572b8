package cuda_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

var integerTypes = []cuda.Type{cuda.Int8, cuda.Uint8, cuda.Int32, cuda.Int64}

// int64Bytes encodes integers of which float64 would lose digits.
func int64Bytes(values []int64) (all []byte) {
	for _, v := range values {
		all = binary.LittleEndian.AppendUint64(all, uint64(v))
	}
	return all
}

// TestElementwiseInt64 holds int64 arithmetic to Go's, digit by digit: sums wrap around, a division by zero gives zero.
func TestElementwiseInt64(t *testing.T) {
	library := emulation.Open(t)
	x := []int64{math.MaxInt64, math.MinInt64, math.MinInt64, 1 << 62, 1<<53 + 1, -7, 7, -7, 7, 0, 12345678901234567}
	y := []int64{1, -1, 1, 3, 1<<53 + 2, 2, -2, -2, 2, 0, 0}
	divide := func(a, b int64) int64 {
		if b == 0 {
			return 0
		}
		return a / b
	}
	for name, f := range map[string]func(a, b int64) int64{
		"Add": func(a, b int64) int64 { return a + b }, "Sub": func(a, b int64) int64 { return a - b }, "Mul": func(a, b int64) int64 { return a * b },
		"Div": divide, "Remainder": func(a, b int64) int64 { return a - divide(a, b)*b }, "Min": func(a, b int64) int64 { return min(a, b) },
		"Max": func(a, b int64) int64 { return max(a, b) }, "BitwiseXor": func(a, b int64) int64 { return a ^ b },
		"Mod": func(a, b int64) int64 {
			if b == 0 {
				return 0
			}
			return (a%b + b) % b
		},
	} {
		if name == "Mod" || name == "Remainder" { // by zero it is zero
			x, y = x[:9], y[:9]
		}
		a, b := emulation.NewBuffer(t, int64Bytes(x), 8), emulation.NewBuffer(t, int64Bytes(y), 0)
		z := emulation.NewBuffer(t, make([]byte, len(a.Bytes())), 0)
		want := make([]int64, len(x))
		for i := range want {
			want[i] = f(x[i], y[i])
		}
		launches, err := cuda.Elementwise{
			Dims: []int64{int64(len(x))}, Instructions: []cuda.ElementwiseInstruction{{Op: name, Args: []int{0, 1}}}, Output: z.Operand(),
			Inputs: []cuda.ElementwiseInput{{Type: cuda.Int64, Strides: []int64{1}, X: a.Operand()}, {Type: cuda.Int64, Strides: []int64{1}, X: b.Operand()}},
		}.Plan()
		runAll(t, library, launches, err)
		if !bytes.Equal(z.Bytes(), int64Bytes(want)) {
			t.Errorf("%s: %v, want %v", name, z.Bytes(), int64Bytes(want))
		}
	}
}

// wrap is what a value becomes in an integer type.
func wrap(typ cuda.Type, x int64) float64 {
	switch typ {
	case cuda.Int8:
		return float64(int8(x))
	case cuda.Uint8:
		return float64(uint8(x))
	case cuda.Int32:
		return float64(int32(x))
	}
	return float64(x)
}

// TestElementwiseIntegers runs every integer operator on every integer type.
func TestElementwiseIntegers(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range integerTypes {
		x, y := make([]float64, 300), make([]float64, 300)
		for i := range x {
			x[i], y[i] = wrap(typ, int64(i*37-4000)), wrap(typ, int64(i%29-14))
		}
		x[0], x[1] = wrap(typ, 127), wrap(typ, math.MaxInt32)
		for name, f := range map[string]func(a, b int64) float64{
			"Add": func(a, b int64) float64 { return wrap(typ, a+b) }, "Sub": func(a, b int64) float64 { return wrap(typ, a-b) },
			"Mul": func(a, b int64) float64 { return wrap(typ, a*b) }, "Max": func(a, b int64) float64 { return float64(max(a, b)) },
			"Less": func(a, b int64) float64 { return truth(a < b) }, "GreaterOrEqual": func(a, b int64) float64 { return truth(a >= b) },
			"Equal": func(a, b int64) float64 { return truth(a == b) }, "BitwiseAnd": func(a, b int64) float64 { return wrap(typ, a&b) },
			"Abs": func(a, _ int64) float64 { return wrap(typ, max(a, -a)) }, "Neg": func(a, _ int64) float64 { return wrap(typ, -a) },
		} {
			want, output := make([]float64, len(x)), typ
			for i := range x {
				want[i] = f(int64(x[i]), int64(y[i]))
			}
			in := cuda.ElementwiseInstruction{Op: name, Args: []int{0, 1}}
			switch name {
			case "Less", "GreaterOrEqual", "Equal":
				output = cuda.Uint8
			case "Abs", "Neg":
				in.Args = in.Args[:1]
			}
			dims := []int64{300}
			got, _ := runElementwise(t, library, dims, output, []cuda.ElementwiseInstruction{in}, 0,
				tensorInput{Type: typ, Shape: dims, Values: x}, tensorInput{Type: typ, Shape: dims, Values: y})
			emulation.Compare(t, fmt.Sprintf("%s %v", name, typ), output, got, want, emulation.Tolerance{})
		}
	}
}

// elementType is a type as Cast knows it.
type elementType struct {
	Type cuda.Type
	Bool bool
}

// TestElementwiseCast converts numbers, those out of range too, among all types.
func TestElementwiseCast(t *testing.T) {
	library := emulation.Open(t)
	all := []elementType{{cuda.Uint8, true}}
	for _, typ := range append(append([]cuda.Type{}, floatTypes...), integerTypes...) {
		all = append(all, elementType{typ, false})
	}
	numbers := []float64{0, 1, 2, 3, 100, 127, -1, -2.75, 2.75, 0.25, -128, 255, 256, 300, 40000, -40000, 5e9, -5e9, 0.5, 1.5}
	for _, from := range all {
		values := make([]float64, len(numbers))
		for i, v := range numbers {
			switch {
			case from.Bool:
				values[i] = truth(v != 0)
			case from.Type.IsFloat():
				values[i] = emulation.Decode(from.Type, emulation.Encode(from.Type, []float64{v}))[0]
			default:
				values[i] = wrap(from.Type, int64(v))
			}
		}
		for _, to := range all {
			want := make([]float64, len(values))
			for i, v := range values {
				switch {
				case to.Bool:
					want[i] = truth(v != 0)
				case to.Type.IsFloat():
					want[i] = emulation.Decode(to.Type, emulation.Encode(to.Type, []float64{v}))[0]
				case math.IsInf(v, 0): // the smallest int64, wrapped
					want[i] = wrap(to.Type, math.MinInt64)
				default:
					want[i] = wrap(to.Type, int64(v))
				}
			}
			for _, offset := range []int{0, 1} {
				code := []cuda.ElementwiseInstruction{{Op: "Cast", Args: []int{0}, To: to.Type, ToBool: to.Bool}}
				dims := []int64{int64(len(values))}
				got, _ := runElementwise(t, library, dims, to.Type, code, offset, tensorInput{Type: from.Type, Bool: from.Bool, Shape: dims, Values: values})
				emulation.Compare(t, fmt.Sprintf("%v to %v", from, to), to.Type, got, want, emulation.Tolerance{})
			}
		}
	}
}

// TestElementwiseTruth runs the operators of bool; any byte but zero is true.
func TestElementwiseTruth(t *testing.T) {
	library := emulation.Open(t)
	x, y := []float64{0, 0, 1, 1, 2, 255, 0}, []float64{0, 1, 0, 1, 1, 2, 4}
	for name, f := range map[string]func(a, b bool) bool{
		"And": func(a, b bool) bool { return a && b }, "Or": func(a, b bool) bool { return a || b }, "Xor": func(a, b bool) bool { return a != b },
		"Equal": func(a, b bool) bool { return a == b }, "Not": func(a, _ bool) bool { return !a },
	} {
		want := make([]float64, len(x))
		for i := range x {
			want[i] = truth(f(x[i] != 0, y[i] != 0))
		}
		in := cuda.ElementwiseInstruction{Op: name, Args: []int{0, 1}}
		if name == "Not" {
			in.Args = in.Args[:1]
		}
		dims := []int64{int64(len(x))}
		got, _ := runElementwise(t, library, dims, cuda.Uint8, []cuda.ElementwiseInstruction{in}, 0,
			tensorInput{Type: cuda.Uint8, Bool: true, Shape: dims, Values: x}, tensorInput{Type: cuda.Uint8, Bool: true, Shape: dims, Values: y})
		emulation.Compare(t, name, cuda.Uint8, got, want, emulation.Tolerance{})
	}
}

// TestElementwiseWhere chooses between values of every type, which are not to be looked into.
func TestElementwiseWhere(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range append(append([]cuda.Type{}, floatTypes...), integerTypes...) {
		condition := tensorInput{Type: cuda.Uint8, Bool: true, Shape: []int64{3, 1}, Values: []float64{1, 0, 7}}
		x := tensorInput{Type: typ, Shape: []int64{3, 16}, Values: make([]float64, 48)}
		for i := range x.Values {
			x.Values[i] = wrap(typ, int64(i)-20)
		}
		y := tensorInput{Type: typ, Shape: []int64{}, Values: []float64{100}}
		want := append([]float64{}, x.Values...)
		for i := 16; i < 32; i++ {
			want[i] = 100
		}
		got, _ := runElementwise(t, library, []int64{3, 16}, typ, []cuda.ElementwiseInstruction{{Op: "Where", Args: []int{0, 1, 2}}}, 0, condition, x, y)
		emulation.Compare(t, typ.String(), typ, got, want, emulation.Tolerance{})
	}
}

// TestElementwiseRefusals: what there is no kernel for is refused, and nothing is wrong.
func TestElementwiseRefusals(t *testing.T) {
	dense := func(typ cuda.Type) cuda.ElementwiseInput {
		return cuda.ElementwiseInput{Type: typ, Strides: []int64{1}}
	}
	for name, e := range map[string]cuda.Elementwise{
		"an operator that is not known": {Inputs: []cuda.ElementwiseInput{dense(cuda.Float32)}, Instructions: []cuda.ElementwiseInstruction{{Op: "Einsum", Args: []int{0}}}},
		"a function of integers":        {Inputs: []cuda.ElementwiseInput{dense(cuda.Int32)}, Instructions: []cuda.ElementwiseInstruction{{Op: "Exp", Args: []int{0}}}},
		"types that differ":             {Inputs: []cuda.ElementwiseInput{dense(cuda.Int32), dense(cuda.Int64)}, Instructions: []cuda.ElementwiseInstruction{{Op: "Add", Args: []int{0, 1}}}},
		"a condition that is a number":  {Inputs: []cuda.ElementwiseInput{dense(cuda.Uint8), dense(cuda.Int64)}, Instructions: []cuda.ElementwiseInstruction{{Op: "Where", Args: []int{0, 1, 1}}}},
		"a function in a chain":         {Inputs: []cuda.ElementwiseInput{dense(cuda.Float32)}, Instructions: []cuda.ElementwiseInstruction{{Op: "Sin", Args: []int{0}}, {Op: "Neg", Args: []int{1}}}},
		"too many inputs":               {Inputs: make([]cuda.ElementwiseInput, 15), Instructions: []cuda.ElementwiseInstruction{{Op: "Neg", Args: []int{0}}}},
	} {
		e.Dims = []int64{4}
		_, err := e.Plan()
		var refused *cuda.UnsupportedError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := cuda.Elementwise{Dims: []int64{2, 4}, Instructions: []cuda.ElementwiseInstruction{{Op: "Add", Args: []int{0, 1}}}, Inputs: []cuda.ElementwiseInput{
		{Type: cuda.Float32, Strides: []int64{4, 1}}, {Type: cuda.Float32, Strides: []int64{0, 1}},
	}}
	if !e.InPlace(0) || e.InPlace(1) {
		t.Error("the output may be the memory of what has its layout, and of nothing else")
	}
}

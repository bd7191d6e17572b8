package cuda_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// tensorInput is an input of a chain with its content.
type tensorInput struct {
	Type   cuda.Type
	Bool   bool
	Shape  []int64
	Values []float64
}

// runElementwise runs a chain and returns the output's bytes and the kernels that ran. Every buffer begins offset elements behind an aligned address.
func runElementwise(
	t *testing.T, library *emulation.Library, dims []int64, output cuda.Type, code []cuda.ElementwiseInstruction, offset int, inputs ...tensorInput,
) ([]byte, string) {
	t.Helper()
	e := cuda.Elementwise{Dims: dims, Instructions: code}
	for _, in := range inputs {
		strides, ok := layout.Broadcast(in.Shape, dims)
		if !ok {
			t.Fatalf("%v does not broadcast to %v", in.Shape, dims)
		}
		x := emulation.NewBuffer(t, emulation.Encode(in.Type, in.Values), offset*int(in.Type.Size()))
		e.Inputs = append(e.Inputs, cuda.ElementwiseInput{Type: in.Type, Bool: in.Bool, Strides: strides, X: x.Operand()})
	}
	y := emulation.NewBuffer(t, make([]byte, layout.Size(dims)*output.Size()), offset*int(output.Size()))
	e.Output = y.Operand()
	launches, err := e.Plan()
	runAll(t, library, launches, err)
	var names []string
	for _, l := range launches {
		names = append(names, l.Kernel)
	}
	return y.Bytes(), strings.Join(names, " ")
}

// sameBits holds two results to each other. The bits of a NaN, of which a GPU has but one, are those that the host's processor makes.
func sameBits(t *testing.T, what string, typ cuda.Type, a, b []byte) {
	t.Helper()
	if !bytes.Equal(a, b) {
		emulation.Compare(t, what, typ, a, emulation.Decode(typ, b), emulation.Tolerance{})
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// largest is x held above -infinity, as the kernels have it where a factor becomes zero.
func largest(x float64) float64 { return max(x, -math.MaxFloat32) }

const testAlpha, testBeta = 0.25, 0.75

var unaryFunctions = map[string]func(x float64) float64{
	"Identity": func(x float64) float64 { return x },
	"Neg":      func(x float64) float64 { return -x },
	"Abs":      math.Abs,
	"Relu":     func(x float64) float64 { return max(x, 0) },
	"LeakyRelu": func(x float64) float64 {
		if x < 0 {
			return x * testAlpha
		}
		return x
	},
	"Sigmoid":     sigmoid,
	"Tanh":        math.Tanh,
	"Exp":         math.Exp,
	"Log":         math.Log,
	"Sqrt":        math.Sqrt,
	"Reciprocal":  func(x float64) float64 { return 1 / x },
	"Erf":         math.Erf,
	"Gelu":        func(x float64) float64 { return 0.5 * largest(x) * math.Erfc(-x/math.Sqrt2) },
	"GeluTanh":    func(x float64) float64 { return largest(x) * sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)) },
	"HardSwish":   func(x float64) float64 { return largest(x) * max(0, min(1, x/6+0.5)) },
	"HardSigmoid": func(x float64) float64 { return max(0, min(1, testAlpha*x+testBeta)) },
	"Clip":        func(x float64) float64 { return min(max(x, testAlpha), testBeta) },
	"Softplus":    func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
	"Elu": func(x float64) float64 {
		if x < 0 {
			return testAlpha * math.Expm1(x)
		}
		return x
	},
	"Silu":     func(x float64) float64 { return largest(x) * sigmoid(x) },
	"Floor":    math.Floor,
	"Ceil":     math.Ceil,
	"Round":    math.RoundToEven,
	"Softsign": func(x float64) float64 { return x / (1 + math.Abs(x)) },
	"Swish":    func(x float64) float64 { return largest(x) * sigmoid(testAlpha*x) },
	"Celu": func(x float64) float64 {
		if x < 0 {
			return testAlpha * math.Expm1(x/testAlpha)
		}
		return x
	},
	"Selu": func(x float64) float64 {
		if x < 0 {
			return testBeta * testAlpha * math.Expm1(x)
		}
		return testBeta * x
	},
	"ThresholdedRelu": func(x float64) float64 {
		if x > testAlpha {
			return x
		}
		return 0
	},
	"Sin": math.Sin, "Cos": math.Cos, "Tan": math.Tan, "Asin": math.Asin, "Acos": math.Acos, "Atan": math.Atan, "Sinh": math.Sinh, "Cosh": math.Cosh,
	"Asinh": math.Asinh, "Acosh": math.Acosh, "Atanh": math.Atanh,
	"Shrink": func(x float64) float64 {
		switch {
		case x < -testAlpha:
			return x + testBeta
		case x > testAlpha:
			return x - testBeta
		}
		return 0
	},
	"Mish": func(x float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) },
	"Sign": func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	},
}

// specialValues are put ahead of random ones.
var specialValues = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1, -1, 0.5, 1.5, 2.5, -0.75, 20, -20, 65504, -65504}

func specialAndRandom(typ cuda.Type, count int, seed uint64) []float64 {
	values := randomValues(typ, count, seed)
	for i := range values {
		values[i] *= 3
	}
	copy(values, specialValues)
	return emulation.Decode(typ, emulation.Encode(typ, values))
}

// TestElementwiseUnary holds every operator to float64, and the kernels of one operator to the interpreter, bit for bit.
func TestElementwiseUnary(t *testing.T) {
	library := emulation.Open(t)
	for _, typ := range floatTypes {
		for name, f := range unaryFunctions {
			for _, count := range []int{1, 7, 64, 2051} {
				values := specialAndRandom(typ, count, 11)
				want := make([]float64, count)
				for i, v := range values {
					want[i] = f(v)
				}
				want = emulation.Decode(typ, emulation.Encode(typ, want)) // what overflows is infinite
				code := []cuda.ElementwiseInstruction{{Op: name, Args: []int{0}, Alpha: testAlpha, Beta: testBeta}}
				in := tensorInput{Type: typ, Shape: []int64{int64(count)}, Values: values}
				what := fmt.Sprintf("%s %v %d", name, typ, count)
				aligned, _ := runElementwise(t, library, in.Shape, typ, code, 0, in)
				apart, kernel := runElementwise(t, library, in.Shape, typ, code, 1, in)
				emulation.Compare(t, what, typ, aligned, want, emulation.Tolerance{Relative: 3 * emulation.Rounding(typ).Relative, Scale: 2e-3})
				sameBits(t, what+" with unaligned buffers", typ, aligned, apart)
				if kernel != "elementwise_narrow" && !strings.HasPrefix(kernel, "function_") {
					t.Errorf("%s: unaligned buffers went to %s", what, kernel)
				}
			}
		}
	}
}

// TestGeluTail: where 1 + erf would cancel, the weight of the tail keeps its relative precision.
func TestGeluTail(t *testing.T) {
	library := emulation.Open(t)
	var values, want []float64
	for x := -12.5; x < 6; x += 1.0 / 64 {
		values, want = append(values, x), append(want, 0.5*x*math.Erfc(-x/math.Sqrt2))
	}
	dims := []int64{int64(len(values))}
	got, _ := runElementwise(t, library, dims, cuda.Float32, []cuda.ElementwiseInstruction{{Op: "Gelu", Args: []int{0}}}, 0,
		tensorInput{Type: cuda.Float32, Shape: dims, Values: values})
	emulation.Compare(t, "gelu", cuda.Float32, got, want, emulation.Tolerance{Relative: 1e-5})
}

var binaryFunctions = map[string]func(x, y float64) float64{
	"Add": func(x, y float64) float64 { return x + y },
	"Sub": func(x, y float64) float64 { return x - y },
	"Mul": func(x, y float64) float64 { return x * y },
	"Div": func(x, y float64) float64 { return x / y },
	"Min": func(x, y float64) float64 { return min(x, y) },
	"Max": func(x, y float64) float64 { return max(x, y) },
	"Pow": math.Pow,
	"PRelu": func(x, y float64) float64 {
		if x < 0 {
			return x * y
		}
		return x
	},
}

// broadcastPairs are shapes of two inputs, with what the layouts have special kernels or modes for.
var broadcastPairs = [][2][]int64{
	{{37}, {37}}, {{2048}, {2048}}, {{5, 64}, {64}}, {{5, 64}, {5, 1}}, {{5, 64}, {1}}, {{}, {5, 13}}, {{13}, {5, 13}}, {{5, 1}, {5, 13}},
	{{5, 1}, {1, 7}}, {{5, 1}, {1, 16}}, {{2, 3, 4, 5}, {3, 1, 5}}, {{2, 3, 4, 16}, {3, 1, 16}}, {{2, 1, 4, 1}, {1, 3, 1, 8}}, {{2, 1, 3, 1, 2, 1}, {1, 2, 1, 3, 1, 5}},
	{{1, 1}, {1, 1}}, {{0, 3}, {1, 3}}, {{2, 3, 4}, {2, 3, 1}}, {{3, 1, 8, 1, 8}, {1, 2, 8, 3, 1}}, {{1000}, {1, 1}},
}

// broadcastDims is the shape that inputs broadcast to.
func broadcastDims(shapes ...[]int64) []int64 {
	var dims []int64
	for _, shape := range shapes {
		for len(dims) < len(shape) {
			dims = append([]int64{1}, dims...)
		}
		for i, size := range shape {
			if d := len(dims) - len(shape) + i; size != 1 {
				dims[d] = size
			}
		}
	}
	return dims
}

// spread returns the values of a tensor at every element of dims.
func spread(shape, dims []int64, values []float64) []float64 {
	strides, _ := layout.Broadcast(shape, dims)
	all := make([]float64, layout.Size(dims))
	for i := range all {
		rest, at := int64(i), int64(0)
		for d := len(dims) - 1; d >= 0; d-- {
			at += rest % dims[d] * strides[d]
			rest /= dims[d]
		}
		all[i] = values[at]
	}
	return all
}

func TestElementwiseBroadcast(t *testing.T) {
	library := emulation.Open(t)
	kernels := map[string]int{}
	for _, typ := range floatTypes {
		for name, f := range binaryFunctions {
			for n, pair := range broadcastPairs {
				dims := broadcastDims(pair[0], pair[1])
				inputs := make([]tensorInput, 2)
				for i, shape := range pair {
					inputs[i] = tensorInput{Type: typ, Shape: shape, Values: specialAndRandom(typ, int(layout.Size(shape)), uint64(n+i))}
				}
				x, y := spread(pair[0], dims, inputs[0].Values), spread(pair[1], dims, inputs[1].Values)
				for i := range x {
					x[i] = f(x[i], y[i])
				}
				want := emulation.Decode(typ, emulation.Encode(typ, x))
				code := []cuda.ElementwiseInstruction{{Op: name, Args: []int{0, 1}}}
				what := fmt.Sprintf("%s %v %v", name, typ, pair)
				aligned, kernel := runElementwise(t, library, dims, typ, code, 0, inputs...)
				kernels[kernel]++
				emulation.Compare(t, what, typ, aligned, want, emulation.Rounding(typ))
				apart, _ := runElementwise(t, library, dims, typ, code, 1, inputs...)
				sameBits(t, what+" with unaligned buffers", typ, aligned, apart)
			}
		}
	}
	for _, kernel := range []string{"zip_f32", "zip_f16", "zip_bf16", "elementwise_narrow"} {
		if kernels[kernel] == 0 {
			t.Errorf("no case ran %s", kernel)
		}
	}
}

// TestElementwiseChains runs random chains: values that are read late, several times, or never, constants, conditions.
func TestElementwiseChains(t *testing.T) {
	library := emulation.Open(t)
	random := rand.New(rand.NewPCG(5, 6))
	for n := range 300 {
		c := randomChain(random)
		typ := floatTypes[n%3]
		dims := []int64{3, 1 + random.Int64N(9), 8 * (1 + random.Int64N(3))}
		e := cuda.Elementwise{Dims: dims, Instructions: c.code}
		values := make([][]float64, c.inputs)
		for i := range c.inputs {
			if i == 0 && typ == cuda.Float32 && n%2 == 0 {
				constant := float32(random.NormFloat64())
				e.Inputs = append(e.Inputs, cuda.ElementwiseInput{Type: typ, Constant: &constant})
				values[i] = spread(nil, dims, []float64{float64(constant)})
				continue
			}
			shape := append([]int64{}, dims...)
			for d := range shape {
				if random.IntN(3) == 0 {
					shape[d] = 1
				}
			}
			content := randomValues(typ, int(layout.Size(shape)), uint64(n*100+i))
			strides, _ := layout.Broadcast(shape, dims)
			x := emulation.NewBuffer(t, emulation.Encode(typ, content), n%5*int(typ.Size()))
			e.Inputs = append(e.Inputs, cuda.ElementwiseInput{Type: typ, Strides: strides, X: x.Operand()})
			values[i] = spread(shape, dims, content)
		}
		y := emulation.NewBuffer(t, make([]byte, layout.Size(dims)*typ.Size()), 0)
		e.Output = y.Operand()
		launches, err := e.Plan()
		runAll(t, library, launches, err)
		emulation.Compare(t, fmt.Sprintf("chain %d %+v", n, c.code), typ, y.Bytes(), c.evaluate(values),
			emulation.Tolerance{Relative: 4 * emulation.Rounding(typ).Relative, Scale: 1})
	}
}

type testChain struct {
	inputs int
	code   []cuda.ElementwiseInstruction
}

var chainable = []string{"Add", "Sub", "Mul", "Min", "Max", "Where", "Sigmoid", "Tanh", "Neg", "Relu", "Softsign", "Clip", "LeakyRelu", "Silu"}

func randomChain(random *rand.Rand) testChain {
	c := testChain{inputs: 1 + random.IntN(6)}
	var floats, bools []int // registers
	for i := range c.inputs {
		floats = append(floats, i)
	}
	pick := func() int { // often a late one
		if random.IntN(2) == 0 {
			return floats[len(floats)-1]
		}
		return floats[random.IntN(len(floats))]
	}
	for range 1 + random.IntN(14) {
		in := cuda.ElementwiseInstruction{Op: chainable[random.IntN(len(chainable))], Alpha: testAlpha, Beta: testBeta}
		switch in.Op {
		case "Where":
			if len(bools) == 0 || random.IntN(2) == 0 {
				test := []string{"Less", "GreaterOrEqual"}[random.IntN(2)]
				c.code = append(c.code, cuda.ElementwiseInstruction{Op: test, Args: []int{pick(), pick()}})
				bools = append(bools, c.inputs+len(c.code)-1)
			}
			in.Args = []int{bools[random.IntN(len(bools))], pick(), pick()}
		case "Add", "Sub", "Mul", "Min", "Max":
			in.Args = []int{pick(), pick()}
		default:
			in.Args = []int{pick()}
		}
		c.code = append(c.code, in)
		floats = append(floats, c.inputs+len(c.code)-1)
	}
	// What grows is bounded at the end, so that tolerances hold.
	c.code = append(c.code, cuda.ElementwiseInstruction{Op: "Tanh", Args: []int{floats[len(floats)-1]}})
	return c
}

// evaluate returns the output; every value is rounded to float32, so that comparisons come out as in the kernel.
func (c testChain) evaluate(values [][]float64) []float64 {
	registers := append([][]float64{}, values...)
	for _, in := range c.code {
		result := make([]float64, len(values[0]))
		for i := range result {
			at := func(k int) float64 { return registers[in.Args[k]][i] }
			switch {
			case in.Op == "Less":
				result[i] = truth(float32(at(0)) < float32(at(1)))
			case in.Op == "GreaterOrEqual":
				result[i] = truth(float32(at(0)) >= float32(at(1)))
			case in.Op == "Where" && at(0) != 0:
				result[i] = at(1)
			case in.Op == "Where":
				result[i] = at(2)
			case len(in.Args) == 2:
				result[i] = binaryFunctions[in.Op](at(0), at(1))
			default:
				result[i] = unaryFunctions[in.Op](at(0))
			}
			result[i] = float64(float32(result[i]))
		}
		registers = append(registers, result)
	}
	return registers[len(registers)-1]
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

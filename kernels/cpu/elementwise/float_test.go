package elementwise

import (
	"errors"
	"math"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// allocator returns memory that lives until the test ends.
func allocator(t testing.TB) Allocator {
	return func(bytes int) (unsafe.Pointer, error) {
		block, err := memory.Allocate(bytes)
		if err != nil {
			return nil, err
		}
		t.Cleanup(block.Free)
		return block.Pointer(), nil
	}
}

func mustPlan(t testing.TB, level isa.Level, chain Chain) step.Step {
	t.Helper()
	s, err := Plan(level, chain, allocator(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// broadcast returns the strides of shape over dims.
func broadcast(t testing.TB, shape, dims []int64) []int64 {
	t.Helper()
	strides, ok := layout.Broadcast(shape, dims)
	if !ok {
		t.Fatalf("shape %v does not broadcast to %v", shape, dims)
	}
	return strides
}

// special values, and ordinary ones around the places where functions change their form.
var special = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3, -3, 1e-3, -1e-3, 1e-7, -1e-7, 1e-40, -1e-40, 20, -20,
	88, -88, 100, -100, 1e10, -1e10, 3e38, -3e38, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// zeroTimesInfinity makes the limit of x f(x) what it is where f(x) vanishes.
func product(x, factor float64) float64 {
	if factor == 0 {
		return 0
	}
	return x * factor
}

var unaryFunctions = map[string]func(x, alpha, beta float64) float64{
	"Identity": func(x, _, _ float64) float64 { return x }, "Neg": func(x, _, _ float64) float64 { return -x },
	"Abs": func(x, _, _ float64) float64 { return math.Abs(x) }, "Relu": func(x, _, _ float64) float64 { return math.Max(x, 0) },
	"LeakyRelu": func(x, alpha, _ float64) float64 { return math.Max(x, 0) + alpha*math.Min(x, 0) },
	"Sigmoid":   func(x, _, _ float64) float64 { return sigmoid(x) }, "Tanh": func(x, _, _ float64) float64 { return math.Tanh(x) },
	"Exp": func(x, _, _ float64) float64 { return math.Exp(x) }, "Log": func(x, _, _ float64) float64 { return math.Log(x) },
	"Sqrt": func(x, _, _ float64) float64 { return math.Sqrt(x) }, "Reciprocal": func(x, _, _ float64) float64 { return 1 / x },
	"Erf": func(x, _, _ float64) float64 { return math.Erf(x) }, "Gelu": func(x, _, _ float64) float64 { return product(x, math.Erfc(-x/math.Sqrt2)/2) },
	"GeluTanh":    func(x, _, _ float64) float64 { return product(x, sigmoid(2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) },
	"HardSwish":   func(x, _, _ float64) float64 { return product(x, math.Max(0, math.Min(1, x/6+0.5))) },
	"HardSigmoid": func(x, alpha, beta float64) float64 { return math.Max(0, math.Min(1, alpha*x+beta)) },
	"Clip":        func(x, alpha, beta float64) float64 { return math.Min(math.Max(x, alpha), beta) },
	"Softplus":    func(x, _, _ float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
	"Elu": func(x, alpha, _ float64) float64 {
		if x < 0 {
			return alpha * math.Expm1(x)
		}
		return x
	},
	"Silu": func(x, _, _ float64) float64 { return product(x, sigmoid(x)) }, "Floor": func(x, _, _ float64) float64 { return math.Floor(x) },
	"Ceil": func(x, _, _ float64) float64 { return math.Ceil(x) }, "Round": func(x, _, _ float64) float64 { return math.RoundToEven(x) },
	"Sign": func(x, _, _ float64) float64 {
		if x == 0 || x != x {
			return x
		}
		return math.Copysign(1, x)
	},
}

var binaryFunctions = map[string]func(a, b float64) float64{
	"Add": func(a, b float64) float64 { return a + b }, "Sub": func(a, b float64) float64 { return a - b },
	"Mul": func(a, b float64) float64 { return a * b }, "Div": func(a, b float64) float64 { return a / b },
	"Min": nanOr(math.Min), "Max": nanOr(math.Max), "Pow": math.Pow,
	"PRelu": func(a, b float64) float64 {
		if a < 0 {
			return a * b
		}
		return a
	},
}

var comparisons = map[string]func(a, b float64) bool{
	"Equal": func(a, b float64) bool { return a == b }, "Greater": func(a, b float64) bool { return a > b },
	"GreaterOrEqual": func(a, b float64) bool { return a >= b }, "Less": func(a, b float64) bool { return a < b },
	"LessOrEqual": func(a, b float64) bool { return a <= b },
}

// nanOr makes f return NaN where an argument is NaN: math.Max(NaN, +Inf) is +Inf in Go.
func nanOr(f func(a, b float64) float64) func(a, b float64) float64 {
	return func(a, b float64) float64 {
		if a != a || b != b {
			return math.NaN()
		}
		return f(a, b)
	}
}

// near reports whether got is want within float32's rounding; results that are subnormal may be zero.
func near(got float32, want float64) bool {
	if want != want || got != got {
		return want != want && got != got
	}
	if math.Abs(want) > math.MaxFloat32*(1+1e-7) {
		return math.IsInf(float64(got), int(math.Copysign(1, want)))
	}
	return math.Abs(float64(got)-want) <= 2e-6*math.Abs(want)+1.2e-38 || float64(got) == want
}

func TestUnaryValues(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for op, f := range unaryFunctions {
			values := append(append([]float32{}, special...), steptest.Random(1, 70)...)
			n := int64(len(values))
			s := mustPlan(t, level, Chain{Dims: []int64{n}, Inputs: []Input{{Type: Float32, Strides: []int64{1}}},
				Instructions: []Instruction{{Op: op, Args: []int{0}, Alpha: 0.3, Beta: 0.6}}})
			in, out := steptest.From(t, values), steptest.NewBuffer(t, int(n*4))
			s.Operand[0], s.Operand[OperandOutput] = in.Operand(), out.Operand()
			steptest.Run(t, &s, in, out)
			for i, got := range steptest.View[float32](out) {
				x := float64(values[i])
				if (op == "Reciprocal" || op == "Log") && math.Abs(x) < 1.2e-38 && x != 0 {
					continue // the quotient overflows, or subnormal arguments count as zero where the processor flushes them
				}
				want := f(x, float64(float32(0.3)), float64(float32(0.6)))
				if op == "Gelu" && math.Abs(float64(got)-want) < 1e-7 {
					continue // below zero 1 + erf cancels
				}
				if !near(got, want) {
					t.Errorf("%s(%g) = %g, want %g", op, x, got, want)
				}
			}
		}
	})
}

func TestBinaryValues(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		n := int64(len(special))
		dims := []int64{n, n}
		a, b := steptest.From(t, special), steptest.From(t, special)
		inputs := []Input{{Type: Float32, Strides: []int64{1, 0}}, {Type: Float32, Strides: []int64{0, 1}}}
		for op, f := range binaryFunctions {
			out := steptest.NewBuffer(t, int(n*n*4))
			s := mustPlan(t, level, Chain{Dims: dims, Inputs: inputs, Instructions: []Instruction{{Op: op, Args: []int{0, 1}}}})
			s.Operand[0], s.Operand[1], s.Operand[OperandOutput] = a.Operand(), b.Operand(), out.Operand()
			steptest.Run(t, &s, a, b, out)
			for i, got := range steptest.View[float32](out) {
				x, y := float64(special[int64(i)/n]), float64(special[int64(i)%n])
				if want := f(x, y); !near(got, want) {
					t.Errorf("%s(%g, %g) = %g, want %g", op, x, y, got, want)
				}
			}
		}
		for op, f := range comparisons {
			out := steptest.NewBuffer(t, int(n*n))
			s := mustPlan(t, level, Chain{Dims: dims, Inputs: inputs, Instructions: []Instruction{{Op: op, Args: []int{0, 1}}}})
			s.Operand[0], s.Operand[1], s.Operand[OperandOutput] = a.Operand(), b.Operand(), out.Operand()
			steptest.Run(t, &s, a, b, out)
			for i, got := range steptest.View[uint8](out) {
				x, y := float64(special[int64(i)/n]), float64(special[int64(i)%n])
				if float64(got) != truth(f(x, y)) {
					t.Errorf("%s(%g, %g) = %d", op, x, y, got)
				}
			}
		}
	})
}

// shapes of three inputs that exercise every way of loading: direct, repeated, general, long rows, several groups.
var shapeCases = []struct{ dims, a, b, c []int64 }{
	{[]int64{1}, []int64{1}, []int64{1}, []int64{}},
	{[]int64{5, 7}, []int64{5, 7}, []int64{7}, []int64{5, 1}},
	{[]int64{33, 17}, []int64{33, 17}, []int64{17}, []int64{}},
	{[]int64{600, 5}, []int64{600, 1}, []int64{600, 5}, []int64{5}},
	{[]int64{3, 3001}, []int64{3, 3001}, []int64{3001}, []int64{3, 1}},
	{[]int64{2, 49, 40}, []int64{2, 49, 40}, []int64{2, 1, 40}, []int64{40}},
	{[]int64{2, 49, 40}, []int64{2, 1, 1}, []int64{49, 1}, []int64{2, 49, 40}},
	{[]int64{3, 200, 11}, []int64{3, 1, 11}, []int64{200, 1}, []int64{3, 200, 1}},
	{[]int64{2, 24, 7, 7}, []int64{2, 24, 7, 7}, []int64{2, 24, 1, 1}, []int64{24, 1, 1}},
	{[]int64{2, 3, 2, 5, 3, 2}, []int64{1, 3, 1, 5, 1, 2}, []int64{2, 1, 2, 1, 3, 1}, []int64{2, 3, 2, 5, 3, 2}},
	{[]int64{2, 3, 9000}, []int64{3, 9000}, []int64{2, 1, 9000}, []int64{2, 3, 1}},
	{[]int64{4, 0, 3}, []int64{4, 0, 3}, []int64{3}, []int64{}},
}

// TestBroadcast checks y = relu(a*b + c) * 0.5 + a for every shape.
func TestBroadcast(t *testing.T) {
	half := float32(0.5)
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, c := range shapeCases {
			chain := Chain{Dims: c.dims, Instructions: []Instruction{{Op: "Mul", Args: []int{0, 1}}, {Op: "Add", Args: []int{4, 2}},
				{Op: "Relu", Args: []int{5}}, {Op: "Mul", Args: []int{6, 3}}, {Op: "Add", Args: []int{7, 0}}}}
			var buffers []*steptest.Buffer
			for i, shape := range [][]int64{c.a, c.b, c.c} {
				chain.Inputs = append(chain.Inputs, Input{Type: Float32, Strides: broadcast(t, shape, c.dims)})
				buffers = append(buffers, steptest.From(t, steptest.Random(uint64(i), int(layout.Size(shape)))))
			}
			chain.Inputs = append(chain.Inputs, Input{Type: Float32, Constant: &half})
			s := mustPlan(t, level, chain)
			out := steptest.NewBuffer(t, int(layout.Size(c.dims)*4))
			for i, b := range buffers {
				s.Operand[i] = b.Operand()
			}
			s.Operand[OperandOutput] = out.Operand()
			steptest.Run(t, &s, append(buffers, out)...)
			own := layout.Contiguous(c.dims)
			at := func(input int, element int64) float32 {
				var offset int64
				for d := range c.dims {
					offset += element / own[d] % c.dims[d] * chain.Inputs[input].Strides[d]
				}
				return steptest.View[float32](buffers[input])[offset]
			}
			for i, got := range steptest.View[float32](out) {
				a := at(0, int64(i))
				want := max(float32(a*at(1, int64(i)))+at(2, int64(i)), 0)*0.5 + a
				if got != want {
					t.Errorf("%+v: element %d is %g, want %g", c, i, got, want)
					break
				}
			}
		}
	})
}

// TestRowAlone: a row of a batch has the bits that it has alone, and in place as well as not.
func TestRowAlone(t *testing.T) {
	code := []Instruction{{Op: "Add", Args: []int{0, 1}}, {Op: "Gelu", Args: []int{2}}, {Op: "Softplus", Args: []int{3}}, {Op: "Tanh", Args: []int{4}}}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, width := range []int64{1, 3, 29, 384, 5000} {
			const batch = 37
			values, bias := steptest.Random(3, int(batch*width)), steptest.From(t, steptest.Random(4, int(width)))
			run := func(values []float32, rows int64) []float32 {
				chain := Chain{Dims: []int64{rows, width}, Inputs: []Input{{Type: Float32, Strides: []int64{width, 1}}, {Type: Float32, Strides: []int64{0, 1}}}, Instructions: code}
				if !InPlace(chain, 0) {
					t.Fatal("cannot run in place")
				}
				s := mustPlan(t, level, chain)
				both := steptest.From(t, values)
				s.Operand[0], s.Operand[1], s.Operand[OperandOutput] = both.Operand(), bias.Operand(), both.Operand()
				steptest.Run(t, &s, both, bias)
				return steptest.View[float32](both)
			}
			all := run(values, batch)
			for row := range int64(batch) {
				alone := run(values[row*width:(row+1)*width], 1)
				for i, v := range alone {
					if math.Float32bits(v) != math.Float32bits(all[row*width+int64(i)]) {
						t.Fatalf("width %d row %d element %d: %g alone, %g in the batch", width, row, i, v, all[row*width+int64(i)])
					}
				}
			}
		}
	})
}

func TestPlanRefuses(t *testing.T) {
	one := Input{Type: Float32, Strides: []int64{1}}
	value := float32(1)
	cases := map[string]struct {
		chain       Chain
		unsupported bool
	}{
		"no instructions":    {Chain{Dims: []int64{4}, Inputs: []Input{one}}, false},
		"unknown operator":   {Chain{Dims: []int64{4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Conv", Args: []int{0}}}}, true},
		"register ahead":     {Chain{Dims: []int64{4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Relu", Args: []int{1}}}}, false},
		"negative register":  {Chain{Dims: []int64{4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Relu", Args: []int{-1}}}}, false},
		"arity":              {Chain{Dims: []int64{4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Add", Args: []int{0}}}}, false},
		"mixed types":        {Chain{Dims: []int64{4}, Inputs: []Input{one, {Type: Int64, Strides: []int64{1}}}, Instructions: []Instruction{{Op: "Add", Args: []int{0, 1}}}}, false},
		"condition":          {Chain{Dims: []int64{4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Where", Args: []int{0, 0, 0}}}}, false},
		"strides":            {Chain{Dims: []int64{4, 4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Relu", Args: []int{0}}}}, false},
		"float64 arithmetic": {Chain{Dims: []int64{4}, Inputs: []Input{{Type: Float64, Strides: []int64{1}}}, Instructions: []Instruction{{Op: "Relu", Args: []int{0}}}}, true},
		"constant of type":   {Chain{Dims: []int64{4}, Inputs: []Input{{Type: Int64, Constant: &value}}, Instructions: []Instruction{{Op: "Neg", Args: []int{0}}}}, false},
		"string":             {Chain{Dims: []int64{4}, Inputs: []Input{{Type: 8, Strides: []int64{1}}}, Instructions: []Instruction{{Op: "Neg", Args: []int{0}}}}, true},
		"too many inputs":    {Chain{Dims: []int64{4}, Inputs: make([]Input, 15)}, true},
		"float16 on the way": {Chain{Dims: []int64{4}, Inputs: []Input{one}, Instructions: []Instruction{{Op: "Cast", Args: []int{0}, To: Float16}, {Op: "Cast", Args: []int{1}, To: Float32}}}, true},
		"relu of an integer": {Chain{Dims: []int64{4}, Inputs: []Input{{Type: Int64, Strides: []int64{1}}}, Instructions: []Instruction{{Op: "Relu", Args: []int{0}}}}, true},
	}
	for name, c := range cases {
		_, err := Plan(isa.Scalar, c.chain, allocator(t))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if errors.Is(err, ErrUnsupported) != c.unsupported {
			t.Errorf("%s: %v: unsupported is %v", name, err, !c.unsupported)
		}
	}
}

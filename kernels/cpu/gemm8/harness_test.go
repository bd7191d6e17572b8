package gemm8

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// onEachVariant runs a test on every kernel that this host runs.
func onEachVariant(t *testing.T, test func(t *testing.T, v *variant)) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		test(t, widened[level])
		t.Run("bytes", func(t *testing.T) {
			if !multipliesBytes(level) {
				t.Skipf("no products of bytes at level %v on this processor", level)
			}
			test(t, bytes)
		})
	})
}

// integers returns n bytes of the whole range, among them runs of the extremes, whose sums saturate where products are added in 16 bits.
func integers(random *rand.Rand, n int) []byte {
	list := make([]byte, n)
	for i := range list {
		list[i] = byte(random.Uint32())
		if i%23 > 17 {
			list[i] = []byte{0, 255, 127, 128}[i/23%4]
		}
	}
	return list
}

func floats(random *rand.Rand, n int, scale float64) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = float32(random.NormFloat64() * scale)
	}
	return list
}

// number is a byte as its type has it.
func number(b byte, signed bool) int32 {
	if signed {
		return int32(int8(b))
	}
	return int32(b)
}

// setup is what a case of an epilogue computes with; nil slices are absent.
type setup struct {
	name           string
	signed, output Type // Uint8 or Int8; as Epilogue
	aZero          []byte
	aScale, bScale []float32
	bias           []int32
	floatBias      []float32
	residual       []float32
	last           bool
	fused          activation.Activation
	yScale         []float32
	yZero          []byte
	buffers        []*steptest.Buffer
}

func place[T any](t *testing.T, s *setup, values []T) step.Operand {
	if values == nil {
		return step.Operand{}
	}
	b := steptest.From(t, values)
	s.buffers = append(s.buffers, b)
	return b.Operand()
}

// epilogue puts the numbers of the case in guarded memory.
func (s *setup) epilogue(t *testing.T) Epilogue {
	e := Epilogue{
		Signed: s.signed == Int8, AZero: place(t, s, s.aZero), Output: s.output, AScale: place(t, s, s.aScale), BScale: place(t, s, s.bScale),
		ScaleEach: len(s.bScale) > 1, Bias: place(t, s, s.bias), Residual: place(t, s, s.residual), ResidualLast: s.last, Activation: s.fused,
		YScale: place(t, s, s.yScale), YZero: place(t, s, s.yZero),
	}
	if s.floatBias != nil {
		e.Bias, e.FloatBias = place(t, s, s.floatBias), true
	}
	return e
}

// zero is the zero point of A.
func (s *setup) zero() int32 {
	if s.aZero == nil {
		return 0
	}
	return number(s.aZero[0], s.signed == Int8)
}

// exact reports whether a kernel computes the case's activation to the bit.
func (s *setup) exact() bool { return s.fused.Kind <= activation.Clip }

// value is what becomes of a sum before it is quantised, in the roundings of the kernels but for what follows an activation that is not exact.
func (s *setup) value(sum int32, column, at int) float64 {
	if s.bias != nil {
		sum += s.bias[column]
	}
	scale := s.aScale[0] * s.bScale[column%len(s.bScale)]
	x := float32(sum) * scale
	if s.floatBias != nil {
		x += s.floatBias[column]
	}
	residual := float32(0)
	if s.residual != nil {
		residual = s.residual[at]
	}
	if s.last {
		return float64(float32(s.fused.At(float64(x))) + residual)
	}
	return s.fused.At(float64(x + residual))
}

// check compares an element of the result.
func (s *setup) check(t *testing.T, output *steptest.Buffer, sum int32, column, at int) {
	t.Helper()
	if s.output == Int32 {
		if got := steptest.View[int32](output)[at]; got != sum {
			t.Fatalf("%s: element %d is %d, want %d", s.name, at, got, sum)
		}
		return
	}
	value := s.value(sum, column, at)
	if s.output == Float32 {
		got, tolerance := steptest.View[float32](output)[at], 0.0
		if !s.exact() {
			tolerance = 2e-6 * (1 + math.Abs(value))
		}
		if !(math.Abs(float64(got)-value) <= tolerance) {
			t.Fatalf("%s: element %d is %g, want %g", s.name, at, got, value)
		}
		return
	}
	signed := s.output == Int8
	least := number(128, signed)
	if !signed {
		least = 0
	}
	want := math.RoundToEven(float64(float32(value)/s.yScale[0])) + float64(number(s.yZero[0], signed))
	want = max(float64(least), min(want, float64(least+255)))
	got, tolerance := float64(number(steptest.View[byte](output)[at], signed)), 0.0
	if !s.exact() {
		tolerance = 1
	}
	if math.Abs(got-want) > tolerance {
		t.Fatalf("%s: element %d is %g, want %g", s.name, at, got, want)
	}
}

// elementBytes is the size of an element of the result.
func (s *setup) elementBytes() int {
	if s.output == Uint8 || s.output == Int8 {
		return 1
	}
	return 4
}

// setups returns one case for each kind of result and input, the activations in turn, for `rows` x `columns` results of sums of about `depth` products.
func setups(random *rand.Rand, turn, rows, columns, depth int) (list []*setup) {
	scale := 1 / (5000 * math.Sqrt(float64(depth)+1))
	for i, output := range []Type{Int32, Float32, Uint8, Int8} {
		turn += i
		s := &setup{output: output, signed: []Type{Uint8, Int8}[turn%2]}
		if turn%5 != 0 {
			s.aZero = integers(random, 1)
		}
		list = append(list, s)
		if output == Int32 {
			continue
		}
		s.aScale, s.bScale = []float32{0.7}, []float32{float32(scale)}
		if turn%3 > 0 {
			s.bScale = floats(random, columns, scale)
		}
		switch turn % 4 {
		case 1:
			s.bias = make([]int32, columns)
			for i := range s.bias {
				s.bias[i] = random.Int32N(20000) - 10000
			}
		case 2:
			s.floatBias = floats(random, columns, 1)
		}
		s.fused = activation.Activation{Kind: activation.Kind(turn % activation.Kinds), P0: -0.2, P1: 1.1}
		if output != Float32 {
			s.yScale, s.yZero = []float32{0.01}, integers(random, 1)
		} else if turn%3 > 0 {
			s.residual, s.last = floats(random, rows*columns, 1), turn%3 == 1
		}
	}
	for _, s := range list {
		s.name = string(rune('0'+s.output)) + " " + s.fused.Kind.String()
	}
	return list
}

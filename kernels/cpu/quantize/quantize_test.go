package quantize

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// integer is a type of Type.
type integer interface{ uint8 | int8 | int32 }

// quantized is ONNX's definition, in float32 for the quotient.
func quantized(x, scale float32, zero, least int64) int64 {
	sum := math.RoundToEven(float64(x/scale)) + float64(zero)
	if !(sum > float64(least)) {
		return least
	}
	return int64(min(sum, float64(least+255)))
}

// linears are shapes whose rows end in every part of a vector, and one that needs several tiles.
func linears() []Linear {
	list := []Linear{{Before: 1, Scales: 1, After: 3*tileElements + 77}, {Before: 3, Scales: 11, After: 2000}, {Before: 700, Scales: 77, After: 1}, {Before: 0, Scales: 3, After: 5}}
	for n := int64(1); n <= 35; n++ {
		list = append(list, Linear{Before: 1, Scales: 1, After: n}, Linear{Before: 3, Scales: n, After: 1}, Linear{Before: 2, Scales: 3, After: n})
	}
	return list
}

func (l Linear) elements() int { return int(l.Before * l.Scales * l.After) }

// at is the position of an element's scale.
func (l Linear) at(i int) int { return i / int(l.After) % int(l.Scales) }

// numbers returns n values of the whole range of a type.
func numbers[T integer](n int) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = T(uint32(i)*2654435761>>16 + uint32(i)<<24)
	}
	return list
}

func scales(n int) []float32 {
	list := make([]float32, n)
	for i := range list {
		list[i] = 0.01 + 0.003*float32(i%13)
	}
	return list
}

// run executes the step with the given operands and returns the output.
func run[T any](t *testing.T, s step.Step, outputs int, x *steptest.Buffer, scale []float32, zero *steptest.Buffer) []T {
	t.Helper()
	y, by := steptest.From(t, make([]T, outputs)), steptest.From(t, scale)
	s.Operand[OperandX], s.Operand[OperandY], s.Operand[OperandScale] = x.Operand(), y.Operand(), by.Operand()
	buffers := []*steptest.Buffer{x, y, by}
	if zero != nil {
		s.Operand[OperandZero] = zero.Operand()
		buffers = append(buffers, zero)
	}
	steptest.Run(t, &s, buffers...)
	return steptest.View[T](y)
}

// floats returns n values with ties, numbers beyond every range, infinities and NaN among them.
func floats(n int, scale float32) []float32 {
	x := steptest.Random(5, n)
	for i := range x {
		switch i % 7 {
		case 2:
			x[i] = scale * (float32(i%90) - 40.5)
		case 4:
			x[i] *= 1000
		case 5:
			x[i] = []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.MaxFloat32, 1e-42, 0, float32(math.Copysign(0, -1))}[i/7%7]
		}
	}
	return x
}

func TestQuantize(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		testQuantize[uint8](t, level, Uint8, 0)
		testQuantize[int8](t, level, Int8, -128)
	})
}

func testQuantize[T integer](t *testing.T, level isa.Level, typ Type, least int64) {
	for _, l := range linears() {
		l.Type = typ
		x, by, zeros := floats(l.elements(), 0.5), scales(int(l.Scales)), numbers[T](int(l.Scales))
		by[0] = 0.5 // ties are ties
		for _, withZero := range []bool{true, false} {
			s, err := l.Quantize(level)
			if err != nil {
				t.Fatal(err)
			}
			var zero *steptest.Buffer
			if withZero {
				zero = steptest.From(t, zeros)
			}
			for i, got := range run[T](t, s, len(x), steptest.From(t, x), by, zero) {
				shift := int64(0)
				if withZero {
					shift = int64(zeros[l.at(i)])
				}
				if want := quantized(x[i], by[l.at(i)], shift, least); int64(got) != want {
					t.Fatalf("%+v: element %d, %g / %g + %d, is %d, want %d", l, i, x[i], by[l.at(i)], shift, got, want)
				}
			}
		}
	}
}

func TestDequantize(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		testDequantize[uint8](t, level, Uint8)
		testDequantize[int8](t, level, Int8)
		testDequantize[int32](t, level, Int32)
	})
}

func testDequantize[T integer](t *testing.T, level isa.Level, typ Type) {
	for _, l := range linears() {
		l.Type = typ
		x, by, zeros := numbers[T](l.elements()), scales(int(l.Scales)), numbers[T](int(l.Scales))
		for _, withZero := range []bool{true, false} {
			s, err := l.Dequantize(level)
			if err != nil {
				t.Fatal(err)
			}
			var zero *steptest.Buffer
			if withZero {
				zero = steptest.From(t, zeros)
			}
			for i, got := range run[float32](t, s, len(x), steptest.From(t, x), by, zero) {
				difference := int32(x[i])
				if withZero {
					difference -= int32(zeros[l.at(i)])
				}
				if want := float32(difference) * by[l.at(i)]; got != want {
					t.Fatalf("%+v of type %d: element %d is %g, want %g", l, typ, i, got, want)
				}
			}
		}
	}
}

// dynamic is ONNX's definition of DynamicQuantizeLinear.
func dynamic(x []float32) (y []uint8, scale float32, zero uint8) {
	var low, high float32
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	if scale = (high - low) / 255; high == low {
		scale = 1
	}
	zero = uint8(quantized(-low, scale, 0, 0))
	for _, v := range x {
		y = append(y, uint8(quantized(v, scale, int64(zero), 0)))
	}
	return y, scale, zero
}

func TestDynamic(t *testing.T) {
	inputs := [][]float32{nil, {0}, {3}, {-3}, {2, 3, 4}, {float32(math.Inf(1)), 1}, {1, float32(math.NaN()), -1}, {math.MaxFloat32, -math.MaxFloat32}, {1e-45, 0}}
	for n := 1; n <= 40; n++ {
		inputs = append(inputs, steptest.Random(uint64(n), n))
	}
	inputs = append(inputs, steptest.Random(1, 3*tileElements+5), steptest.Random(2, dynamicTiles*tileElements+12345))
	last := inputs[len(inputs)-1]
	last[len(last)-1] = 77 // the extremes of the last tile count in the first
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, x := range inputs {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				steps, err := Dynamic(level, int64(len(x)))
				if err != nil {
					t.Fatal(err)
				}
				from, extremes, y := steptest.From(t, x), steptest.NewBuffer(t, DynamicBytes), steptest.NewBuffer(t, len(x))
				scale, zero := steptest.NewBuffer(t, 4), steptest.NewBuffer(t, 1)
				for _, s := range steps {
					s.Operand = [step.Operands]step.Operand{OperandX: from.Operand(), OperandY: y.Operand(), OperandScale: scale.Operand(),
						OperandZero: zero.Operand(), OperandExtremes: extremes.Operand()}
					steptest.Run(t, &s, from, extremes, y, scale, zero)
				}
				wantY, wantScale, wantZero := dynamic(x)
				gotScale := math.Float32frombits(binary.LittleEndian.Uint32(steptest.View[uint8](scale)))
				if gotScale != wantScale && (gotScale == gotScale || wantScale == wantScale) || steptest.View[uint8](zero)[0] != wantZero {
					t.Fatalf("scale %g and zero %d, want %g and %d", gotScale, steptest.View[uint8](zero)[0], wantScale, wantZero)
				}
				if !slices.Equal(steptest.View[uint8](y), wantY) {
					t.Fatalf("%v, want %v", steptest.View[uint8](y), wantY)
				}
			})
		}
	})
}

// TestDynamicAlone quantises without anybody who reads the results.
func TestDynamicAlone(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		steps, err := Dynamic(level, 5)
		if err != nil {
			t.Fatal(err)
		}
		from, extremes := steptest.From(t, steptest.Random(1, 5)), steptest.NewBuffer(t, DynamicBytes)
		for _, s := range steps {
			s.Operand[OperandX], s.Operand[OperandExtremes] = from.Operand(), extremes.Operand()
			steptest.Run(t, &s, from, extremes)
		}
	})
}

func TestErrors(t *testing.T) {
	for _, l := range []Linear{
		{Type: Uint8, Before: -1, Scales: 1, After: 1}, {Type: Int8, Before: 1, After: 1}, {Type: Int8, Before: 1 << 40, Scales: 1 << 20, After: 16},
		{Type: 1, Before: 1, Scales: 1, After: 1},
	} {
		if _, err := l.Dequantize(isa.Scalar); err == nil {
			t.Errorf("%+v: no error", l)
		}
	}
	if _, err := (Linear{Type: Int32, Before: 1, Scales: 1, After: 1}).Quantize(isa.Scalar); !errors.Is(err, ErrUnsupported) {
		t.Errorf("quantize to int32: %v", err)
	}
	if _, err := Dynamic(isa.Scalar, -1); err == nil {
		t.Error("a negative number of elements: no error")
	}
}

func BenchmarkQuantize(b *testing.B) {
	const elements = 34 * 1536
	for level := isa.Scalar; level <= isa.AVX512; level++ {
		if !isa.Supported(level) {
			continue
		}
		l := Linear{Type: Uint8, Before: 1, Scales: 1, After: elements}
		quantize, err := l.Quantize(level)
		if err != nil {
			b.Fatal(err)
		}
		dequantize, err := l.Dequantize(level)
		if err != nil {
			b.Fatal(err)
		}
		wide, narrow := steptest.From(b, steptest.Random(1, elements)), steptest.NewBuffer(b, elements)
		scale := steptest.From(b, []float32{0.02})
		quantize.Operand[OperandX], quantize.Operand[OperandY], quantize.Operand[OperandScale] = wide.Operand(), narrow.Operand(), scale.Operand()
		dequantize.Operand[OperandX], dequantize.Operand[OperandY], dequantize.Operand[OperandScale] = narrow.Operand(), wide.Operand(), scale.Operand()
		for name, s := range map[string]step.Step{"quantize": quantize, "dequantize": dequantize} {
			b.Run(name+"/"+level.String(), func(b *testing.B) {
				b.SetBytes(5 * elements)
				steptest.Repeat(&s, nil, b.N)
			})
		}
	}
}

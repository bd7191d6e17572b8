package elementwise

import (
	"bytes"
	"math"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

func bytesOf[T any](values ...T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(values[0])))
}

// apply runs a chain over contiguous inputs of n elements and returns the bytes of the output.
func apply(t *testing.T, level isa.Level, n int64, outputSize int, code []Instruction, types []Type, inputs ...[]byte) []byte {
	t.Helper()
	chain := Chain{Dims: []int64{n}, Instructions: code}
	for _, typ := range types {
		chain.Inputs = append(chain.Inputs, Input{Type: typ, Strides: []int64{1}})
	}
	return applyChain(t, level, chain, outputSize, inputs...)
}

// applyChain runs a chain over one dimension, whose first inputs are given.
func applyChain(t *testing.T, level isa.Level, chain Chain, outputSize int, inputs ...[]byte) []byte {
	t.Helper()
	s := mustPlan(t, level, chain)
	out := steptest.NewBuffer(t, int(chain.Dims[0])*outputSize)
	buffers := []*steptest.Buffer{out}
	for i, in := range inputs {
		b := steptest.From(t, in)
		buffers = append(buffers, b)
		s.Operand[i] = b.Operand()
	}
	s.Operand[OperandOutput] = out.Operand()
	steptest.Run(t, &s, buffers...)
	return steptest.View[byte](out)
}

func repeat[T any](values []T, n int) []T {
	result := make([]T, n)
	for i := range result {
		result[i] = values[i%len(values)]
	}
	return result
}

// TestCast converts the same small numbers among all types.
func TestCast(t *testing.T) {
	const n = 37
	numbers := repeat([]float64{0, 1, 2, 3, 100, 127, 17}, n)
	truth, halves := make([]uint8, n), map[float64]uint16{0: 0, 1: 0x3c00, 2: 0x4000, 3: 0x4200, 100: 0x5640, 127: 0x57f0, 17: 0x4c40}
	encode := func(typ Type) (all []byte) {
		for i, v := range numbers {
			switch typ {
			case Float32:
				all = append(all, bytesOf(float32(v))...)
			case Float64:
				all = append(all, bytesOf(v)...)
			case Float16:
				all = append(all, bytesOf(halves[v])...)
			case Uint8, Int8:
				all = append(all, uint8(v))
			case Uint16, Int16:
				all = append(all, bytesOf(uint16(v))...)
			case Uint32, Int32:
				all = append(all, bytesOf(uint32(v))...)
			case Int64:
				all = append(all, bytesOf(int64(v))...)
			case Bool:
				all = append(all, truth[i])
			}
		}
		return all
	}
	for i, v := range numbers {
		if v != 0 {
			truth[i] = 1
		}
	}
	types := []Type{Float32, Uint8, Int8, Uint16, Int16, Int32, Int64, Bool, Float16, Float64, Uint32}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, from := range types {
			for _, to := range types {
				if from == Bool && to != Bool {
					continue // checked below
				}
				got := apply(t, level, n, int(to.size()), []Instruction{{Op: "Cast", Args: []int{0}, To: to}}, []Type{from}, encode(from))
				if !bytes.Equal(got, encode(to)) {
					t.Errorf("cast from %d to %d: wrong values", from, to)
				}
			}
		}
		boolean := []byte{1, 0, 1}
		for typ, one := range map[Type][]byte{Float32: bytesOf[float32](1, 0, 1), Int64: bytesOf[int64](1, 0, 1), Uint8: {1, 0, 1}, Float64: bytesOf[float64](1, 0, 1), Float16: bytesOf[uint16](0x3c00, 0, 0x3c00)} {
			if got := apply(t, level, 3, int(typ.size()), []Instruction{{Op: "Cast", Args: []int{0}, To: typ}}, []Type{Bool}, boolean); !bytes.Equal(got, one) {
				t.Errorf("cast from bool to %d: % x", typ, got)
			}
		}
	})
}

// TestCastEdges checks values that a detour through another type would spoil, and that nothing traps.
func TestCastEdges(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	cases := []struct {
		name     string
		from, to Type
		in, want []byte
	}{
		{"int64 to float64 keeps 53 bits", Int64, Float64, bytesOf[int64](1<<53-1, -1<<40-1), bytesOf[float64](1<<53-1, -1<<40-1)},
		{"float64 to int64 keeps 53 bits", Float64, Int64, bytesOf(float64(1<<53-1), -2.9), bytesOf[int64](1<<53-1, -2)},
		{"float32 to int64 truncates", Float32, Int64, bytesOf[float32](-2.9, 2.9, 1e9), bytesOf[int64](-2, 2, 1e9)},
		{"float32 out of range", Float32, Int64, bytesOf(inf, -inf, nan), bytesOf[int64](math.MinInt64, math.MinInt64, math.MinInt64)},
		{"int64 to int32 wraps", Int64, Int32, bytesOf[int64](1<<32+5, -1, 1<<31), bytesOf[int32](5, -1, math.MinInt32)},
		{"int64 to uint8 wraps", Int64, Uint8, bytesOf[int64](257, -1), []byte{1, 255}},
		{"int8 is signed", Int8, Int32, []byte{0xff, 0x80}, bytesOf[int32](-1, -128)},
		{"uint8 is not", Uint8, Int32, []byte{0xff, 0x80}, bytesOf[int32](255, 128)},
		{"uint32 is not", Uint32, Float32, bytesOf[uint32](0xffffffff), bytesOf[float32](4294967296)},
		{"float32 to bool", Float32, Bool, bytesOf(0, 0.5, nan, float32(math.Copysign(0, -1))), []byte{0, 1, 1, 0}},
		{"float16 special", Float16, Float32, bytesOf[uint16](0x7c00, 0xfc00, 0x0001, 0x83ff, 0x8000, 0x7bff),
			bytesOf(inf, -inf, 5.9604644775390625e-8, -6.0975551605224609375e-5, float32(math.Copysign(0, -1)), 65504)},
		{"to float16 rounds to even", Float32, Float16, bytesOf(65519, 65520, inf, -1e-9, 5.9604644775390625e-8, 2.98023223876953125e-8, 2049, 2051, 6.1e-5, -inf),
			bytesOf[uint16](0x7bff, 0x7c00, 0x7c00, 0x8000, 1, 0, 0x6800, 0x6802, 0x03ff, 0xfc00)},
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, c := range cases {
			n := int64(len(c.in)) / c.from.size()
			got := apply(t, level, n, int(c.to.size()), []Instruction{{Op: "Cast", Args: []int{0}, To: c.to}}, []Type{c.from}, c.in)
			if !bytes.Equal(got, c.want) {
				t.Errorf("%s: % x, want % x", c.name, got, c.want)
			}
		}
	})
}

// TestBytes quantises and dequantises within chains, where bytes never become integers in registers.
func TestBytes(t *testing.T) {
	const n = 37
	nan := float32(math.NaN())
	for _, c := range []struct {
		typ         Type
		zero        float32
		least, most float64
	}{{Uint8, 7, 0, 255}, {Int8, -3, -128, 127}} {
		var x []float32
		var want []byte
		scale := float32(0.5)
		constants := []Input{{Type: Float32, Constant: &scale}, {Type: Float32, Constant: &c.zero}}
		for i := range n {
			x = append(x, float32(i*i-300)*0.25)
			if i == 5 {
				x[i] = nan
			}
			rounded := math.RoundToEven(float64(x[i])/0.5) + float64(c.zero)
			if x[i] != x[i] {
				rounded = c.least
			}
			want = append(want, byte(int(min(max(rounded, c.least), c.most))))
		}
		quantize := []Instruction{
			{Op: "Div", Args: []int{0, 1}}, {Op: "Round", Args: []int{3}}, {Op: "Add", Args: []int{4, 2}},
			{Op: "Clip", Args: []int{5}, Alpha: float32(c.least), Beta: float32(c.most)}, {Op: "Cast", Args: []int{6}, To: c.typ},
		}
		dequantize := []Instruction{{Op: "Cast", Args: []int{0}, To: Float32}, {Op: "Sub", Args: []int{3, 2}}, {Op: "Mul", Args: []int{4, 1}}}
		steptest.Levels(t, func(t *testing.T, level isa.Level) {
			got := applyChain(t, level, Chain{Dims: []int64{n}, Inputs: append([]Input{{Type: Float32, Strides: []int64{1}}}, constants...), Instructions: quantize}, 1, bytesOf(x...))
			if !bytes.Equal(got, want) {
				t.Errorf("type %d: % x, want % x", c.typ, got, want)
			}
			var floats []float32
			for _, b := range want {
				value := float32(b)
				if c.typ == Int8 {
					value = float32(int8(b))
				}
				floats = append(floats, (value-c.zero)*0.5)
			}
			got = applyChain(t, level, Chain{Dims: []int64{n}, Inputs: append([]Input{{Type: c.typ, Strides: []int64{1}}}, constants...), Instructions: dequantize}, 4, want)
			if !bytes.Equal(got, bytesOf(floats...)) {
				t.Errorf("type %d: % x, want % x", c.typ, got, bytesOf(floats...))
			}
		})
	}
}

func TestIntegers(t *testing.T) {
	a := []int64{7, -7, 0, 5, math.MinInt64, math.MaxInt64, 3, -1, 12}
	b := []int64{2, 2, 0, 0, -1, 1, 3, -1, 5}
	compare := func(f func(x, y int64) bool) []byte {
		var all []byte
		for i := range a {
			all = append(all, byte(truth(f(a[i], b[i]))))
		}
		return all
	}
	arithmetic := func(f func(x, y int64) int64) []byte {
		var all []byte
		for i := range a {
			all = append(all, bytesOf(f(a[i], b[i]))...)
		}
		return all
	}
	wants := map[string][]byte{
		"Add": arithmetic(func(x, y int64) int64 { return x + y }), "Sub": arithmetic(func(x, y int64) int64 { return x - y }),
		"Mul": arithmetic(func(x, y int64) int64 { return x * y }), "Min": arithmetic(func(x, y int64) int64 { return min(x, y) }),
		"Max": arithmetic(func(x, y int64) int64 { return max(x, y) }),
		"Div": arithmetic(func(x, y int64) int64 {
			if y == 0 {
				return 0
			}
			return x / y
		}),
		"Equal": compare(func(x, y int64) bool { return x == y }), "Less": compare(func(x, y int64) bool { return x < y }),
		"LessOrEqual": compare(func(x, y int64) bool { return x <= y }), "Greater": compare(func(x, y int64) bool { return x > y }),
		"GreaterOrEqual": compare(func(x, y int64) bool { return x >= y }),
	}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for op, want := range wants {
			got := apply(t, level, int64(len(a)), len(want)/len(a), []Instruction{{Op: op, Args: []int{0, 1}}}, []Type{Int64, Int64}, bytesOf(a...), bytesOf(b...))
			if !bytes.Equal(got, want) {
				t.Errorf("%s: % x, want % x", op, got, want)
			}
		}
		// int32 wraps around on the way, not only where it is stored.
		code := []Instruction{{Op: "Add", Args: []int{0, 0}}, {Op: "Less", Args: []int{1, 0}}}
		if got := apply(t, level, 2, 1, code, []Type{Int32}, bytesOf[int32](math.MaxInt32, 1)); !bytes.Equal(got, []byte{1, 0}) {
			t.Errorf("int32 overflow: % x", got)
		}
		if got := apply(t, level, 3, 8, []Instruction{{Op: "Neg", Args: []int{0}}, {Op: "Abs", Args: []int{1}}}, []Type{Int64}, bytesOf[int64](5, -6, math.MinInt64)); !bytes.Equal(got, bytesOf[int64](5, 6, math.MinInt64)) {
			t.Errorf("Abs(Neg): % x", got)
		}
	})
}

func TestMasks(t *testing.T) {
	a, b := []byte{0, 0, 1, 1, 7}, []byte{0, 1, 0, 1, 1} // any byte but zero is true
	wants := map[string][]byte{"And": {0, 0, 0, 1, 1}, "Or": {0, 1, 1, 1, 1}, "Xor": {0, 1, 1, 0, 0}, "Equal": {1, 0, 0, 1, 1}}
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for op, want := range wants {
			if got := apply(t, level, 5, 1, []Instruction{{Op: op, Args: []int{0, 1}}}, []Type{Bool, Bool}, a, b); !bytes.Equal(got, want) {
				t.Errorf("%s: %v, want %v", op, got, want)
			}
		}
		if got := apply(t, level, 5, 1, []Instruction{{Op: "Not", Args: []int{0}}}, []Type{Bool}, a); !bytes.Equal(got, []byte{1, 1, 0, 0, 0}) {
			t.Errorf("Not: %v", got)
		}
		where := []Instruction{{Op: "Where", Args: []int{0, 1, 2}}}
		if got := apply(t, level, 5, 4, where, []Type{Bool, Float32, Float32}, a, bytesOf[float32](1, 2, 3, 4, 5), bytesOf[float32](-1, -2, -3, -4, -5)); !bytes.Equal(got, bytesOf[float32](-1, -2, 3, 4, 5)) {
			t.Errorf("Where of floats: % x", got)
		}
		if got := apply(t, level, 5, 8, where, []Type{Bool, Int64, Int64}, a, bytesOf[int64](1, 2, 3, 4, 5), bytesOf[int64](-1, -2, -3, -4, -5)); !bytes.Equal(got, bytesOf[int64](-1, -2, 3, 4, 5)) {
			t.Errorf("Where of integers: % x", got)
		}
		if got := apply(t, level, 5, 1, where, []Type{Bool, Bool, Bool}, a, a, b); !bytes.Equal(got, []byte{0, 1, 1, 1, 1}) {
			t.Errorf("Where of booleans: % x", got)
		}
		if got := apply(t, level, 2, 1, []Instruction{{Op: "IsNaN", Args: []int{0}}}, []Type{Float32}, bytesOf(1, float32(math.NaN()))); !bytes.Equal(got, []byte{0, 1}) {
			t.Errorf("IsNaN: %v", got)
		}
	})
}

// TestAttentionMask prepares the mask of a BERT model, [B,1,1,S] of int64, in one chain: (1 - float(mask)) * -10000.
func TestAttentionMask(t *testing.T) {
	one, scale := float32(1), float32(-10000)
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		dims := []int64{2, 3, 5, 9}
		chain := Chain{Dims: dims, Inputs: []Input{{Type: Int64, Strides: broadcast(t, []int64{2, 1, 1, 9}, dims)}, {Type: Float32, Constant: &one}, {Type: Float32, Constant: &scale}},
			Instructions: []Instruction{{Op: "Cast", Args: []int{0}, To: Float32}, {Op: "Sub", Args: []int{1, 3}}, {Op: "Mul", Args: []int{4, 2}}}}
		s := mustPlan(t, level, chain)
		mask, out := steptest.From(t, repeat([]int64{1, 1, 0, 1, 0}, 18)), steptest.NewBuffer(t, 2*3*5*9*4)
		s.Operand[0], s.Operand[OperandOutput] = mask.Operand(), out.Operand()
		steptest.Run(t, &s, mask, out)
		for i, got := range steptest.View[float32](out) {
			want := float32(1-steptest.View[int64](mask)[i/135*9+i%9]) * scale
			if got != want {
				t.Fatalf("element %d is %g, want %g", i, got, want)
			}
		}
	})
}

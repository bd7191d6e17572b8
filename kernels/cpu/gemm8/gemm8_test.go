package gemm8

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/runtime"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// weights returns a random matrix; its form and zero points follow from the turn.
func weights(random *rand.Rand, turn, k, n int) Weights {
	w := Weights{Data: integers(random, (k+1)*(n+1)), Signed: turn%2 == 0, K: k, N: n, Row: n + 1, Column: 1}
	if turn%5 == 0 {
		w.Row, w.Column = 1, k+1
	}
	count := []int{0, 1, n}[turn/2%3]
	for _, b := range integers(random, count) {
		w.Zeros = append(w.Zeros, number(b, w.Signed))
	}
	return w
}

// sum is ONNX's definition of an element of MatMulInteger.
func (w *Weights) sum(a []byte, signed bool, zero int32, i, j int) (sum int32) {
	for k := range w.K {
		sum += (number(a[i*w.K+k], signed) - zero) * w.value(k, j)
	}
	return sum
}

func mustPack(t testing.TB, v *variant, w Weights, groups int) *Packed {
	t.Helper()
	p, err := pack(v, w, groups)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Free)
	return p
}

func TestProducts(t *testing.T) {
	onEachVariant(t, func(t *testing.T, v *variant) {
		random := rand.New(rand.NewPCG(1, 2))
		turn := 0
		depths := []int{0, 1, 3, 4, 6, 32, 75}
		for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 25} {
			t.Run(fmt.Sprint(m), func(t *testing.T) { // which frees its memory
				for _, n := range []int{1, 7, 8, 16, 17, 24, 31, 33, 64, 100, 144} {
					for range 2 {
						turn++
						k := depths[turn%len(depths)]
						w := weights(random, turn, k, n)
						packed := mustPack(t, v, w, 1)
						for _, s := range setups(random, turn, m, n, k) {
							testProduct(t, random, w, packed, s, m)
						}
					}
				}
			})
		}
	})
}

func testProduct(t *testing.T, random *rand.Rand, w Weights, packed *Packed, s *setup, m int) {
	t.Helper()
	a := integers(random, m*w.K)
	from, to := steptest.From(t, a), steptest.NewBuffer(t, m*w.N*s.elementBytes())
	p := Product{M: m, Packed: packed, A: from.Operand(), C: to.Operand(), Epilogue: s.epilogue(t)}
	planned, err := p.Step()
	if err != nil {
		t.Fatal(err)
	}
	steptest.Run(t, &planned, append(s.buffers, from, to)...)
	s.name = fmt.Sprintf("%s, M %d N %d K %d", s.name, m, w.N, w.K)
	for i := range m {
		for j := range w.N {
			s.check(t, to, w.sum(a, p.Signed, s.zero(), i, j), j, i*w.N+j)
		}
	}
}

// TestLargeProducts has several tiles along each side, rows that compete for cache lines, and sums that wrap.
func TestLargeProducts(t *testing.T) {
	onEachVariant(t, func(t *testing.T, v *variant) {
		random := rand.New(rand.NewPCG(3, 4))
		for i, size := range [][3]int{{300, 200, 64}, {40, 1100, 60}, {14, 40, 4096}, {1, 20, 140000}} {
			w := weights(random, i, size[2], size[1])
			if i == 3 { // the largest products, all of one sign
				w = Weights{Data: slices.Repeat([]byte{255}, size[1]*size[2]), K: size[2], N: size[1], Row: size[1], Column: 1}
			}
			packed := mustPack(t, v, w, 1)
			for j := range 2 {
				s := setups(random, i+j, size[0], size[1], size[2])[j]
				if i == 3 {
					s.signed, s.aZero = Int8, []byte{127}
				}
				testProduct(t, random, w, packed, s, size[0])
			}
		}
	})
}

// TestRowsAreIndependent proves that a row's bits do not depend on the batch that it is in, nor on threads.
func TestRowsAreIndependent(t *testing.T) {
	pool, err := runtime.New(2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	onEachVariant(t, func(t *testing.T, v *variant) {
		random := rand.New(rand.NewPCG(5, 6))
		const most, n, k = 90, 83, 130
		packed := mustPack(t, v, weights(random, 3, k, n), 1)
		s := &setup{output: Float32, signed: Uint8, aZero: []byte{77}, aScale: []float32{0.01}, bScale: floats(random, n, 0.01), fused: activation.Activation{Kind: activation.GELU}}
		a, residual := integers(random, most*k), floats(random, most*n, 1)
		compute := func(first, rows int) []float32 {
			s.residual = residual[first*n : (first+rows)*n]
			from, to := steptest.From(t, a[first*k:(first+rows)*k]), steptest.NewBuffer(t, rows*n*4)
			planned, err := Product{M: rows, Packed: packed, A: from.Operand(), C: to.Operand(), Epilogue: s.epilogue(t)}.Step()
			if err != nil {
				t.Fatal(err)
			}
			steps, err := runtime.NewSteps([]step.Step{planned})
			if err != nil {
				t.Fatal(err)
			}
			defer steps.Free()
			if _, done, err := pool.Run(steps, []uintptr{0}, runtime.Cursor{}, runtime.Pause{}); err != nil || !done {
				t.Fatal(done, err)
			}
			return steptest.View[float32](to)
		}
		var alone []float32
		for i := range most {
			alone = append(alone, compute(i, 1)...)
		}
		for rows := 2; rows <= most; rows++ {
			if got := compute(0, rows); !slices.Equal(got, alone[:rows*n]) {
				t.Fatalf("%d rows differ from rows alone", rows)
			}
		}
	})
}

// TestInPlaceResidual writes the result over the residual.
func TestInPlaceResidual(t *testing.T) {
	onEachVariant(t, func(t *testing.T, v *variant) {
		for _, last := range []bool{false, true} {
			random := rand.New(rand.NewPCG(7, 8))
			const m, n, k = 9, 37, 20
			w := weights(random, 1, k, n)
			s := &setup{name: "in place", output: Float32, signed: Int8, aScale: []float32{0.1}, bScale: []float32{0.01}, last: last, fused: activation.Activation{Kind: activation.SiLU}}
			a, c := integers(random, m*k), floats(random, m*n, 1)
			from, to := steptest.From(t, a), steptest.From(t, c)
			p := Product{M: m, Packed: mustPack(t, v, w, 1), A: from.Operand(), C: to.Operand(), Epilogue: s.epilogue(t)}
			p.Residual = to.Operand()
			planned, err := p.Step()
			if err != nil {
				t.Fatal(err)
			}
			steptest.Run(t, &planned, append(s.buffers, from, to)...)
			s.residual = c
			for i := range m * n {
				s.check(t, to, w.sum(a, true, 0, i/n, i%n), i%n, i)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	w := Weights{Data: make([]byte, 12), K: 3, N: 4, Row: 4, Column: 1}
	packed, err := Pack(isa.Scalar, w)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Free()
	scale := step.Operand{Base: step.BaseArena}
	good := Product{M: 2, Packed: packed, Epilogue: Epilogue{Output: Uint8, AScale: scale, BScale: scale, YScale: scale}}
	if _, err := good.Step(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Product){
		"no rows":    func(p *Product) { p.M = 0 },
		"too many":   func(p *Product) { p.M = limit },
		"no weights": func(p *Product) { p.Packed = nil },
		"type":       func(p *Product) { p.Output = 0 },
		"scales":     func(p *Product) { p.Output = Int32 },
		"no scale":   func(p *Product) { p.YScale = step.Operand{} },
		"activation": func(p *Product) { p.Activation.Kind = activation.Kinds },
	} {
		bad := good
		change(&bad)
		if _, err := bad.Step(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	live := memory.LiveBytes()
	for name, change := range map[string]func(*Weights){
		"strides":     func(w *Weights) { w.Row = 5 },
		"negative":    func(w *Weights) { w.Column = -1 },
		"no columns":  func(w *Weights) { w.N = 0 },
		"zero points": func(w *Weights) { w.Zeros = []int32{1, 2} },
		"range":       func(w *Weights) { w.Zeros = []int32{-1} },
		"large":       func(w *Weights) { w.K, w.N, w.Row, w.Column, w.Data = 1<<30, 1<<31-1, 0, 0, []byte{1} },
	} {
		bad := w
		change(&bad)
		if _, err := Pack(isa.Scalar, bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if memory.LiveBytes() != live {
		t.Error("errors leak memory")
	}
}

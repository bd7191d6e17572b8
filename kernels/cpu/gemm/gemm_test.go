package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/runtime"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// onEachLevel runs a test on every instruction set that this host runs.
func onEachLevel(t *testing.T, test func(t *testing.T, level isa.Level)) {
	for _, level := range []isa.Level{isa.Scalar, isa.AVX2, isa.AVX512} {
		t.Run(level.String(), func(t *testing.T) {
			if !isa.Supported(level) {
				t.Skipf("this processor does not run %v", level)
			}
			test(t, level)
		})
	}
}

// values returns C memory with reproducible values, NaN ahead of and behind them to catch what reads beyond the operand.
func values(t testing.TB, random *rand.Rand, n int) []float32 {
	const guard = 64
	block, err := memory.Allocate(4 * (n + 2*guard))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(block.Free)
	all := block.Float32s()
	for i := range all {
		all[i] = float32(math.NaN())
	}
	v := all[guard : guard+n]
	for i := range v {
		v[i] = float32(random.NormFloat64())
	}
	return v
}

func operand(v []float32) step.Operand { return step.Absolute(unsafe.Pointer(unsafe.SliceData(v))) }

var pool = func() *runtime.Pool {
	pool, err := runtime.New(2)
	if err != nil {
		panic(err)
	}
	return pool
}()

func run(t testing.TB, p Product) {
	t.Helper()
	s, err := p.Step()
	if err != nil {
		t.Fatal(err)
	}
	runStep(t, s)
}

func runStep(t testing.TB, s step.Step) {
	t.Helper()
	steps, err := runtime.NewSteps([]step.Step{s})
	if err != nil {
		t.Fatal(err)
	}
	defer steps.Free()
	if _, done, err := pool.Run(steps, []uintptr{0}, runtime.Cursor{}, runtime.Pause{}); err != nil || !done {
		t.Fatal(done, err)
	}
}

// reference computes element (i, j) of one matrix in float64 and how far a float32 kernel may be from it.
func reference(p *Product, a, b, bias, residual []float32, i, j int) (want, tolerance float64) {
	sum, magnitude := 0.0, 0.0
	for k := range p.K {
		product := float64(a[i*p.A.Row+k*p.A.Column]) * float64(b[k*p.B.Row+j*p.B.Column])
		sum += product
		magnitude += math.Abs(product)
	}
	x := float64(p.Alpha) * sum
	if bias != nil {
		x += float64(bias[j])
	}
	added := 0.0
	if residual != nil {
		added = float64(residual[i*p.Residual.Row+j*p.Residual.Column])
	}
	if p.ResidualLast {
		want = p.Activation.At(x) + added
	} else {
		want = p.Activation.At(x + added)
	}
	return want, 1e-6 * (1 + math.Abs(x) + math.Abs(added) + 0.2*magnitude)
}

func compare(t *testing.T, p *Product, c, a, b, bias, residual []float32) {
	t.Helper()
	for i := range p.M {
		for j := range p.N {
			want, tolerance := reference(p, a, b, bias, residual, i, j)
			got := float64(c[i*p.C.Row+j])
			if !(math.Abs(got-want) <= tolerance) {
				t.Fatalf("M %d N %d K %d: element (%d, %d) is %g, want %g (tolerance %g)", p.M, p.N, p.K, i, j, got, want, tolerance)
			}
		}
	}
}

func TestPackedWeights(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		random := rand.New(rand.NewPCG(1, 2))
		kinds := 0
		for _, m := range []int{1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 34, 65} {
			for _, n := range []int{1, 7, 8, 16, 17, 24, 31, 33, 64, 100, 144} {
				for _, k := range []int{0, 1, 3, 32, 75} {
					kind := activation.Kind(kinds % activation.Kinds)
					kinds++
					p := Product{
						Level: level, M: m, N: n, K: k, Alpha: 1,
						A: Matrix{Row: k + 3, Column: 1}, B: Matrix{Row: n + 1, Column: 1}, C: Matrix{Row: n + 5, Column: 1},
						Activation: activation.Activation{Kind: kind, P0: 0.1, P1: 1.5},
					}
					if kinds%3 == 0 {
						p.B.Row, p.B.Column = 1, k+2
						p.Alpha = 0.7
					}
					a, b := values(t, random, m*p.A.Row), values(t, random, (k+2)*(n+2))
					c := values(t, random, m*p.C.Row)
					var bias, residual []float32
					if kinds%4 != 0 {
						bias = values(t, random, n)
						p.Bias = operand(bias)
					}
					if kinds%5 < 3 {
						residual = values(t, random, m*(n+2))
						p.Residual = Matrix{Operand: operand(residual), Row: n + 2, Column: 1}
						p.ResidualLast = kinds%5 == 1
						if kinds%7 == 0 {
							p.Residual.Column = 0
						}
					}
					packed, err := Pack(level, b, k, n, p.B.Row, p.B.Column)
					if err != nil {
						t.Fatal(err)
					}
					p.Packed, p.A.Operand, p.C.Operand = packed, operand(a), operand(c)
					outside := append([]float32(nil), c...)
					run(t, p)
					compare(t, &p, c, a, b, bias, residual)
					for i := range c {
						if i%p.C.Row >= n && math.Float32bits(c[i]) != math.Float32bits(outside[i]) {
							t.Fatalf("M %d N %d: wrote beyond the columns, at %d", m, n, i)
						}
					}
					packed.Free()
				}
			}
		}
	})
}

func TestBatchedProducts(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		random := rand.New(rand.NewPCG(3, 4))
		for _, size := range [][3]int{{1, 1, 1}, {1, 40, 33}, {5, 17, 8}, {13, 50, 32}, {34, 34, 32}, {50, 3, 64}, {33, 64, 50}} {
			m, n, k := size[0], size[1], size[2]
			for variant := range 4 {
				// As attention has them: batch, heads; A is [batch, m, head, k], B [batch, head, k, n] or its transpose.
				const batch, heads = 2, 3
				p := Product{
					Level: level, M: m, N: n, K: k, Alpha: 0.5, Batch: [3]int{0, batch, heads},
					A: Matrix{Row: heads * k, Column: 1, Batch: [3]int{0, m * heads * k, k}},
					B: Matrix{Row: n, Column: 1, Batch: [3]int{0, heads * k * n, k * n}},
					C: Matrix{Row: n, Column: 1, Batch: [3]int{0, heads * m * n, m * n}},
				}
				if variant&1 != 0 {
					p.B.Row, p.B.Column = 1, k
					p.B.Batch[2] = 0
				}
				if variant&2 != 0 {
					p.A.Row, p.A.Column, p.A.Batch = 1, m, [3]int{0, heads * k * m, k * m}
				}
				a, b := values(t, random, batch*heads*m*k), values(t, random, batch*heads*k*n)
				c, mask := values(t, random, batch*heads*m*n), values(t, random, batch*n)
				p.A.Operand, p.B.Operand, p.C.Operand = operand(a), operand(b), operand(c)
				p.Residual = Matrix{Operand: operand(mask), Row: 0, Column: 1, Batch: [3]int{0, n, 0}}
				run(t, p)
				for i := range batch {
					for h := range heads {
						at := func(v []float32, m Matrix) []float32 { return v[i*m.Batch[1]+h*m.Batch[2]:] }
						compare(t, &p, at(c, p.C), at(a, p.A), at(b, p.B), nil, at(mask, p.Residual))
					}
				}
			}
		}
	})
}

// TestRowsAreIndependent proves that a row's bits do not depend on the batch that it is in: neither through the block of rows,
// nor through the tiling, nor through which operands are packed, nor through NaN in other rows.
func TestRowsAreIndependent(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		random := rand.New(rand.NewPCG(5, 6))
		const most, n, k = 120, 83, 130
		a, b, bias := values(t, random, most*k), values(t, random, k*n), values(t, random, n)
		packed, err := Pack(level, b, k, n, n, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer packed.Free()
		compute := func(first, rows int, weights *Packed) []float32 {
			c := values(t, random, rows*n)
			run(t, Product{
				Level: level, M: rows, N: n, K: k, Alpha: 0.3, Packed: weights, Bias: operand(bias), Activation: activation.Activation{Kind: activation.GELU},
				A: Matrix{Operand: operand(a[first*k:]), Row: k, Column: 1}, B: Matrix{Operand: operand(b), Row: n, Column: 1}, C: Matrix{Operand: operand(c), Row: n, Column: 1},
			})
			return c
		}
		alone := make([][]float32, most)
		for i := range alone {
			alone[i] = compute(i, 1, packed)
		}
		a[119*k] = float32(math.NaN())
		for rows := 2; rows <= most; rows++ {
			for _, weights := range []*Packed{packed, nil} {
				c := compute(0, rows, weights)
				for i := range min(rows, 119) * n {
					if math.Float32bits(c[i]) != math.Float32bits(alone[i/n][i%n]) {
						t.Fatalf("%d rows, packed %v: element %d is %g, alone %g", rows, weights != nil, i, c[i], alone[i/n][i%n])
					}
				}
			}
		}
	})
}

func TestInPlaceResidual(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		for _, kind := range []activation.Kind{activation.None, activation.SiLU} {
			random := rand.New(rand.NewPCG(7, 8))
			const m, n, k = 9, 37, 20
			a, b, c := values(t, random, m*k), values(t, random, k*n), values(t, random, m*n)
			residual := append([]float32(nil), c...)
			p := Product{
				Level: level, M: m, N: n, K: k, Alpha: 1, ResidualLast: true, Activation: activation.Activation{Kind: kind},
				A: Matrix{Operand: operand(a), Row: k, Column: 1}, B: Matrix{Operand: operand(b), Row: n, Column: 1},
				C: Matrix{Operand: operand(c), Row: n, Column: 1}, Residual: Matrix{Operand: operand(c), Row: n, Column: 1},
			}
			run(t, p)
			compare(t, &p, c, a, b, nil, residual)
		}
	})
}

func TestMergesRows(t *testing.T) {
	p := Product{
		Level: isa.Scalar, M: 4, N: 8, K: 2, Alpha: 1, Batch: [3]int{2, 3, 5}, Packed: &Packed{k: 2, n: 8, block: &memory.Block{}},
		A: Matrix{Row: 2, Column: 1, Batch: [3]int{120, 40, 8}}, C: Matrix{Row: 8, Column: 1, Batch: [3]int{480, 160, 32}},
	}
	s, err := p.Step()
	if err != nil {
		t.Fatal(err)
	}
	if s.Parameter[parameterM] != 120 || s.Parameter[parameterBatch] != 1 || s.Parameter[parameterBatch+2] != 1 {
		t.Errorf("M %d, batch %v: not merged", s.Parameter[parameterM], s.Parameter[parameterBatch:parameterBatch+3])
	}
}

func TestErrors(t *testing.T) {
	good := Product{Level: isa.Scalar, M: 1, N: 1, K: 1, Alpha: 1, A: Matrix{Row: 1, Column: 1}, B: Matrix{Row: 1, Column: 1}, C: Matrix{Row: 1, Column: 1}}
	if _, err := good.Step(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Product){
		"no rows":    func(p *Product) { p.M = 0 },
		"negative":   func(p *Product) { p.K = -1 },
		"batch":      func(p *Product) { p.Batch[1] = -2 },
		"column":     func(p *Product) { p.C.Column = 2 },
		"alpha":      func(p *Product) { p.Alpha = 0 },
		"packed":     func(p *Product) { p.Packed = &Packed{k: 2, n: 1} },
		"level":      func(p *Product) { p.Packed = &Packed{level: isa.AVX2, k: 1, n: 1} },
		"activation": func(p *Product) { p.Activation.Kind = 99 },
	} {
		bad := good
		change(&bad)
		if _, err := bad.Step(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, c := range [][4]int{{2, 2, 2, 2}, {2, 0, 1, 1}, {2, 2, -1, 1}, {1 << 40, 2, 0, 0}, {2, 3, 1, 1}} {
		if packed, err := Pack(isa.Scalar, make([]float32, 3), c[0], c[1], c[2], c[3]); err == nil {
			packed.Free()
			t.Error(fmt.Sprint(c), "no error")
		}
	}
}

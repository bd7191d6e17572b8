package cuda_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// gemmCase is a product with the values of its operands. Multiprocessors choose the tile.
type gemmCase struct {
	m, n, k              int
	transposeA, packed   bool // A is [K, M]; B is [N, K]
	batch                int
	sharedB              bool // of the batch
	offset               int  // of all operands, in elements
	multiprocessors      int64
	bias, residual, last bool
	split                bool // along K; B is packed as the kernels want it
	activation           activation.Activation
}

func (c gemmCase) name() string {
	name := fmt.Sprintf("%dx%dx%d", c.m, c.n, c.k)
	for _, option := range []struct {
		set  bool
		name string
	}{{c.transposeA, "tA"}, {c.packed, "tB"}, {c.batch > 1, "batch"}, {c.offset > 0, "unaligned"}, {c.bias, "bias"}, {c.residual, "residual"}, {c.split, "split"}} {
		if option.set {
			name += "_" + option.name
		}
	}
	return name + "_" + c.activation.Kind.String()
}

// productType is an element type, and whether float32 may be multiplied as TF32.
type productType struct {
	cuda.Type
	tensorFloat bool
}

var productTypes = []productType{{cuda.Float32, false}, {cuda.Float32, true}, {cuda.Float16, false}, {cuda.BFloat16, false}}

func (p productType) name() string {
	if p.tensorFloat {
		return "tf32"
	}
	return p.String()
}

// tolerance of sums of k products of normally distributed numbers, relative to what rounding of operands and results costs.
func (p productType) tolerance(k int) emulation.Tolerance {
	t := emulation.Rounding(p.Type)
	if p.tensorFloat {
		t.Relative = 2e-3
	}
	t.Scale = math.Sqrt(float64(k)) + 1
	return t
}

// gemmData are the operands' values and memory.
type gemmData struct {
	a, b, bias, residual     []float64
	bufferA, bufferB         *emulation.Buffer
	bufferBias, bufferR, out *emulation.Buffer
	packed                   cuda.GemmMatrix
	sums                     *emulation.Buffer
}

func (c gemmCase) data(t *testing.T, p productType) *gemmData {
	batchB := c.batch
	if c.sharedB {
		batchB = 1
	}
	d := &gemmData{
		a: randomValues(p.Type, c.batch*c.m*c.k, 1), b: randomValues(p.Type, batchB*c.k*c.n, 2),
		bias: randomValues(p.Type, c.n, 3), residual: randomValues(p.Type, c.m*c.n, 4),
	}
	offset := c.offset * int(p.Size())
	buffer := func(values []float64) *emulation.Buffer {
		return emulation.NewBuffer(t, emulation.Encode(p.Type, values), offset)
	}
	d.bufferA, d.bufferB, d.bufferBias, d.bufferR = buffer(d.a), buffer(d.b), buffer(d.bias), buffer(d.residual)
	d.out = emulation.NewBuffer(t, make([]byte, c.batch*c.m*c.n*int(p.Size())), offset)
	if c.split {
		d.packB(t, c, cuda.Gemm{Type: p.Type, TensorFloat: p.tensorFloat, K: int64(c.k), B: cuda.GemmMatrix{Operand: d.bufferB.Operand(), Row: int64(c.n), Column: 1}})
	}
	return d
}

func (c gemmCase) gemm(p productType, d *gemmData) cuda.Gemm {
	m, n, k := int64(c.m), int64(c.n), int64(c.k)
	g := cuda.Gemm{
		Type: p.Type, TensorFloat: p.tensorFloat, M: m, N: n, K: k, Batch: [3]int64{1, int64(c.batch), 1}, Multiprocessors: c.multiprocessors,
		A: cuda.GemmMatrix{Operand: d.bufferA.Operand(), Row: k, Column: 1, Batch: [3]int64{0, m * k, 0}},
		B: cuda.GemmMatrix{Operand: d.bufferB.Operand(), Row: n, Column: 1, Batch: [3]int64{0, n * k, 0}},
		C: cuda.GemmMatrix{Operand: d.out.Operand(), Row: n, Column: 1, Batch: [3]int64{0, m * n, 0}},
	}
	g.Alpha, g.Activation, g.ResidualLast = 0.5, c.activation, c.last
	if c.transposeA {
		g.A.Row, g.A.Column = 1, m
	}
	if c.packed {
		g.B.Row, g.B.Column = 1, k
	}
	if c.sharedB {
		g.B.Batch = [3]int64{}
	}
	if c.bias {
		g.Bias = d.bufferBias.Operand()
	}
	if g.Split = c.split; c.split {
		g.B = d.packed
		g.Sums = d.sums.Operand()
	}
	if c.residual {
		g.Residual, g.ResidualRow, g.ResidualColumn = d.bufferR.Operand(), n, 1
	}
	return g
}

// packB gives B the form that sums which are split want: dense, with its columns in neighbours for exact float32 and its rows otherwise.
func (d *gemmData) packB(t *testing.T, c gemmCase, g cuda.Gemm) {
	if d.sums != nil {
		return
	}
	d.sums = emulation.NewBuffer(t, make([]byte, 8*4*c.m*(c.n+3)), 0)
	values := make([]float64, 0, len(d.b))
	if d.packed = g.B; (g.B.Column == 1) != g.WantsColumns() {
		for j := range c.n {
			for i := range c.k {
				values = append(values, d.b[i*c.n+j])
			}
		}
		d.packed = cuda.GemmMatrix{Operand: emulation.NewBuffer(t, emulation.Encode(g.Type, values), 0).Operand(), Row: 1, Column: g.K}
	}
}

// want computes the product in float64.
func (c gemmCase) want(d *gemmData) []float64 {
	var list []float64
	for batch := range c.batch {
		a, b := d.a[batch*c.m*c.k:], d.b
		if !c.sharedB {
			b = d.b[batch*c.n*c.k:]
		}
		for i := range c.m {
			for j := range c.n {
				sum := 0.0
				for k := range c.k {
					at, bt := i*c.k+k, k*c.n+j
					if c.transposeA {
						at = k*c.m + i
					}
					if c.packed {
						bt = j*c.k + k
					}
					sum += a[at] * b[bt]
				}
				list = append(list, c.finish(0.5*sum, d, i, j))
			}
		}
	}
	return list
}

func (c gemmCase) finish(value float64, d *gemmData, i, j int) float64 {
	if c.bias {
		value += d.bias[j]
	}
	if c.residual && !c.last {
		value += d.residual[i*c.n+j]
	}
	value = c.activation.At(value)
	if c.residual && c.last {
		value += d.residual[i*c.n+j]
	}
	return value
}

// gemmCases reach every tile and variant.
func gemmCases() []gemmCase {
	gelu, relu := activation.Activation{Kind: activation.GELU}, activation.Activation{Kind: activation.Relu}
	return []gemmCase{
		{m: 1, n: 1, k: 1, batch: 1},
		{m: 1, n: 40, k: 72, batch: 1, bias: true, activation: gelu},
		{m: 16, n: 33, k: 64, batch: 1, packed: true, bias: true},
		{m: 5, n: 48, k: 520, batch: 1, residual: true, activation: relu},
		{m: 70, n: 72, k: 40, batch: 1, bias: true, residual: true, activation: relu},
		{m: 70, n: 72, k: 40, batch: 1, packed: true, bias: true, residual: true, last: true, activation: gelu},
		{m: 130, n: 136, k: 48, batch: 1, bias: true, residual: true, activation: gelu},
		{m: 256, n: 128, k: 104, batch: 1, packed: true, residual: true},
		{m: 100, n: 60, k: 32, batch: 3},
		{m: 66, n: 40, k: 24, batch: 2, sharedB: true, packed: true},
		{m: 37, n: 29, k: 19, batch: 1, transposeA: true, bias: true},
		{m: 130, n: 70, k: 33, batch: 2, transposeA: true, packed: true},
		{m: 66, n: 64, k: 64, batch: 1, offset: 1, bias: true, residual: true},
		{m: 60, n: 60, k: 40, batch: 1, packed: true},
		{m: 3, n: 4, k: 0, batch: 1, bias: true},
		{m: 3, n: 40, k: 1200, batch: 1, bias: true, residual: true, split: true, activation: gelu},
		{m: 130, n: 24, k: 1160, batch: 1, bias: true, residual: true, split: true, activation: relu},
		{m: 66, n: 8, k: 1101, batch: 1, bias: true, split: true},
		{m: 5, n: 7, k: 1040, batch: 1, residual: true, last: true, split: true},
	}
}

func TestGemm(t *testing.T) {
	library := emulation.Open(t)
	missing := kernelsIn(t, "gemm_f32.cu", "gemm_tf32.cu", "gemm_f16.cu", "gemm_bf16.cu", "join.cu")
	for _, p := range productTypes {
		for _, c := range gemmCases() {
			t.Run(p.name()+"/"+c.name(), func(t *testing.T) {
				d := c.data(t, p)
				want := c.want(d)
				for _, c.multiprocessors = range []int64{1, 2, 3, 108} {
					clear(d.out.Bytes())
					launches, err := c.gemm(p, d).Plan()
					runAll(t, library, launches, err)
					for _, l := range launches {
						delete(missing, l.Kernel)
					}
					emulation.Compare(t, launches[0].Kernel, p.Type, d.out.Bytes(), want, p.tolerance(c.k))
				}
			})
		}
	}
	if len(missing) > 0 {
		t.Errorf("no case runs %v", slices.Sorted(maps.Keys(missing)))
	}
}

// TestGemmWarpGroups runs Hopper's kernels: whether their descriptors say what the instructions' manual says is all that can be seen without the device.
func TestGemmWarpGroups(t *testing.T) {
	library := emulation.Open(t)
	for _, p := range productTypes[2:] {
		for _, c := range gemmCases() {
			if !c.split || c.k%8 != 0 {
				continue
			}
			d := c.data(t, p)
			g := c.gemm(p, d)
			g.WarpGroups = true
			launches, err := g.Plan()
			runAll(t, library, launches, err)
			if len(launches) != 1 || launches[0].Module != "gemm_hopper" {
				t.Fatalf("launches are %+v", launches)
			}
			emulation.Compare(t, c.name(), p.Type, d.out.Bytes(), c.want(d), p.tolerance(c.k))
			g.A.Operand.Offset += p.Size()
			var unsupported *cuda.UnsupportedError
			if _, err := g.Plan(); !errors.As(err, &unsupported) {
				t.Errorf("an unaligned operand: %v", err)
			}
		}
	}
}

// kernelsIn finds the kernels of the sources that patterns match.
func kernelsIn(t *testing.T, patterns ...string) map[string]bool {
	t.Helper()
	var sources []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no sources are named %s: %v", pattern, err)
		}
		sources = append(sources, found...)
	}
	names := make(map[string]bool)
	for _, source := range sources {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^KERNEL\((\w+),`).FindAllStringSubmatch(string(content), -1) {
			names[match[1]] = true
		}
	}
	return names
}

// TestGemmActivations compares every activation, with and without packs.
func TestGemmActivations(t *testing.T) {
	library := emulation.Open(t)
	for kind := activation.None; kind < activation.Kinds; kind++ {
		for _, n := range []int{8, 9} {
			t.Run(fmt.Sprint(kind, n), func(t *testing.T) {
				c := gemmCase{m: 20, n: n, k: 4, batch: 1, multiprocessors: 8, activation: activation.Activation{Kind: kind, P0: 0.25, P1: 0.5}}
				p := productType{Type: cuda.Float32}
				d := c.data(t, p)
				launches, err := c.gemm(p, d).Plan()
				runAll(t, library, launches, err)
				emulation.Compare(t, "product", p.Type, d.out.Bytes(), c.want(d), p.tolerance(c.k))
			})
		}
	}
}

// TestGemmRowsAreIndependent proves that a row's bits depend neither on the number of rows, nor on the tile, nor on how operands are read.
func TestGemmRowsAreIndependent(t *testing.T) {
	library := emulation.Open(t)
	for _, p := range productTypes {
		c := gemmCase{m: 130, n: 128, k: 72, batch: 1, packed: p.Type != cuda.Float32 || p.tensorFloat, bias: true}
		checkRows(t, library, p, c, 3)
		checkRows(t, library, p, gemmCase{m: 130, n: 8, k: 1104, batch: 1, split: true, bias: true}, 2)
	}
}

// checkRows compares the rows of a product with fewer rows of it, and demands that at least so many kernels take part.
func checkRows(t *testing.T, library *emulation.Library, p productType, c gemmCase, atLeast int) {
	t.Helper()
	d := c.data(t, p)
	kernels := make(map[string]bool)
	var want []byte
	for _, variant := range []struct {
		rows, multiprocessors int64
		shift                 bool // A lies unaligned
	}{{130, 1, false}, {130, 3, false}, {130, 5, false}, {66, 1, false}, {1, 108, false}, {16, 108, false}, {17, 1, true}} {
		g := c.gemm(p, d)
		g.M, g.Multiprocessors = variant.rows, variant.multiprocessors
		if variant.shift {
			shifted := emulation.NewBuffer(t, d.bufferA.Bytes(), int(p.Size()))
			g.A.Operand = shifted.Operand()
		}
		launches, err := g.Plan()
		runAll(t, library, launches, err)
		kernels[launches[0].Kernel] = true
		size := int(variant.rows) * c.n * int(p.Size())
		if want == nil {
			want = bytes.Clone(d.out.Bytes())
		}
		if !bytes.Equal(d.out.Bytes()[:size], want[:size]) {
			t.Errorf("%s: %d rows differ from the same rows of %d", launches[0].Kernel, variant.rows, c.m)
		}
	}
	if len(kernels) < atLeast {
		t.Errorf("only %v ran", kernels)
	}
}

func TestGemmRefusals(t *testing.T) {
	good := cuda.Gemm{Type: cuda.Float16, M: 8, N: 8, K: 8, Batch: [3]int64{1, 1, 1}, C: cuda.GemmMatrix{Row: 8, Column: 1}}
	for name, change := range map[string]func(*cuda.Gemm){
		"type":     func(g *cuda.Gemm) { g.Type = cuda.Int32 },
		"size":     func(g *cuda.Gemm) { g.K = 1 << 40 },
		"column":   func(g *cuda.Gemm) { g.C.Column = 2 },
		"residual": func(g *cuda.Gemm) { g.Batch[2] = 2; g.Residual = step.Operand{Base: step.BaseArena, Offset: 64} },
		"grid":     func(g *cuda.Gemm) { g.M, g.N, g.Batch[0] = 1<<29, 1<<20, 1<<10 },
	} {
		g := good
		change(&g)
		var unsupported *cuda.UnsupportedError
		if _, err := g.Plan(); !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	none := good
	none.M = 0
	if launches, err := none.Plan(); err != nil || len(launches) != 0 {
		t.Errorf("no rows: %v, %v", launches, err)
	}
}

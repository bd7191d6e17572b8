package integer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// onEachLevel runs a test with each set of kernels that this host runs.
func onEachLevel(t *testing.T, test func(t *testing.T, level Level)) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) { test(t, Level{Level: level}) })
	t.Run("avx512_vnni", func(t *testing.T) {
		if !isa.SupportedDotProducts() {
			t.Skip("this processor does not multiply bytes")
		}
		test(t, Level{isa.AVX512, true})
	})
}

// layer is a convolution of integers, or with a height of 0 a matrix product of `images` rows.
type layer struct {
	images, height, width, channels, outputs, groups int
	kernel, stride, dilation, pad                    int
}

func matrices(m, n, k int) layer {
	return layer{images: m, height: 1, width: 1, channels: k, outputs: n, groups: 1, kernel: 1, stride: 1, dilation: 1}
}

func (l layer) outputSize() (height, width int) {
	size := func(x int) int { return (x+2*l.pad-(l.kernel-1)*l.dilation-1)/l.stride + 1 }
	return size(l.height), size(l.width)
}

// variantCase says what is about a layer's sums. Scales are powers of two, so that float32 is exact but for activations.
type variantCase struct {
	unsignedA, unsignedB, integerBias, bias, residual, last bool
	zeros                                                   int // none, one for A, one for each operand, one for each output
	output                                                  Output
	activation                                              activation.Kind
}

const (
	aScale, yScale = 1.0 / 128, 0.25
	yZero          = 3
)

func bScale(output int) float32 { return 1 / float32(int(16)<<(output%3)) }

// operands are a case's values and memory.
type operands struct {
	a, b           []float64 // less their zero points
	bias, residual []float64
	c              *steptest.Buffer
	product        Product
}

// integersOf makes bytes and what they stand for, less a zero point for each `each` neighbours.
func integersOf(random *rand.Rand, count, each int, isUnsigned bool, zeros []int32) (content []byte, values []float64) {
	for i := range count {
		b := byte(random.UintN(256))
		value := float64(int8(b))
		if isUnsigned {
			value = float64(b)
		}
		if len(zeros) > 0 {
			value -= float64(zeros[min(i/each, len(zeros)-1)])
		}
		content, values = append(content, b), append(values, value)
	}
	return content, values
}

func (v variantCase) zeroPoints(outputs int) (zeros []int32) {
	switch v.zeros {
	case 2:
		zeros = []int32{-7}
	case 3:
		for i := range outputs {
			zeros = append(zeros, int32(i%23)-11)
		}
	}
	for i := range zeros {
		if v.unsignedB {
			zeros[i] += 128
		}
	}
	return zeros
}

func (l layer) operands(t *testing.T, level Level, v variantCase) *operands {
	random := rand.New(rand.NewPCG(1, 2))
	o := &operands{}
	var aZero []int32
	p := &o.product
	if v.zeros > 0 {
		aZero = []int32{5}
		p.AZero = steptest.From(t, []byte{5}).Operand()
	}
	as, a := integersOf(random, l.images*l.height*l.width*l.channels, 1, v.unsignedA, aZero)
	count := l.outputs * l.channels / l.groups * l.kernel * l.kernel
	bs, b := integersOf(random, count, count/l.outputs, v.unsignedB, v.zeroPoints(l.outputs))
	o.a, o.b = a, b
	w := Weights{
		Outputs: l.outputs, Groups: l.groups, GroupChannels: l.channels / l.groups, KernelHeight: l.kernel, KernelWidth: l.kernel, Unsigned: v.unsignedB, Data: bs,
		Zeros: v.zeroPoints(l.outputs),
	}
	for i := range l.outputs {
		w.Scales = append(w.Scales, bScale(i))
	}
	packed, err := Pack(level, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(packed.Free)
	height, width := l.outputSize()
	*p = Product{
		Weights: packed, Images: l.images, Height: l.height, Width: l.width, OutputHeight: height, OutputWidth: width, StrideHeight: l.stride, StrideWidth: l.stride,
		DilationHeight: l.dilation, DilationWidth: l.dilation, PadTop: l.pad, PadLeft: l.pad, A: steptest.From(t, as).Operand(), UnsignedA: v.unsignedA, AZero: p.AZero,
		AScale: steptest.From(t, []float32{aScale}).Operand(), ResidualLast: v.last, Output: v.output, Activation: activation.Activation{Kind: v.activation},
	}
	size := map[Output]int{Int32: 4, Float32: 4, Uint8: 1, Int8: 1}[v.output]
	elements := l.images * height * width * l.outputs
	o.c = steptest.NewBuffer(t, elements*size)
	p.C = o.c.Operand()
	o.add(t, v, l.outputs, elements)
	return o
}

// add adds what follows the sums.
func (o *operands) add(t *testing.T, v variantCase, outputs, elements int) {
	p := &o.product
	var integers []int32
	var floats []float32
	for i := range outputs {
		integers, floats = append(integers, int32(i*117-900)), append(floats, float32(i%13-6)/4)
	}
	for i := range outputs {
		o.bias = append(o.bias, map[bool]float64{true: float64(integers[i]), false: float64(floats[i])}[v.integerBias])
	}
	switch {
	case v.bias && v.integerBias:
		p.Bias, p.IntegerBias = steptest.From(t, integers).Operand(), true
	case v.bias:
		p.Bias = steptest.From(t, floats).Operand()
	}
	if v.residual {
		residual := steptest.Random(3, elements)
		for _, x := range residual {
			o.residual = append(o.residual, float64(x))
		}
		p.Residual = steptest.From(t, residual).Operand()
	}
	if v.output == Uint8 || v.output == Int8 {
		p.YScale, p.YZero = steptest.From(t, []float32{yScale}).Operand(), steptest.From(t, []byte{yZero}).Operand()
	}
}

// sum adds the products of one element.
func (l layer) sum(o *operands, image, row, column, output int) (sum float64) {
	each := l.channels / l.groups
	first := output / (l.outputs / l.groups) * each
	for i := range l.kernel {
		for j := range l.kernel {
			y, x := row*l.stride-l.pad+i*l.dilation, column*l.stride-l.pad+j*l.dilation
			if y < 0 || x < 0 || y >= l.height || x >= l.width {
				continue
			}
			for channel := range each {
				sum += o.a[((image*l.height+y)*l.width+x)*l.channels+first+channel] * o.b[((output*each+channel)*l.kernel+i)*l.kernel+j]
			}
		}
	}
	return sum
}

// want computes element i in float64.
func (l layer) want(o *operands, v variantCase, i int) float64 {
	height, width := l.outputSize()
	output, pixel := i%l.outputs, i/l.outputs
	value := l.sum(o, pixel/width/height, pixel/width%height, pixel%width, output)
	if v.output == Int32 {
		return value
	}
	if v.bias && v.integerBias {
		value += o.bias[output]
	}
	value *= aScale * float64(bScale(output))
	if v.bias && !v.integerBias {
		value += o.bias[output]
	}
	if v.residual && !v.last {
		value += o.residual[i]
	}
	value = activation.Activation{Kind: v.activation}.At(value)
	if v.residual && v.last {
		value += o.residual[i]
	}
	switch rounded := math.RoundToEven(value/yScale) + yZero; v.output {
	case Uint8:
		return min(max(rounded, 0), 255)
	case Int8:
		return min(max(rounded, -128), 127)
	}
	return value
}

func (o *operands) got(output Output) (values []float64) {
	switch output {
	case Int32:
		return floats(steptest.View[int32](o.c))
	case Float32:
		return floats(steptest.View[float32](o.c))
	case Uint8:
		return floats(steptest.View[uint8](o.c))
	}
	return floats(steptest.View[int8](o.c))
}

func floats[T int32 | float32 | uint8 | int8](list []T) (values []float64) {
	for _, x := range list {
		values = append(values, float64(x))
	}
	return values
}

func (l layer) check(t *testing.T, level Level, v variantCase) {
	o := l.operands(t, level, v)
	s, err := o.product.Step()
	if err != nil {
		t.Fatal(err)
	}
	steptest.Run(t, &s, o.c)
	for i, got := range o.got(v.output) {
		want := l.want(o, v, i)
		if tolerance := 1e-5 * (1 + math.Abs(want)); got != want && !(v.output == Float32 && math.Abs(got-want) <= tolerance) {
			t.Fatalf("element %d is %v, want %v", i, got, want)
		}
	}
}

func TestProducts(t *testing.T) {
	layers := []layer{
		matrices(1, 7, 5), matrices(3, 40, 16), matrices(2, 130, 64), matrices(5, 65, 63), matrices(6, 33, 128), matrices(13, 96, 37), matrices(70, 19, 130), matrices(150, 200, 9),
		{2, 7, 8, 3, 16, 1, 3, 2, 1, 1}, {1, 6, 5, 16, 40, 1, 3, 1, 2, 2}, {2, 5, 6, 12, 9, 3, 3, 1, 1, 1}, {3, 4, 5, 24, 33, 1, 1, 1, 1, 0}, {1, 5, 5, 8, 12, 1, 1, 2, 1, 0},
		{2, 7, 6, 16, 16, 16, 3, 1, 1, 1}, {1, 20, 21, 5, 5, 5, 19, 1, 1, 9}, {1, 8, 9, 21, 21, 21, 5, 2, 1, 2}, {1, 6, 6, 6, 12, 6, 3, 1, 1, 1},
	}
	outputs := []Output{Int32, Float32, Uint8, Int8}
	onEachLevel(t, func(t *testing.T, level Level) {
		for i, l := range layers {
			for zeros := range 4 {
				v := variantCase{unsignedA: (i+zeros)%2 == 0, unsignedB: i/2%2 == zeros%2, zeros: zeros, output: outputs[(i+zeros)%4]}
				if v.output != Int32 {
					v.bias, v.integerBias = i%3 != 1, (i+zeros)%8 < 4
					v.residual, v.last = v.output == Float32 && zeros%2 == 0, i%4 == 0
					v.activation = []activation.Kind{activation.None, activation.Relu}[(i+zeros)/2%2]
				}
				if v.output == Float32 && i%5 == 0 {
					v.activation = activation.GELU
				}
				t.Run(fmt.Sprintf("%+v/%+v", l, v), func(t *testing.T) { l.check(t, level, v) })
			}
		}
	})
}

// TestRowsAreIndependent proves that a row's bits depend neither on the number of rows nor on the tiles.
func TestRowsAreIndependent(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level Level) {
		v := variantCase{unsignedA: true, zeros: 3, output: Float32, bias: true, activation: activation.GELU}
		o := matrices(37, 70, 50).operands(t, level, v)
		s, err := o.product.Step()
		if err != nil {
			t.Fatal(err)
		}
		steptest.Run(t, &s, o.c)
		want := append([]float32(nil), steptest.View[float32](o.c)...)
		for _, rows := range []int{1, 2, 5, 12, 13, 36} {
			clear(steptest.View[float32](o.c))
			o.product.Matrix(rows)
			if s, err = o.product.Step(); err != nil {
				t.Fatal(err)
			}
			steptest.Run(t, &s, o.c)
			for i, x := range steptest.View[float32](o.c)[:rows*70] {
				if x != want[i] {
					t.Fatalf("%d rows: element %d is %v, and %v of 37 rows", rows, i, x, want[i])
				}
			}
		}
	})
}

func TestTransposedWeights(t *testing.T) {
	w := Weights{Outputs: 5, Groups: 1, GroupChannels: 7, KernelHeight: 1, KernelWidth: 1, Data: make([]byte, 35)}
	turned := w
	turned.Transposed, turned.Data = true, make([]byte, 35)
	for i := range w.Data {
		w.Data[i] = byte(i*7 - 100)
		turned.Data[i%7*5+i/7] = w.Data[i]
	}
	var packed [2]*Packed
	for i, weights := range []Weights{w, turned} {
		var err error
		if packed[i], err = Pack(Level{}, weights); err != nil {
			t.Fatal(err)
		}
		defer packed[i].Free()
	}
	if string(packed[0].block.Bytes()) != string(packed[1].block.Bytes()) {
		t.Error("a matrix and its transpose are packed differently")
	}
}

func TestRefusals(t *testing.T) {
	w := Weights{Outputs: 4, Groups: 1, GroupChannels: 3, KernelHeight: 1, KernelWidth: 1, Data: make([]byte, 12)}
	for name, change := range map[string]func(w *Weights){
		"size":   func(w *Weights) { w.Outputs = 0 },
		"bytes":  func(w *Weights) { w.Data = w.Data[1:] },
		"groups": func(w *Weights) { w.Groups = 3 },
		"zeros":  func(w *Weights) { w.Zeros = make([]int32, 3) },
	} {
		bad := w
		change(&bad)
		if p, err := Pack(Level{}, bad); err == nil {
			p.Free()
			t.Errorf("%s: packed", name)
		}
	}
	packed, err := Pack(Level{}, w)
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Free()
	there := step.Operand{Base: step.BaseArena, Offset: 64}
	for name, change := range map[string]func(p *Product){
		"rows":       func(p *Product) { p.Images = 0 },
		"stride":     func(p *Product) { p.StrideWidth = 0 },
		"activation": func(p *Product) { p.Activation.Kind = activation.Kinds },
		"scales":     func(p *Product) { p.Output = Float32 },
		"sums":       func(p *Product) { p.Bias = there },
	} {
		p := Product{Weights: packed}
		p.Matrix(3)
		change(&p)
		if _, err := p.Step(); err == nil {
			t.Errorf("%s: planned", name)
		}
	}
}

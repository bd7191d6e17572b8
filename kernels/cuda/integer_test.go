package cuda_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// integerCase is a layer of integers. Scales are powers of two, so that float32 is exact but for activations.
type integerCase struct {
	convCase
	unsignedA, unsignedB, integerBias bool
	zeros                             int // zero points: none, one for A, one for each operand, one for each output
	output                            cuda.Type
}

// matrices is a product of [m, k] and [k, n].
func matrices(m, n, k int) convCase {
	return convCase{images: m, height: 1, width: 1, channels: k, outputs: n, groups: 1, kernel: [2]int{1, 1}, strides: [2]int{1, 1}, dilations: [2]int{1, 1}}
}

func (c integerCase) String() string {
	return fmt.Sprintf("%v_%v_%v_zeros%d_%v", c.convCase, c.unsignedA, c.unsignedB, c.zeros, c.output)
}

const (
	integerAScale, integerYScale = 1.0 / 128, 0.25
	integerYZero                 = 3
)

// integerBScale is the scale of an output.
func integerBScale(output int) float64 { return 1 / float64(int(16)<<(output%3)) }

// operand makes integers of a type and the numbers that they are less the zero points, one for each of `each` neighbours or one for all.
func integerOperand(count, each int, isUnsigned bool, zeros []int32, seed uint64) (content []byte, values []float64) {
	random := rand.New(rand.NewPCG(seed, 2))
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

// randomIntegers are of the whole range of int8.
func randomIntegers(count int, seed uint64) []float64 {
	_, values := integerOperand(count, 1, false, nil, seed)
	return values
}

// zeroPoints are those of the weights.
func (c integerCase) zeroPoints() (zeros []int32) {
	switch c.zeros {
	case 2:
		zeros = []int32{-7}
	case 3:
		for i := range c.outputs {
			zeros = append(zeros, int32(i%23)-11)
		}
	}
	for i := range zeros {
		if c.unsignedB {
			zeros[i] += 128
		}
	}
	return zeros
}

// data fills the operands' memory. The layer is described without them.
func (c integerCase) data(t *testing.T, offset int) (d *convData, conv cuda.IntegerConv) {
	plain := c.convCase.data(t, productType{Type: cuda.Float32}, 0)
	buffer := func(content []byte) step.Operand { return emulation.NewBuffer(t, content, offset).Operand() }
	aligned := func(content []byte) step.Operand { return emulation.NewBuffer(t, content, 0).Operand() }
	number := func(x float64) step.Operand { return aligned(emulation.Encode(cuda.Float32, []float64{x})) }
	w := cuda.IntegerWeights{
		Outputs: int64(c.outputs), Groups: int64(c.groups), GroupChannels: int64(c.channels / c.groups), KernelHeight: int64(c.kernel[0]),
		KernelWidth: int64(c.kernel[1]), Unsigned: c.unsignedB,
	}
	conv = cuda.IntegerConv{
		IntegerWeights: w, Images: plain.conv.Images, Height: plain.conv.Height, Width: plain.conv.Width, OutputHeight: plain.conv.OutputHeight,
		OutputWidth: plain.conv.OutputWidth, Strides: plain.conv.Strides, Dilations: plain.conv.Dilations, PadTop: plain.conv.PadTop, PadLeft: plain.conv.PadLeft,
	}
	d = &convData{residual: plain.residual}
	var aZero []int32
	conv.UnsignedA, conv.Output = c.unsignedA, c.output
	if c.zeros > 0 {
		aZero = []int32{5}
		conv.AZero = aligned([]byte{5})
	}
	xs, x := integerOperand(c.images*c.height*c.width*c.channels, 1, c.unsignedA, aZero, 1)
	ws, weights := integerOperand(len(plain.weights), len(plain.weights)/c.outputs, c.unsignedB, c.zeroPoints(), 2)
	d.x, d.weights, conv.X = x, weights, buffer(xs)
	var scales []float32
	for i := range c.outputs {
		scales = append(scales, float32(integerBScale(i)))
	}
	conv.HasZeros = w.AnyZero(c.zeroPoints())
	conv.Packed = aligned(conv.Pack(ws, c.zeroPoints(), scales))
	height, width := c.outputSize()
	d.out = emulation.NewBuffer(t, make([]byte, c.images*height*width*c.outputs*int(c.output.Size())), offset*int(c.output.Size()))
	conv.Y, conv.AScale = d.out.Operand(), number(integerAScale)
	c.addTo(&conv, d, aligned, number)
	return d, conv
}

// addTo adds what follows the sums.
func (c integerCase) addTo(conv *cuda.IntegerConv, d *convData, aligned func([]byte) step.Operand, number func(float64) step.Operand) {
	if c.bias && c.integerBias {
		var content []byte
		for i := range c.outputs {
			content = binary.LittleEndian.AppendUint32(content, uint32(int32(i*117-900)))
			d.bias = append(d.bias, float64(i*117-900))
		}
		conv.Bias, conv.IntegerBias = aligned(content), true
	} else if c.bias {
		for i := range c.outputs {
			d.bias = append(d.bias, float64(i%13-6)/4)
		}
		conv.Bias = aligned(emulation.Encode(cuda.Float32, d.bias))
	}
	conv.Activation, conv.ResidualLast = c.activation, c.last
	if c.residual {
		content := emulation.Encode(c.output, d.residual)
		d.residual, conv.Residual = emulation.Decode(c.output, content), aligned(content)
	}
	if c.output == cuda.Int8 || c.output == cuda.Uint8 {
		conv.YScale, conv.YZero = number(integerYScale), aligned([]byte{integerYZero})
	}
}

// want computes the layer in float64, which is exact up to the activation.
func (c integerCase) want(d *convData) (list []float64) {
	height, width := c.outputSize()
	for i := range c.images * height * width * c.outputs {
		output, pixel := i%c.outputs, i/c.outputs
		value := c.sum(d, pixel/width/height, pixel/width%height, pixel%width, output)
		if c.output == cuda.Int32 {
			list = append(list, value)
			continue
		}
		if c.integerBias && c.bias {
			value += d.bias[output]
		}
		value *= integerAScale * integerBScale(output)
		if c.bias && !c.integerBias {
			value += d.bias[output]
		}
		if c.residual && !c.last {
			value += d.residual[i]
		}
		value = c.activation.At(value)
		if c.residual && c.last {
			value += d.residual[i]
		}
		switch rounded := math.RoundToEven(value/integerYScale) + integerYZero; c.output {
		case cuda.Int8:
			value = min(max(rounded, -128), 127)
		case cuda.Uint8:
			value = min(max(rounded, 0), 255)
		}
		list = append(list, value)
	}
	return list
}

func integerCases() (cases []integerCase) {
	layers := []convCase{
		matrices(3, 8, 16), matrices(70, 40, 64), matrices(130, 132, 80), matrices(20, 19, 144), matrices(5, 7, 9), matrices(66, 70, 37), matrices(150, 70, 208),
		square(1, 9, 3, 16, 1, 3, 2, 1, 1), square(2, 7, 16, 40, 1, 3, 1, 1, 1), square(1, 6, 48, 130, 1, 3, 1, 2, 2), square(2, 5, 32, 24, 2, 3, 1, 1, 1), square(1, 6, 8, 36, 2, 3, 2, 2, 3),
		square(3, 4, 24, 33, 1, 1, 1, 1, 0), square(1, 5, 32, 24, 1, 1, 2, 1, 0), square(3, 8, 64, 68, 1, 3, 1, 1, 1), square(2, 7, 16, 16, 16, 3, 1, 1, 1), square(1, 8, 13, 13, 13, 5, 2, 1, 2),
	}
	outputs := []cuda.Type{cuda.Int32, cuda.Float32, cuda.Int8, cuda.Uint8, cuda.Float16, cuda.BFloat16}
	for i, layer := range layers {
		for zeros := range 4 {
			c := integerCase{convCase: layer, unsignedA: (i+zeros)%2 == 0, unsignedB: i/2%2 == zeros%2, zeros: zeros, output: outputs[(i+zeros)%len(outputs)]}
			if c.output != cuda.Int32 {
				c.bias, c.integerBias = i%3 != 1, (i+zeros)%4 < 2
				c.residual, c.last = c.output.IsFloat() && zeros%2 == 0, i%4 == 0
				c.activation.Kind = []activation.Kind{activation.None, activation.Relu}[(i+zeros)/2%2]
			}
			cases = append(cases, c)
		}
	}
	return cases
}

func TestIntegerProducts(t *testing.T) {
	library := emulation.Open(t)
	missing := kernelsIn(t, "gemm_i8.cu", "conv_i8.cu")
	for _, c := range integerCases() {
		t.Run(c.String(), func(t *testing.T) {
			for _, offset := range []int{0, 1} {
				d, conv := c.data(t, offset)
				want := c.want(d)
				for _, conv.Multiprocessors = range []int64{1, 4, 108} {
					clear(d.out.Bytes())
					launches, err := conv.Plan()
					runAll(t, library, launches, err)
					delete(missing, launches[0].Kernel)
					emulation.Compare(t, launches[0].Kernel, c.output, d.out.Bytes(), want, emulation.Rounding(c.output))
				}
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no case runs %v", slices.Sorted(maps.Keys(missing)))
	}
}

// TestIntegerMatrices reads B as [K, N] too.
func TestIntegerMatrices(t *testing.T) {
	const outputs, depth = 5, 7
	content, _ := integerOperand(outputs*depth, 1, true, nil, 3)
	turned := make([]byte, len(content))
	for i, x := range content {
		turned[i%depth*outputs+i/depth] = x
	}
	w := cuda.IntegerWeights{Outputs: outputs, Groups: 1, GroupChannels: depth, KernelHeight: 1, KernelWidth: 1, Unsigned: true}
	rows := w.Pack(content, []int32{120}, nil)
	w.Transposed = true
	if columns := w.Pack(turned, []int32{120}, nil); !slices.Equal(rows, columns) {
		t.Errorf("packed %v and %v", rows, columns)
	}
}

func TestIntegerRefusals(t *testing.T) {
	there := step.Operand{Base: step.BaseArena, Offset: 64}
	for name, change := range map[string]func(*cuda.IntegerGemm){
		"type":     func(g *cuda.IntegerGemm) { g.Output = cuda.Int64 },
		"size":     func(g *cuda.IntegerGemm) { g.K = 1 << 40 },
		"sums":     func(g *cuda.IntegerGemm) { g.Output, g.Bias = cuda.Int32, there },
		"residual": func(g *cuda.IntegerGemm) { g.Output, g.Residual = cuda.Int8, there },
		"scale":    func(g *cuda.IntegerGemm) { g.YScale = there },
		"grid":     func(g *cuda.IntegerGemm) { g.M, g.N = 1<<29, 1<<29 },
	} {
		g := cuda.IntegerGemm{M: 8, N: 8, K: 8}
		change(&g)
		var unsupported *cuda.UnsupportedError
		if _, err := g.Plan(); !errors.As(err, &unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if launches, err := (cuda.IntegerGemm{N: 8, K: 8}).Plan(); err != nil || len(launches) != 0 {
		t.Errorf("no rows: %v, %v", launches, err)
	}
}

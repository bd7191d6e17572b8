package gemm8

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/conv"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// layerCase is a layer and the size of its input.
type layerCase struct {
	conv.Params
	batch, height, width int
}

func square(input, output, groups, kernel, stride, dilation, pad int) conv.Params {
	return conv.Params{
		InputChannels: input, OutputChannels: output, Groups: groups, KernelHeight: kernel, KernelWidth: kernel, StrideHeight: stride, StrideWidth: stride,
		DilationHeight: dilation, DilationWidth: dilation, PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad,
	}
}

func layerCases() []layerCase {
	uneven := conv.Params{InputChannels: 5, OutputChannels: 9, Groups: 1, KernelHeight: 2, KernelWidth: 4, StrideHeight: 3, StrideWidth: 1, DilationHeight: 2, DilationWidth: 3,
		PadTop: 1, PadLeft: 7, PadBottom: 2, PadRight: 3}
	deep := uneven
	deep.InputChannels, deep.OutputChannels, deep.Groups = 21, 21, 21
	return []layerCase{
		{square(3, 20, 1, 3, 2, 1, 1), 2, 9, 8},
		{square(16, 33, 1, 3, 1, 1, 1), 1, 7, 6},
		{square(64, 70, 1, 1, 1, 1, 0), 2, 5, 5},
		{square(64, 70, 1, 1, 2, 1, 0), 1, 5, 6},
		{square(8, 8, 1, 1, 1, 1, 2), 1, 3, 3},
		{square(6, 4, 1, 5, 1, 2, 4), 1, 4, 3}, // all taps but a few are padding
		{square(6, 9, 3, 3, 1, 1, 1), 2, 5, 5},
		{square(8, 16, 8, 3, 1, 1, 1), 1, 6, 5},
		{square(12, 12, 12, 3, 1, 1, 1), 2, 5, 12},
		{square(37, 37, 37, 5, 2, 1, 2), 1, 9, 30},
		{square(16, 16, 16, 3, 1, 2, 2), 1, 6, 20},
		{square(160, 160, 160, 3, 1, 1, 1), 1, 20, 26},
		{square(24, 48, 1, 3, 1, 1, 1), 1, 20, 21},
		{square(256, 150, 1, 3, 1, 1, 1), 1, 3, 4},
		{uneven, 2, 7, 9},
		{deep, 2, 7, 9},
	}
}

// sum is ONNX's definition of ConvInteger for one output.
func (c *layerCase) sum(x []byte, w *Weights, signed bool, zero int32, image, y, z, filter int) (sum int32) {
	channels, taps := c.InputChannels/c.Groups, c.KernelHeight*c.KernelWidth
	first := filter / (c.OutputChannels / c.Groups) * channels
	for tap := range taps {
		row, column := y*c.StrideHeight-c.PadTop+tap/c.KernelWidth*c.DilationHeight, z*c.StrideWidth-c.PadLeft+tap%c.KernelWidth*c.DilationWidth
		if row < 0 || row >= c.height || column < 0 || column >= c.width {
			continue
		}
		for i := range channels {
			a := number(x[((image*c.height+row)*c.width+column)*c.InputChannels+first+i], signed)
			sum += (a - zero) * w.value(i*taps+tap, filter)
		}
	}
	return sum
}

func TestConvolutions(t *testing.T) {
	onEachVariant(t, func(t *testing.T, v *variant) {
		random := rand.New(rand.NewPCG(1, 2))
		for turn, c := range layerCases() {
			t.Run(fmt.Sprint(turn), func(t *testing.T) { testLayer(t, random, v, turn, c) })
		}
	})
}

func testLayer(t *testing.T, random *rand.Rand, v *variant, turn int, c layerCase) {
	height, width, err := c.OutputSize(c.height, c.width)
	if err != nil {
		t.Fatal(err)
	}
	w := weights(random, turn, c.InputChannels/c.Groups*c.KernelHeight*c.KernelWidth, c.OutputChannels)
	w.Data, w.Row, w.Column = w.Data[:w.K*w.N], 1, w.K
	layer, err := packLayer(v, c.Params, w.Data, w.Signed, w.Zeros)
	if err != nil {
		t.Fatal(err)
	}
	defer layer.Free()
	x := integers(random, c.batch*c.height*c.width*c.InputChannels)
	pixels := c.batch * height * width
	for _, s := range setups(random, turn, pixels, c.OutputChannels, w.K) {
		from, to := steptest.From(t, x), steptest.NewBuffer(t, pixels*c.OutputChannels*s.elementBytes())
		planned, err := layer.Plan(Use{Batch: c.batch, Height: c.height, Width: c.width, Input: from.Operand(), Output: to.Operand(), Epilogue: s.epilogue(t)})
		if err != nil {
			t.Fatal(err)
		}
		steptest.Run(t, &planned, append(s.buffers, from, to)...)
		for i := range pixels * c.OutputChannels {
			pixel, filter := i/c.OutputChannels, i%c.OutputChannels
			sum := c.sum(x, &w, s.signed == Int8, s.zero(), pixel/width/height, pixel/width%height, pixel%width, filter)
			s.check(t, to, sum, filter, i)
		}
	}
}

func TestConvolutionErrors(t *testing.T) {
	p := square(4, 4, 4, 3, 1, 1, 1)
	for name, change := range map[string]func(p *conv.Params, filters *[]byte, zeros *[]int32){
		"filters": func(_ *conv.Params, filters *[]byte, _ *[]int32) { *filters = (*filters)[1:] },
		"zeros":   func(_ *conv.Params, _ *[]byte, zeros *[]int32) { *zeros = []int32{1, 2} },
		"groups":  func(p *conv.Params, _ *[]byte, _ *[]int32) { p.Groups = 3 },
	} {
		bad, filters, zeros := p, make([]byte, 36), []int32(nil)
		change(&bad, &filters, &zeros)
		if _, err := PackLayer(isa.Scalar, bad, filters, true, zeros); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, p := range []conv.Params{p, square(4, 3, 1, 3, 1, 1, 1)} {
		layer, err := PackLayer(isa.Scalar, p, make([]byte, p.OutputChannels*p.InputChannels/p.Groups*9), false, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []Use{
			{Batch: 0, Height: 3, Width: 3, Epilogue: Epilogue{Output: Int32}}, {Batch: 1, Height: 3, Width: 0, Epilogue: Epilogue{Output: Int32}},
			{Batch: 1 << 20, Height: 1 << 20, Width: 1 << 20, Epilogue: Epilogue{Output: Int32}},
			{Batch: 1, Height: 3, Width: 3, Epilogue: Epilogue{Output: Int32, AScale: step.Operand{Base: 1}}},
		} {
			if _, err := layer.Plan(u); err == nil {
				t.Errorf("%+v: no error", u)
			}
		}
		layer.Free()
	}
}

package conv

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// square is a layer with a square kernel.
func square(input, output, groups, kernel, stride, dilation, pad int) Params {
	return Params{
		InputChannels: input, OutputChannels: output, Groups: groups, KernelHeight: kernel, KernelWidth: kernel, StrideHeight: stride, StrideWidth: stride,
		DilationHeight: dilation, DilationWidth: dilation, PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad,
	}
}

// layers are shapes that reach every path of the kernels.
func layers() []layerCase {
	cases := []layerCase{
		{Params: square(3, 16, 1, 3, 2, 1, 1), batch: 2, height: 33, width: 29},
		{Params: square(3, 24, 1, 3, 2, 1, 1), batch: 1, height: 64, width: 64, planar: true},
		{Params: square(3, 20, 1, 16, 16, 1, 0), batch: 2, height: 64, width: 48},
		{Params: square(3, 20, 1, 16, 16, 1, 0), batch: 2, height: 66, width: 49, planar: true},
		{Params: square(1, 7, 1, 5, 1, 1, 2), batch: 3, height: 8, width: 8},
		{Params: square(1, 8, 1, 3, 1, 1, 1), batch: 3, height: 1, width: 1, planar: true},
		{Params: square(4, 9, 1, 3, 1, 2, 2), batch: 1, height: 11, width: 13, planar: true},
		{Params: square(5, 9, 1, 3, 1, 2, 2), batch: 1, height: 11, width: 13, inputStride: 3},
		{Params: square(16, 40, 1, 3, 1, 1, 1), batch: 2, height: 9, width: 7},
		{Params: square(17, 100, 1, 3, 2, 1, 0), batch: 1, height: 14, width: 15},
		{Params: square(12, 24, 1, 1, 1, 1, 0), batch: 3, height: 5, width: 7},
		{Params: square(12, 33, 1, 1, 2, 1, 0), batch: 3, height: 5, width: 7},
		{Params: square(32, 58, 1, 2, 2, 1, 0), batch: 1, height: 14, width: 14},
		{Params: square(24, 24, 4, 3, 1, 1, 1), batch: 2, height: 9, width: 9},
		{Params: square(8, 36, 2, 3, 2, 2, 3), batch: 2, height: 9, width: 12},
		{Params: square(64, 144, 1, 3, 1, 1, 1), batch: 1, height: 3, width: 3},
		{Params: square(300, 130, 1, 1, 1, 1, 0), batch: 1, height: 1, width: 1},
		{Params: square(20, 20, 20, 3, 1, 1, 1), batch: 2, height: 9, width: 14},
		{Params: square(58, 58, 58, 3, 2, 1, 1), batch: 1, height: 28, width: 28},
		{Params: square(96, 96, 96, 5, 1, 1, 2), batch: 1, height: 7, width: 7},
		{Params: square(33, 33, 33, 5, 2, 1, 2), batch: 2, height: 17, width: 31},
		{Params: square(16, 16, 16, 7, 1, 1, 3), batch: 1, height: 16, width: 30},
		{Params: square(13, 13, 13, 7, 2, 1, 3), batch: 1, height: 9, width: 9},
		{Params: square(16, 16, 16, 3, 1, 3, 3), batch: 1, height: 12, width: 12},
		{Params: square(9, 27, 9, 3, 1, 1, 1), batch: 2, height: 6, width: 6},
		{Params: square(6, 12, 6, 5, 2, 1, 2), batch: 1, height: 6, width: 7},
		{Params: square(24, 72, 1, 3, 1, 1, 1), batch: 1, height: 20, width: 18},
		{Params: square(19, 21, 1, 3, 1, 1, 0), batch: 3, height: 15, width: 13},
		{Params: square(8, 8, 8, 3, 1, 1, 5), batch: 1, height: 4, width: 4},
		{Params: square(10, 10, 1, 3, 1, 1, 5), batch: 1, height: 4, width: 4},
	}
	uneven := square(7, 19, 1, 3, 1, 1, 0)
	uneven.KernelWidth, uneven.StrideHeight, uneven.PadRight, uneven.PadTop, uneven.DilationHeight = 4, 3, 2, 1, 2
	cases = append(cases, layerCase{Params: uneven, batch: 2, height: 11, width: 10})
	uneven = square(24, 24, 24, 3, 1, 1, 0)
	uneven.KernelHeight, uneven.StrideHeight, uneven.PadRight, uneven.PadTop, uneven.DilationHeight = 2, 3, 2, 1, 2
	cases = append(cases, layerCase{Params: uneven, batch: 2, height: 11, width: 10})
	uneven = square(24, 30, 1, 1, 1, 1, 0)
	uneven.KernelWidth, uneven.PadRight = 7, 4
	return append(cases, layerCase{Params: uneven, batch: 2, height: 3, width: 20})
}

// activations to fuse, one after another.
var activations = []activation.Activation{
	{}, {Kind: activation.Relu}, {Kind: activation.HardSwish}, {Kind: activation.Clip, P0: -0.25, P1: 0.5}, {Kind: activation.SiLU},
	{Kind: activation.HardSigmoid, P0: 0.2, P1: 0.5}, {Kind: activation.GELU}, {Kind: activation.LeakyRelu, P0: 0.1},
}

func (c *layerCase) name(i int) string {
	return fmt.Sprintf("%d_%dx%dx%dx%d_%d_g%d_k%dx%d_s%d", i, c.batch, c.height, c.width, c.InputChannels, c.OutputChannels, c.Groups, c.KernelHeight,
		c.KernelWidth, c.StrideWidth)
}

// tolerance of each algorithm for inputs and weights in [-1, 1).
var tolerance = map[Algorithm]float64{Direct: 2e-5, Depthwise: 2e-5, Winograd: 1e-4}

// layouts returns the case's layout for each algorithm that can compute it.
func (c *layerCase) layouts(t *testing.T, level isa.Level) []Layout {
	chosen, err := Choose(level, c.Params, c.height, c.width)
	if err != nil {
		t.Fatal(err)
	}
	if !c.winogradPossible() || c.planar {
		return []Layout{chosen}
	}
	direct, winograd := chosen, chosen
	direct.Algorithm, winograd.Algorithm = Direct, Winograd
	return []Layout{direct, winograd}
}

func TestAgainstFloat64(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, c := range layers() {
			for variant := range 4 {
				c.bias = variant != 1
				c.activation = activations[(i+2*variant)%len(activations)]
				c.residual, c.inPlace = variant >= 2, variant == 3
				c.outputStride, c.residualStride = variant*3, variant*3
				if variant == 2 {
					c.residualStride = 1
				}
				t.Run(fmt.Sprint(c.name(i), "_", c.activation.Kind, variant), func(t *testing.T) {
					v := c.tensors(t, rand.New(rand.NewPCG(uint64(i), 1)))
					if c.inPlace {
						gap := c.OutputChannels + c.outputStride
						for at := range v.residual {
							if at%gap >= c.OutputChannels {
								v.residual[at] = guard
							}
						}
					}
					want := c.want(t, v)
					for _, layout := range c.layouts(t, level) {
						c.check(t, c.run(t, layout, v), want, tolerance[layout.Algorithm])
					}
				})
			}
		}
	})
}

// A sample's result does not depend on the batch it is in, bit for bit. Tiles run in
// another order than they are numbered in, so they do not depend on each other either.
func TestDeterminism(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, c := range layers() {
			c.bias, c.activation = true, activations[i%len(activations)]
			t.Run(c.name(i), func(t *testing.T) {
				one := c
				one.batch = 1
				c.batch = 5
				v := c.tensors(t, rand.New(rand.NewPCG(uint64(i), 2)))
				for _, layout := range c.layouts(t, level) {
					together := c.run(t, layout, v)
					for n := range c.batch {
						alone := v
						size := len(v.input) / c.batch
						alone.input = v.input[n*size:][:size]
						size = len(together) / c.batch
						if !slices.Equal(one.run(t, layout, alone), together[n*size:][:size]) {
							t.Fatalf("%s: sample %d differs between batch 1 and batch %d", layout.Algorithm, n, c.batch)
						}
					}
				}
			})
		}
	})
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		params Params
		size   int
		want   Algorithm
	}{
		{square(3, 16, 1, 3, 2, 1, 1), 224, Direct},
		{square(64, 64, 64, 3, 1, 1, 1), 28, Depthwise},
		{square(64, 64, 1, 3, 1, 1, 1), 28, Winograd},
		{square(512, 512, 1, 3, 1, 1, 1), 7, Direct},
		{square(64, 64, 1, 3, 2, 1, 1), 28, Direct},
	} {
		layout, err := Choose(isa.Scalar, c.params, c.size, c.size)
		if err != nil || layout.Algorithm != c.want {
			t.Errorf("%+v at %d: %v, %v, want %v", c.params, c.size, layout.Algorithm, err, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	good := square(8, 8, 2, 3, 1, 1, 1)
	for name, change := range map[string]func(*Params){
		"groups":  func(p *Params) { p.Groups = 3 },
		"kernel":  func(p *Params) { p.KernelWidth = 0 },
		"padding": func(p *Params) { p.PadLeft = -1 },
		"span":    func(p *Params) { p.DilationHeight = 1 << 20 },
		"weights": func(p *Params) { p.KernelHeight, p.KernelWidth = limit, limit },
	} {
		p := good
		change(&p)
		if _, err := Choose(isa.Scalar, p, 8, 8); err == nil {
			t.Errorf("%s: chosen", name)
		}
	}
	layout, err := Choose(isa.Scalar, good, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	if err := layout.Pack(make([]float32, layout.Floats()), make([]float32, 5), nil); err == nil {
		t.Error("packed too few weights")
	}
	for name, use := range map[string]Use{
		"batch":    {Batch: 0, Height: 8, Width: 8},
		"stride":   {Batch: 1, Height: 8, Width: 8, OutputStride: 7},
		"planar":   {Batch: 1, Height: 8, Width: 8, Planar: true},
		"overflow": {Batch: limit, Height: limit, Width: limit},
	} {
		if _, err := layout.Plan(use); err == nil {
			t.Errorf("%s: planned", name)
		}
	}
}

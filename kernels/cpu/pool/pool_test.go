package pool

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

const guard = float32(-12345.5)

// poolCase is a window over an image. The gaps are floats between pixels.
type poolCase struct {
	Window
	batch, height, width, channels int
	inputGap, outputGap            int
	ceil                           bool
}

func cases() []poolCase {
	square := func(kernel, stride, dilation, pad int) Window {
		return Window{KernelHeight: kernel, KernelWidth: kernel, StrideHeight: stride, StrideWidth: stride, DilationHeight: dilation,
			DilationWidth: dilation, PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad}
	}
	uneven := Window{KernelHeight: 2, KernelWidth: 5, StrideHeight: 3, StrideWidth: 1, DilationHeight: 2, DilationWidth: 1, PadTop: 1, PadRight: 3}
	return []poolCase{
		{Window: square(3, 2, 1, 1), batch: 2, height: 13, width: 12, channels: 24},
		{Window: square(2, 2, 1, 0), batch: 1, height: 8, width: 9, channels: 7, inputGap: 2, outputGap: 3},
		{Window: square(2, 2, 1, 0), batch: 1, height: 9, width: 9, channels: 100, ceil: true},
		{Window: square(3, 1, 2, 2), batch: 3, height: 7, width: 6, channels: 40, outputGap: 1},
		{Window: square(3, 1, 1, 1), batch: 2, height: 5, width: 11, channels: 43},
		{Window: square(7, 1, 1, 0), batch: 1, height: 7, width: 7, channels: 33},
		{Window: square(3, 2, 1, 1), batch: 1, height: 8, width: 8, channels: 1, ceil: true},
		{Window: uneven, batch: 2, height: 9, width: 4, channels: 61, inputGap: 5},
	}
}

func (c *poolCase) outputSize() (height, width int) {
	size := func(in, kernel, stride, dilation, before, after int) int {
		room := in + before + after - (kernel-1)*dilation - 1
		if !c.ceil {
			return room/stride + 1
		}
		count := (room+stride-1)/stride + 1
		if (count-1)*stride >= in+before {
			count--
		}
		return count
	}
	return size(c.height, c.KernelHeight, c.StrideHeight, c.DilationHeight, c.PadTop, c.PadBottom),
		size(c.width, c.KernelWidth, c.StrideWidth, c.DilationWidth, c.PadLeft, c.PadRight)
}

// input returns pixels with NaN between them, which no result may see.
func (c *poolCase) input() []float32 {
	x := steptest.Random(7, c.batch*c.height*c.width*(c.channels+c.inputGap))
	for i := range x {
		if i%(c.channels+c.inputGap) >= c.channels {
			x[i] = float32(math.NaN())
		}
	}
	return x
}

// run executes the step that plan returns for the case and returns the output with its gaps.
func (c *poolCase) run(t *testing.T, x []float32, height, width int, plan func(Use) (step.Step, error)) []float32 {
	t.Helper()
	input := steptest.From(t, x)
	output := steptest.NewBuffer(t, 4*c.batch*height*width*(c.channels+c.outputGap))
	y := steptest.View[float32](output)
	for i := range y {
		y[i] = guard
	}
	s, err := plan(Use{Batch: c.batch, Height: c.height, Width: c.width, Channels: c.channels, OutputHeight: height, OutputWidth: width,
		Input: input.Operand(), Output: output.Operand(), InputStride: c.channels + c.inputGap, OutputStride: c.channels + c.outputGap})
	if err != nil {
		t.Fatal(err)
	}
	steptest.Run(t, &s, input, output)
	for i, v := range y {
		if i%(c.channels+c.outputGap) >= c.channels && v != guard {
			t.Fatalf("the kernel wrote %g between pixels, at float %d", v, i)
		}
	}
	return y
}

// want computes one output in float64.
func (c *poolCase) want(x []float32, image, row, column, channel int) float64 {
	top, sum, inside, padded := math.Inf(-1), 0.0, 0, 0
	for i := range c.KernelHeight {
		for k := range c.KernelWidth {
			y, z := row*c.StrideHeight-c.PadTop+i*c.DilationHeight, column*c.StrideWidth-c.PadLeft+k*c.DilationWidth
			if y < c.height+c.PadBottom && z < c.width+c.PadRight {
				padded++
			}
			if y >= 0 && z >= 0 && y < c.height && z < c.width {
				v := float64(x[((image*c.height+y)*c.width+z)*(c.channels+c.inputGap)+channel])
				top, sum, inside = math.Max(top, v), sum+v, inside+1
			}
		}
	}
	switch {
	case c.Kind == Maximum:
		return top
	case c.CountIncludePad:
		return sum / float64(padded)
	}
	return sum / float64(inside)
}

func same(got float32, want float64) bool {
	return math.IsNaN(want) == math.IsNaN(float64(got)) && !(math.Abs(float64(got)-want) > 1e-6*(1+math.Abs(want)))
}

func TestWindow(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, c := range cases() {
			for variant, name := range []string{"maximum", "average", "average_with_pad", "maximum_of_nan"} {
				c.Kind, c.CountIncludePad = Maximum, variant == 2
				if variant == 1 || variant == 2 {
					c.Kind = Average
				}
				t.Run(fmt.Sprint(i, name), func(t *testing.T) {
					height, width := c.outputSize()
					x := c.input()
					if variant == 3 {
						x[len(x)/2/(c.channels+c.inputGap)*(c.channels+c.inputGap)] = float32(math.NaN())
					}
					y := c.run(t, x, height, width, func(u Use) (step.Step, error) { return Plan(level, c.Window, u) })
					for at, got := range y {
						pixel, channel := at/(c.channels+c.outputGap), at%(c.channels+c.outputGap)
						if channel >= c.channels {
							continue
						}
						want := c.want(x, pixel/width/height, pixel/width%height, pixel%width, channel)
						if !same(got, want) {
							t.Fatalf("pixel %d, channel %d: got %g, want %g", pixel, channel, got, want)
						}
					}
				})
			}
		}
	})
}

func TestGlobalAverage(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, c := range []poolCase{
			{batch: 2, height: 7, width: 7, channels: 576},
			{batch: 1, height: 56, width: 55, channels: 16, inputGap: 3},
			{batch: 3, height: 1, width: 1, channels: 5, outputGap: 2},
			{batch: 1, height: 13, width: 10, channels: 133},
		} {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				x := c.input()
				y := c.run(t, x, 1, 1, func(u Use) (step.Step, error) { return PlanGlobalAverage(level, u) })
				pixels, gap := c.height*c.width, c.channels+c.inputGap
				for n := range c.batch {
					for channel := range c.channels {
						sum := 0.0
						for pixel := range pixels {
							sum += float64(x[(n*pixels+pixel)*gap+channel])
						}
						got := y[n*(c.channels+c.outputGap)+channel]
						if !same(got, sum/float64(pixels)) {
							t.Fatalf("image %d, channel %d: got %g, want %g", n, channel, got, sum/float64(pixels))
						}
					}
				}
			})
		}
	})
}

// An image's result does not depend on the batch it is in, bit for bit.
func TestDeterminism(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		c := poolCase{Window: cases()[0].Window, batch: 9, height: 11, width: 10, channels: 43}
		c.Kind = Average
		x := c.input()
		height, width := c.outputSize()
		window := func(u Use) (step.Step, error) { return Plan(level, c.Window, u) }
		global := func(u Use) (step.Step, error) { return PlanGlobalAverage(level, u) }
		windows, averages := c.run(t, x, height, width, window), c.run(t, x, 1, 1, global)
		one := c
		one.batch = 1
		for n := range c.batch {
			alone := x[n*len(x)/c.batch : (n+1)*len(x)/c.batch]
			if !slices.Equal(one.run(t, alone, height, width, window), windows[n*height*width*c.channels:][:height*width*c.channels]) {
				t.Fatalf("window: image %d differs from itself alone", n)
			}
			if !slices.Equal(one.run(t, alone, 1, 1, global), averages[n*c.channels:][:c.channels]) {
				t.Fatalf("global average: image %d differs from itself alone", n)
			}
		}
	})
}

func TestPlanRefuses(t *testing.T) {
	good := Use{Batch: 1, Height: 4, Width: 4, Channels: 3, OutputHeight: 2, OutputWidth: 2}
	window := cases()[1].Window
	for name, change := range map[string]func(*Use, *Window){
		"batch":    func(u *Use, _ *Window) { u.Batch = 0 },
		"overflow": func(u *Use, _ *Window) { u.Height = math.MaxInt },
		"stride":   func(u *Use, _ *Window) { u.InputStride = 2 },
		"kernel":   func(_ *Use, w *Window) { w.KernelWidth = 0 },
		"padding":  func(_ *Use, w *Window) { w.PadLeft = -1 },
	} {
		u, w := good, window
		change(&u, &w)
		if _, err := Plan(isa.Scalar, w, u); err == nil {
			t.Errorf("%s: planned", name)
		}
	}
}

package conv

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/activation"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// guard is written in the gaps between pixels; no kernel may change it.
const guard = float32(-12345.5)

// random fills with values in [-1, 1).
func random(r *rand.Rand, v []float32) []float32 {
	for i := range v {
		v[i] = r.Float32()*2 - 1
	}
	return v
}

// layerCase is a layer at a size, with what is fused into it.
type layerCase struct {
	Params
	batch, height, width                      int
	inputStride, outputStride, residualStride int // beyond the channels
	residual, inPlace, planar, bias           bool
	activation                                activation.Activation
}

// tensors of one case. The input has inputStride NaNs after every pixel, which no result may see.
type tensors struct {
	input, weights, bias, residual []float32
}

func (c *layerCase) output(t testing.TB) (height, width int) {
	height, width, err := c.OutputSize(c.height, c.width)
	if err != nil {
		t.Fatal(err)
	}
	return height, width
}

func (c *layerCase) tensors(t testing.TB, r *rand.Rand) tensors {
	height, width := c.output(t)
	v := tensors{
		input:   make([]float32, c.batch*c.height*c.width*(c.InputChannels+c.inputStride)),
		weights: random(r, make([]float32, c.OutputChannels*c.InputChannels/c.Groups*c.taps())),
	}
	for i := range v.input {
		v.input[i] = float32(math.NaN())
		if i%(c.InputChannels+c.inputStride) < c.InputChannels {
			v.input[i] = r.Float32()*2 - 1
		}
	}
	if c.bias {
		v.bias = random(r, make([]float32, c.OutputChannels))
	}
	if c.residual {
		v.residual = random(r, make([]float32, c.batch*height*width*(c.OutputChannels+c.residualStride)))
	}
	return v
}

// want computes the case in float64.
func (c *layerCase) want(t testing.TB, v tensors) []float64 {
	outputHeight, outputWidth := c.output(t)
	groupInput, groupOutput := c.InputChannels/c.Groups, c.OutputChannels/c.Groups
	stride := c.InputChannels + c.inputStride
	result := make([]float64, 0, c.batch*outputHeight*outputWidth*c.OutputChannels)
	for n := range c.batch {
		for pixel := range outputHeight * outputWidth {
			for o := range c.OutputChannels {
				sum := 0.0
				if v.bias != nil {
					sum = float64(v.bias[o])
				}
				for tap := range c.taps() {
					y := pixel/outputWidth*c.StrideHeight - c.PadTop + tap/c.KernelWidth*c.DilationHeight
					x := pixel%outputWidth*c.StrideWidth - c.PadLeft + tap%c.KernelWidth*c.DilationWidth
					if y < 0 || x < 0 || y >= c.height || x >= c.width {
						continue
					}
					for k := range groupInput {
						channel := o/groupOutput*groupInput + k
						at := ((n*c.height+y)*c.width+x)*stride + channel
						if c.planar {
							at = ((n*c.InputChannels+channel)*c.height+y)*c.width + x
						}
						sum += float64(v.input[at]) * float64(v.weights[(o*groupInput+k)*c.taps()+tap])
					}
				}
				if v.residual != nil {
					sum += float64(v.residual[(n*outputHeight*outputWidth+pixel)*(c.OutputChannels+c.residualStride)+o])
				}
				result = append(result, c.activation.At(sum))
			}
		}
	}
	return result
}

// run computes the case with the layout and returns the output tensor with its gaps.
func (c *layerCase) run(t testing.TB, l Layout, v tensors) []float32 {
	outputHeight, outputWidth := c.output(t)
	use := Use{
		Batch: c.batch, Height: c.height, Width: c.width, Planar: c.planar, Activation: c.activation,
		InputStride: c.InputChannels + c.inputStride, OutputStride: c.OutputChannels + c.outputStride, ResidualStride: c.OutputChannels + c.residualStride,
	}
	input := steptest.From(t, v.input)
	packed := steptest.NewBuffer(t, 4*l.Floats())
	if err := l.Pack(steptest.View[float32](packed), v.weights, v.bias); err != nil {
		t.Fatal(err)
	}
	output := steptest.NewBuffer(t, 4*c.batch*outputHeight*outputWidth*use.OutputStride)
	result := steptest.View[float32](output)
	for i := range result {
		result[i] = guard
	}
	use.Input, use.Weights, use.Output = input.Operand(), packed.Operand(), output.Operand()
	buffers := []*steptest.Buffer{input, packed, output}
	if c.residual && c.inPlace {
		copy(result, v.residual)
		use.Residual = use.Output
	} else if c.residual {
		residual := steptest.From(t, v.residual)
		use.Residual = residual.Operand()
		buffers = append(buffers, residual)
	}
	s, err := l.Plan(use)
	if err != nil {
		t.Fatal(err)
	}
	steptest.Run(t, &s, buffers...)
	return result
}

// check compares the output with the expected values and looks at the gaps between pixels.
func (c *layerCase) check(t *testing.T, output []float32, want []float64, tolerance float64) {
	stride := c.OutputChannels + c.outputStride
	for i, got := range output {
		pixel, channel := i/stride, i%stride
		if channel >= c.OutputChannels {
			if got != guard {
				t.Fatalf("the kernel wrote %g between pixels, at pixel %d, channel %d", got, pixel, channel)
			}
			continue
		}
		expected := want[pixel*c.OutputChannels+channel]
		if math.IsNaN(float64(got)) || math.Abs(float64(got)-expected) > tolerance*(1+math.Abs(expected)) {
			t.Fatalf("pixel %d, channel %d: got %g, want %g", pixel, channel, got, expected)
		}
	}
}

package cuda_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// coordinate is where position i of the output lies in the input, as ONNX's documentation of Resize has it, in float32 as onnxruntime computes it: which
// element is the nearest may depend on it.
func coordinate(a cuda.ResizeAxis, mode string, i int64) float64 {
	in, out := float32(a.Input), float32(a.Output)
	halfPixel := (float32(i)+0.5)/a.Scale - 0.5
	switch mode {
	case "pytorch_half_pixel":
		if a.Output == 1 {
			return 0
		}
	case "half_pixel_symmetric":
		return float64(in/2*(1-out/(a.Scale*in)) + halfPixel)
	case "asymmetric":
		return float64(float32(i) / a.Scale)
	case "align_corners":
		return float64(float32(i) * (in - 1) / max(out-1, 1))
	}
	return float64(halfPixel)
}

// axisWeights are the positions of the input that position i reads, and their weights.
func axisWeights(r cuda.Resize, a cuda.ResizeAxis, i int64) map[int64]float64 {
	at := coordinate(a, r.Coordinates, i)
	inside := func(x float64) int64 { return min(max(int64(x), 0), a.Input-1) }
	if r.Mode == cuda.ResizeNearest {
		switch r.Nearest {
		case "round_prefer_ceil":
			return map[int64]float64{inside(math.Floor(at + 0.5)): 1}
		case "floor":
			return map[int64]float64{inside(math.Floor(at)): 1}
		case "ceil":
			return map[int64]float64{inside(math.Ceil(at)): 1}
		}
		return map[int64]float64{inside(math.Ceil(at - 0.5)): 1}
	}
	weights, low := make(map[int64]float64), math.Floor(at)
	weights[inside(low)] += 1 - (at - low)
	weights[inside(low+1)] += at - low
	return weights
}

func resized(r cuda.Resize, x []float64) (y []float64) {
	for len(r.Axes) < 3 {
		r.Axes = slices.Insert(slices.Clone(r.Axes), 0, cuda.ResizeAxis{Input: 1, Output: 1, Scale: 1})
	}
	d, h, w := r.Axes[0], r.Axes[1], r.Axes[2]
	for outer := range r.Outer {
		for i := range d.Output * h.Output * w.Output {
			for c := range r.Channels {
				sum := 0.0
				for di, dw := range axisWeights(r, d, i/w.Output/h.Output) {
					for hi, hw := range axisWeights(r, h, i/w.Output%h.Output) {
						for wi, ww := range axisWeights(r, w, i%w.Output) {
							sum += dw * hw * ww * x[(((outer*d.Input+di)*h.Input+hi)*w.Input+wi)*r.Channels+c]
						}
					}
				}
				y = append(y, sum)
			}
		}
	}
	return y
}

// scaled is an axis of a size that is scaled, with the output's size rounded down as ONNX has it.
func scaled(input int64, scale float32) cuda.ResizeAxis {
	return cuda.ResizeAxis{Input: input, Output: int64(float32(input) * scale), Scale: scale}
}

func TestResize(t *testing.T) {
	library := emulation.Open(t)
	for name, r := range map[string]cuda.Resize{
		"up":       {Outer: 3, Channels: 1, Axes: []cuda.ResizeAxis{scaled(5, 2), scaled(7, 2)}},
		"down":     {Outer: 2, Channels: 1, Axes: []cuda.ResizeAxis{scaled(9, 0.55), scaled(11, 0.7)}},
		"half":     {Outer: 2, Channels: 1, Axes: []cuda.ResizeAxis{scaled(8, 0.5), scaled(6, 0.5)}},
		"channels": {Outer: 2, Channels: 16, Axes: []cuda.ResizeAxis{scaled(4, 1.5), scaled(3, 3)}},
		"odd":      {Outer: 1, Channels: 3, Axes: []cuda.ResizeAxis{scaled(6, 2.5), scaled(5, 1)}},
		"line":     {Outer: 4, Channels: 1, Axes: []cuda.ResizeAxis{scaled(16, 0.0625)}},
		"volume":   {Outer: 2, Channels: 1, Axes: []cuda.ResizeAxis{scaled(2, 2), scaled(3, 1.25), scaled(4, 0.75)}},
	} {
		for _, coordinates := range []string{"", "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners"} {
			r := r
			r.Coordinates = coordinates
			for _, r.Type = range floatTypes {
				r.Mode = cuda.ResizeLinear
				t.Run(fmt.Sprintf("%s/%s/%v", name, coordinates, r.Type), func(t *testing.T) { checkResize(t, library, r) })
			}
			for i, nearest := range []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"} {
				r.Mode, r.Nearest, r.Type = cuda.ResizeNearest, nearest, []cuda.Type{cuda.Uint8, cuda.Float16, cuda.Float32, cuda.Int64}[i]
				t.Run(fmt.Sprintf("%s/%s/%s", name, coordinates, nearest), func(t *testing.T) { checkResize(t, library, r) })
			}
		}
	}
}

func checkResize(t *testing.T, library *emulation.Library, r cuda.Resize) {
	count := r.Outer * r.Channels
	for _, a := range r.Axes {
		count *= a.Input
	}
	x := randomValues(r.Type, int(count), 51)
	want := resized(r, x)
	y := emulation.NewBuffer(t, make([]byte, len(want)*int(r.Type.Size())), 0)
	r.X, r.Y = emulation.NewBuffer(t, emulation.Encode(r.Type, x), 0).Operand(), y.Operand()
	launches, err := r.Plan()
	runAll(t, library, launches, err)
	tolerance := emulation.Rounding(r.Type)
	tolerance.Scale = 1 // weights of float32 positions
	if r.Mode == cuda.ResizeNearest {
		tolerance = emulation.Tolerance{}
	}
	emulation.Compare(t, launches[0].Kernel, r.Type, y.Bytes(), want, tolerance)
}

func TestResizeRefuses(t *testing.T) {
	axes := []cuda.ResizeAxis{scaled(4, 2)}
	for _, r := range []cuda.Resize{
		{Outer: 1, Channels: 1, Axes: axes, Coordinates: "tf_crop_and_resize"},
		{Outer: 1, Channels: 1, Axes: axes, Nearest: "simple"},
		{Outer: 1, Channels: 1, Axes: axes, Mode: cuda.ResizeLinear, Type: cuda.Uint8},
		{Outer: 1, Channels: 1, Axes: slices.Repeat(axes, 4)},
	} {
		var unsupported *cuda.UnsupportedError
		if _, err := r.Plan(); !errors.As(err, &unsupported) {
			t.Errorf("%+v gives the error %v", r, err)
		}
	}
}

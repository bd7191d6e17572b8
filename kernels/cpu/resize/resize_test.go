package resize

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
	"github.com/inferd/inferd/kernels/cpu/steptest"
)

// by is an axis that is scaled, with the output's size rounded down as ONNX has it.
func by(input int, scale float32) Axis {
	return Axis{Input: input, Output: int(float32(input) * scale), Scale: scale}
}

// cases are sizes around the width of vectors; modes and coordinates are added to them.
func cases() []Resize {
	return []Resize{
		{Outer: 3, Channels: 1, Height: by(5, 2), Width: by(7, 2)},
		{Outer: 2, Channels: 1, Height: by(9, 0.55), Width: by(37, 0.7)},
		{Outer: 1, Channels: 1, Height: by(6, 1), Width: by(50, 1.7)},
		{Outer: 2, Channels: 1, Height: by(4, 3), Width: by(16, 1)},
		{Outer: 1, Channels: 1, Height: by(2, 0.5), Width: by(200, 0.21)},
		{Outer: 2, Channels: 1, Height: by(1, 4), Width: by(1, 33)},
		{Outer: 2, Channels: 16, Height: by(4, 1.5), Width: by(3, 3)},
		{Outer: 1, Channels: 3, Height: by(6, 2.5), Width: by(5, 1)},
		{Outer: 3, Channels: 37, Height: by(5, 0.55), Width: by(6, 2)},
	}
}

// wanted computes one element in float64, position by position as ONNX's documentation has it.
func (r Resize) wanted(x []float32, image, i, j, channel int) float64 {
	sum := 0.0
	for row, rowWeight := range r.expected(r.Height, i) {
		for column, weight := range r.expected(r.Width, j) {
			sum += rowWeight * weight * float64(x[((image*r.Height.Input+row)*r.Width.Input+column)*r.Channels+channel])
		}
	}
	return sum
}

// expected are the elements that position i of an axis is made of, and their weights.
func (r Resize) expected(a Axis, i int) map[int]float64 {
	at := (float64(i) + 0.5) / float64(a.Scale)
	switch r.Coordinates {
	case "asymmetric":
		at = float64(i) / float64(a.Scale)
	case "align_corners":
		at = float64(i) * float64(a.Input-1) / float64(max(a.Output-1, 1))
	case "half_pixel_symmetric":
		at += float64(a.Input)/2*(1-float64(a.Output)/float64(a.Scale)/float64(a.Input)) - 0.5
	case "pytorch_half_pixel":
		if at -= 0.5; a.Output == 1 {
			at = 0
		}
	case "half_pixel":
		at -= 0.5
	}
	if a.Input == a.Output && a.Scale == 1 {
		at = float64(i)
	}
	end := func(k int) int { return min(max(k, 0), a.Input-1) }
	if r.Mode == Nearest {
		at = float64(float32(at)) // a tie is one in float32
		switch r.Nearest {
		case "floor":
			return map[int]float64{end(int(math.Floor(at))): 1}
		case "ceil":
			return map[int]float64{end(int(math.Ceil(at))): 1}
		case "round_prefer_ceil":
			return map[int]float64{end(int(math.Floor(at + 0.5))): 1}
		}
		return map[int]float64{end(int(math.Ceil(at - 0.5))): 1}
	}
	stretch := 1.0
	if r.Antialias {
		stretch = min(float64(a.Scale), 1)
	}
	weights, sum := make(map[int]float64), 0.0
	for k := -a.Input - 4; k <= 2*a.Input+4; k++ {
		d, weight := math.Abs(float64(k)-at)*stretch, 0.0
		switch c := float64(r.CubicCoefficient); {
		case r.Mode == Linear:
			weight = math.Max(1-d, 0)
		case d <= 1:
			weight = (c+2)*d*d*d - (c+3)*d*d + 1
		case d < 2:
			weight = c*d*d*d - 5*c*d*d + 8*c*d - 4*c
		}
		if !r.ExcludeOutside || k == end(k) {
			weights[end(k)] += weight
			sum += weight
		}
	}
	for k := range weights {
		weights[k] /= sum
	}
	return weights
}

// run plans the case, runs it and returns the output.
func (r Resize) run(t *testing.T, level isa.Level, x []float32) []float32 {
	t.Helper()
	plan, err := r.New(level)
	if err != nil {
		t.Fatal(err)
	}
	output := steptest.NewBuffer(t, 4*r.Outer*r.Height.Output*r.Width.Output*r.Channels)
	input, tables := steptest.From(t, x), steptest.From(t, plan.Tables())
	s := plan.Step(input.Operand(), tables.Operand(), output.Operand())
	steptest.Run(t, &s, input, tables, output)
	return steptest.View[float32](output)
}

func (r Resize) inputs() int { return r.Outer * r.Height.Input * r.Width.Input * r.Channels }

// check holds every element to float64.
func (r Resize) check(t *testing.T, level isa.Level) {
	t.Helper()
	x := steptest.Random(11, r.inputs())
	for at, got := range r.run(t, level, x) {
		channel, pixel := at%r.Channels, at/r.Channels
		image, i, j := pixel/r.Width.Output/r.Height.Output, pixel/r.Width.Output%r.Height.Output, pixel%r.Width.Output
		want := r.wanted(x, image, i, j, channel)
		if math.IsNaN(float64(got)) || math.Abs(float64(got)-want) > 2e-5*(1+math.Abs(want)) || r.Mode == Nearest && float64(got) != want {
			t.Fatalf("image %d, row %d, column %d, channel %d: got %g, want %g", image, i, j, channel, got, want)
		}
	}
}

func TestResize(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, r := range cases() {
			for _, r.Coordinates = range []string{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"} {
				for _, r.Nearest = range []string{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"} {
					r.Mode = Nearest
					if r.Coordinates == "half_pixel_symmetric" {
						break // the middle is a tie that rounding decides: the cases of devicetest have it
					}
					t.Run(fmt.Sprint(i, r.Coordinates, r.Nearest), func(t *testing.T) { r.check(t, level) })
				}
				for _, r.Mode = range []Mode{Linear, Cubic} {
					r.CubicCoefficient = -0.75
					t.Run(fmt.Sprint(i, r.Coordinates, "mode", int(r.Mode)), func(t *testing.T) { r.check(t, level) })
				}
			}
		}
	})
}

func TestFilters(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for i, r := range cases() {
			r.Coordinates, r.CubicCoefficient = "half_pixel", -0.5
			for variant := range 8 {
				r.Mode, r.Antialias, r.ExcludeOutside = Linear+Mode(variant&1), variant&2 != 0, variant&4 != 0
				t.Run(fmt.Sprint(i, "variant", variant), func(t *testing.T) { r.check(t, level) })
			}
		}
	})
}

// What lies beside an element that a position takes alone may be anything.
func TestNeighboursOfExactPositions(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for _, mode := range []Mode{Linear, Cubic} {
			for _, channels := range []int{1, 2} {
				r := Resize{Mode: mode, Coordinates: "asymmetric", CubicCoefficient: -0.75, Outer: 1, Channels: channels, Height: by(3, 2), Width: by(4, 2)}
				x := slices.Repeat([]float32{float32(math.Inf(1))}, r.inputs())
				for c := range channels {
					x[(1*4+1)*channels+c] = 1.1
				}
				if y := r.run(t, level, x); y[(2*8+2)*channels] != 1.1 {
					t.Errorf("mode %d, %d channels: got %g", mode, channels, y[(2*8+2)*channels])
				}
			}
		}
	})
}

// An image's result does not depend on the batch it is in, nor on whether it is a plane or one of several channels, bit for bit.
func TestDeterminism(t *testing.T) {
	steptest.Levels(t, func(t *testing.T, level isa.Level) {
		for mode := Nearest; mode <= Cubic; mode++ {
			r := Resize{Mode: mode, Coordinates: "half_pixel", Nearest: "floor", CubicCoefficient: -0.75, Outer: 9, Channels: 1, Height: by(11, 1.7), Width: by(35, 1.3)}
			x := steptest.Random(3, r.inputs())
			together := r.run(t, level, x)
			one, pixels := r, r
			one.Outer = 1
			each := len(together) / r.Outer
			pixels.Outer, pixels.Channels = 1, r.Outer
			apart := make([]float32, len(x))
			for i, v := range x {
				apart[i%(11*35)*r.Outer+i/(11*35)] = v
			}
			channels := pixels.run(t, level, apart)
			for n := range r.Outer {
				alone := one.run(t, level, x[n*11*35:][:11*35])
				if !slices.Equal(alone, together[n*each:][:each]) {
					t.Fatalf("mode %d: image %d differs from itself alone", mode, n)
				}
				for i, v := range alone {
					if channels[i*r.Outer+n] != v {
						t.Fatalf("mode %d: image %d as a channel differs at %d: %g, %g", mode, n, i, channels[i*r.Outer+n], v)
					}
				}
			}
		}
	})
}

func TestRefuses(t *testing.T) {
	good := Resize{Coordinates: "half_pixel", Nearest: "floor", Outer: 1, Channels: 1, Height: by(4, 2), Width: by(4, 2)}
	if _, err := good.New(isa.Scalar); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *Resize){
		"images":      func(r *Resize) { r.Outer = 0 },
		"channels":    func(r *Resize) { r.Channels = math.MaxInt },
		"no output":   func(r *Resize) { r.Height.Output = 0 },
		"huge axis":   func(r *Resize) { r.Width.Input = 1 << 25 },
		"scale":       func(r *Resize) { r.Width.Scale = float32(math.NaN()) },
		"coordinates": func(r *Resize) { r.Coordinates = "tf_crop_and_resize" },
		"nearest":     func(r *Resize) { r.Nearest = "simple" },
		"tensor":      func(r *Resize) { r.Outer, r.Channels = 1<<29, 1<<29 },
		"filter":      func(r *Resize) { r.Mode, r.Antialias, r.Width = Linear, true, Axis{1 << 24, 8, 1e-7} },
		"lines":       func(r *Resize) { r.Mode, r.Antialias, r.Height, r.Width = Linear, true, by(1<<20, 1e-5), by(4, 1e3) },
	} {
		r := good
		change(&r)
		if _, err := r.New(isa.Scalar); err == nil {
			t.Errorf("%s: planned", name)
		}
	}
}

// BenchmarkResize measures a step on one thread beside the bytes that it must move.
func BenchmarkResize(b *testing.B) {
	level, err := isa.Choose("")
	if err != nil {
		b.Fatal(err)
	}
	names := map[Mode]string{Nearest: "nearest", Linear: "linear", Cubic: "cubic"}
	for mode := Nearest; mode <= Cubic; mode++ {
		for _, channels := range []int{1, 64} {
			r := Resize{Mode: mode, Coordinates: "half_pixel", Nearest: "floor", CubicCoefficient: -0.75, Outer: 64 / channels, Channels: channels}
			r.Height, r.Width = by(56, 2), by(56, 2)
			b.Run(fmt.Sprintf("%s_%d", names[mode], channels), func(b *testing.B) { r.benchmark(b, level) })
		}
	}
}

func (r Resize) benchmark(b *testing.B, level isa.Level) {
	plan, err := r.New(level)
	if err != nil {
		b.Fatal(err)
	}
	outputs := r.Outer * r.Height.Output * r.Width.Output * r.Channels
	var blocks [4]*memory.Block // with huge pages, as arenas have
	for i, size := range [...]int{4 * r.inputs(), len(plan.Tables()), 4 * outputs, int(plan.step.ScratchBytes)} {
		if blocks[i], err = memory.Allocate(size); err != nil {
			b.Fatal(err)
		}
		defer blocks[i].Free()
	}
	copy(blocks[0].Float32s(), steptest.Random(1, r.inputs()))
	copy(blocks[1].Bytes(), plan.Tables())
	s := plan.Step(step.Absolute(blocks[0].Pointer()), step.Absolute(blocks[1].Pointer()), step.Absolute(blocks[2].Pointer()))
	b.SetBytes(int64(4 * (r.inputs() + outputs)))
	b.ResetTimer()
	steptest.Repeat(&s, blocks[3].Pointer(), b.N)
}

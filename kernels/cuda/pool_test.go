package cuda_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// pooled pools element by element, and lists the positions of the maxima.
func pooled(p cuda.Pool, x []float64) (y []float64, positions []int64) {
	for len(p.Axes) < 3 {
		p.Axes = slices.Insert(slices.Clone(p.Axes), 0, cuda.PoolAxis{Input: 1, Output: 1, Window: 1, Stride: 1, Dilation: 1})
	}
	sizes := [3]int64{p.Axes[0].Input, p.Axes[1].Input, p.Axes[2].Input}
	plane := sizes[0] * sizes[1] * sizes[2]
	for i := range p.Outer * p.Axes[0].Output * p.Axes[1].Output * p.Axes[2].Output * p.Channels {
		at, channel := i/p.Channels, i%p.Channels
		var out [3]int64
		for d := 2; d >= 0; d-- {
			out[d], at = at%p.Axes[d].Output, at/p.Axes[d].Output
		}
		best, sum, taps, counted, position := math.Inf(-1), 0.0, 0.0, 0.0, int64(-1)
		for k := range p.Axes[0].Window * p.Axes[1].Window * p.Axes[2].Window {
			var in [3]int64
			inside, padded := true, true
			for d := 2; d >= 0; d-- {
				a := p.Axes[d]
				in[d] = out[d]*a.Stride - a.Begin + k%a.Window*a.Dilation
				k /= a.Window
				inside = inside && in[d] >= 0 && in[d] < a.Input
				padded = padded && in[d] < a.Input+a.End
			}
			if padded {
				counted++
			}
			if !inside {
				continue
			}
			v := x[((at*plane)+(in[0]*sizes[1]+in[1])*sizes[2]+in[2])*p.Channels+channel]
			sum, taps = sum+v, taps+1
			if position < 0 || v > best || v != v {
				best, position = v, at*plane+(in[0]*sizes[1]+in[1])*sizes[2]+in[2]
				if p.ColumnMajor {
					position = at*plane + (in[2]*sizes[1]+in[1])*sizes[0] + in[0]
				}
			}
		}
		if !p.CountPadding {
			counted = taps
		}
		if p.Kind == cuda.PoolAverage {
			best = sum / counted
		}
		y, positions = append(y, best), append(positions, position)
	}
	return y, positions
}

// axis makes a PoolAxis with as many outputs as fit, rounded up where ceil is true.
func axis(input, window, stride, dilation, begin, end int64, ceil bool) cuda.PoolAxis {
	room := input + begin + end - (window-1)*dilation - 1
	if ceil {
		room += stride - 1
	}
	return cuda.PoolAxis{
		Input: input, Output: room/stride + 1, Window: window, Stride: stride, Dilation: dilation, Begin: begin, End: end,
	}
}

func poolCases() map[string]cuda.Pool {
	return map[string]cuda.Pool{
		"resnet":       {Outer: 2, Channels: 16, Axes: []cuda.PoolAxis{axis(14, 3, 2, 1, 1, 1, false), axis(12, 3, 2, 1, 1, 1, false)}},
		"odd channels": {Outer: 1, Channels: 5, Axes: []cuda.PoolAxis{axis(7, 2, 2, 1, 0, 0, false), axis(9, 3, 1, 1, 0, 2, false)}},
		"ceil":         {Outer: 3, Channels: 1, Axes: []cuda.PoolAxis{axis(10, 3, 2, 1, 0, 0, true), axis(6, 3, 2, 1, 1, 1, true)}},
		"dilated":      {Outer: 2, Channels: 8, Axes: []cuda.PoolAxis{axis(11, 3, 1, 2, 1, 2, false), axis(13, 2, 3, 4, 3, 1, false)}},
		"line":         {Outer: 6, Channels: 1, Axes: []cuda.PoolAxis{axis(37, 5, 3, 1, 2, 2, false)}},
		"volume":       {Outer: 4, Channels: 1, Axes: []cuda.PoolAxis{axis(5, 2, 2, 1, 1, 0, false), axis(6, 3, 1, 1, 1, 1, false), axis(7, 3, 2, 2, 2, 1, false)}},
		"padding only": {Outer: 1, Channels: 1, Axes: []cuda.PoolAxis{axis(3, 2, 2, 1, 4, 3, false)}},
	}
}

func TestPool(t *testing.T) {
	library := emulation.Open(t)
	for name, p := range poolCases() {
		for _, typ := range []cuda.Type{cuda.Float32, cuda.Float16, cuda.BFloat16, cuda.Int8, cuda.Uint8} {
			for variant := range 5 { // maximum, two averages, positions in two orders
				p, positions := p, variant > 2
				p.Type, p.CountPadding, p.ColumnMajor = typ, variant == 2, variant == 4
				if variant == 1 || variant == 2 {
					p.Kind = cuda.PoolAverage
				}
				if p.Kind == cuda.PoolAverage && !typ.IsFloat() || positions && p.Channels > 1 || name == "padding only" && (positions || !typ.IsFloat()) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%v/%d", name, typ, variant), func(t *testing.T) { checkPool(t, library, p, positions) })
			}
		}
	}
}

func checkPool(t *testing.T, library *emulation.Library, p cuda.Pool, positions bool) {
	count := p.Outer * p.Channels
	for _, a := range p.Axes {
		count *= a.Input
	}
	values := randomValues(p.Type, int(count), 11)
	for i := range values {
		if values[i] *= 20; p.Type.IsFloat() && i%29 == 7 {
			values[i] = math.NaN()
		}
	}
	values = emulation.Decode(p.Type, emulation.Encode(p.Type, values))
	want, wantPositions := pooled(p, values)
	x := emulation.NewBuffer(t, emulation.Encode(p.Type, values), 0)
	y := emulation.NewBuffer(t, make([]byte, len(want)*int(p.Type.Size())), 0)
	found := emulation.NewBuffer(t, make([]byte, 8*len(want)), 0)
	if p.X, p.Y = x.Operand(), y.Operand(); positions {
		p.Positions = found.Operand()
	}
	launches, err := p.Plan()
	runAll(t, library, launches, err)
	tolerance := emulation.Rounding(p.Type)
	tolerance.Scale = 1 // sums may cancel
	emulation.Compare(t, launches[0].Kernel, p.Type, y.Bytes(), want, tolerance)
	for i := range wantPositions {
		if got := int64(binary.LittleEndian.Uint64(found.Bytes()[8*i:])); positions && got != wantPositions[i] {
			t.Fatalf("maximum %d lies at %d, want %d", i, got, wantPositions[i])
		}
	}
}

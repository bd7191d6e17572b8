package resize

import (
	"fmt"
	"math"
)

// Axis is one axis that is resized. Scale is Output/Input, or what the model gives, from which Output was rounded.
type Axis struct {
	Input, Output int
	Scale         float32
}

// taps are the elements that each position of an axis is made of, so many for each: their numbers and their weights.
type taps struct {
	count  int
	index  []int32
	weight []float32
}

// coordinates are where position i of an axis lies in the input, by ONNX's coordinate_transformation_mode. They are computed in float32, in this order of
// operations, as others do: which element is the nearest depends on each bit.
var coordinates = map[string]func(a Axis, i float32) float32{
	"half_pixel": Axis.halfPixel,
	"pytorch_half_pixel": func(a Axis, i float32) float32 {
		if a.Output == 1 {
			return 0
		}
		return a.halfPixel(i)
	},
	"half_pixel_symmetric": func(a Axis, i float32) float32 {
		input := float32(a.Input)
		left := input / 2 * (1 - float32(a.Output)/(a.Scale*input)) // of the input on both sides, because the output was rounded
		return float32(float64(left) + (float64(i)+0.5)/float64(a.Scale) - 0.5)
	},
	"align_corners": func(a Axis, i float32) float32 {
		if a.Output == 1 {
			return 0
		}
		return i * float32(a.Input-1) / float32(a.Output-1)
	},
	"asymmetric":           func(a Axis, i float32) float32 { return i / a.Scale },
	"tf_half_pixel_for_nn": func(a Axis, i float32) float32 { return (i + 0.5) / a.Scale },
}

func (a Axis) halfPixel(i float32) float32 { return (i+0.5)/a.Scale - 0.5 }

// nearest is the element that ONNX's nearest_mode chooses for a position.
var nearest = map[string]func(x float64) float64{
	"round_prefer_floor": func(x float64) float64 { return math.Ceil(x - 0.5) },
	"round_prefer_ceil":  func(x float64) float64 { return math.Floor(x + 0.5) },
	"floor":              math.Floor,
	"ceil":               math.Ceil,
}

const (
	exact     = 1 << 24 // positions beyond are no float32
	tapsLimit = 1 << 24 // of the entries of one axis's table
)

// keeps reports whether the axis stays as it is.
func (a Axis) keeps() bool { return a.Input == a.Output && a.Scale == 1 }

// tapsOf computes the table of one axis.
func (r Resize) tapsOf(a Axis) (taps, error) {
	if a.Input < 1 || a.Output < 1 || a.Input > exact || a.Output > exact || !(a.Scale > 0) {
		return taps{}, fmt.Errorf("resizing: an axis from %d to %d by %v, want sizes of 1 to %d", a.Input, a.Output, a.Scale, exact)
	}
	at, choose := coordinates[r.Coordinates], nearest[r.Nearest]
	if at == nil || r.Mode == Nearest && choose == nil {
		return taps{}, fmt.Errorf("resizing: coordinates %q with nearest %q are not supported", r.Coordinates, r.Nearest)
	}
	if a.keeps() {
		at = func(_ Axis, i float32) float32 { return i }
		choose = math.Floor
	}
	if r.Mode == Nearest {
		t := taps{count: 1, index: make([]int32, a.Output)}
		for i := range t.index {
			t.index[i] = int32(a.inside(choose(float64(at(a, float32(i))))))
		}
		return t, nil
	}
	filter, support := r.filter(a)
	t := taps{count: 1}
	if !a.keeps() {
		count := math.Ceil(2 * support)
		if count*float64(a.Output) > tapsLimit {
			return t, fmt.Errorf("resizing: %d elements to %d of %g each are too many", a.Input, a.Output, count)
		}
		t.count = int(count)
	}
	t.index, t.weight = make([]int32, a.Output*t.count), make([]float32, a.Output*t.count)
	for i := range a.Output {
		x := float64(at(a, float32(i)))
		r.weigh(a, x, t.index[i*t.count:][:t.count], t.weight[i*t.count:][:t.count], filter)
	}
	return t, nil
}

// inside is the element at x, or the end of the axis that x lies beyond.
func (a Axis) inside(x float64) int { return int(min(max(x, 0), float64(a.Input-1))) }

// filter returns what an element weighs at a distance, and how far it reaches. Where the axis shrinks it may be stretched, so that all elements count.
func (r Resize) filter(a Axis) (filter func(distance float64) float64, support float64) {
	filter, support = triangle, 1
	if r.Mode == Cubic {
		filter, support = cubic(float64(r.CubicCoefficient)), 2
	}
	if stretch := min(float64(a.Scale), 1); r.Antialias && stretch < 1 {
		narrow := filter
		return func(distance float64) float64 { return narrow(distance * stretch) }, support / stretch
	}
	return filter, support
}

// triangle is the filter of linear interpolation.
func triangle(distance float64) float64 { return max(1-math.Abs(distance), 0) }

// cubic is the filter of cubic convolution with the parameter a (Keys, 1981).
func cubic(a float64) func(distance float64) float64 {
	return func(distance float64) float64 {
		d := math.Abs(distance)
		switch {
		case d <= 1:
			return ((a+2)*d-(a+3))*d*d + 1
		case d < 2:
			return ((a*d-5*a)*d+8*a)*d - 4*a
		}
		return 0
	}
}

// weigh fills in the elements around x, from the first within reach on, and weights that sum to 1.
func (r Resize) weigh(a Axis, x float64, index []int32, weight []float32, filter func(distance float64) float64) {
	first := math.Floor(x-float64(len(index))/2) + 1
	if len(index) == 1 {
		first = x
	}
	weights, sum, counted, only := make([]float64, len(index)), 0.0, 0, int32(0)
	for k := range index {
		position := first + float64(k)
		index[k] = int32(a.inside(position))
		if r.ExcludeOutside && (position < 0 || position > float64(a.Input-1)) {
			continue
		}
		if weights[k] = filter(position - x); weights[k] != 0 {
			counted, only = counted+1, index[k]
		}
		sum += weights[k]
	}
	if sum == 0 {
		return
	}
	for k := range weights {
		weight[k] = float32(weights[k] / sum)
	}
	if counted == 1 && len(index) <= 4 {
		share(index, weight, only)
	}
}

// share makes a position of one element alone, so that what lies beside it, which may not be finite, is not read: the element is added to itself in parts
// that sum to it exactly.
func share(index []int32, weight []float32, only int32) {
	part := float32(1)
	for k := len(index) - 1; k >= 0; k-- {
		if k > 0 {
			part /= 2
		}
		index[k], weight[k] = only, part
	}
}

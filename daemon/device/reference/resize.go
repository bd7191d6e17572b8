package reference

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/tensor"
)

// resizeLimit bounds the elements of a resized axis, and what they are made of, which hostile scales could make huge.
const resizeLimit = 1 << 23

// resizeAxis is what a Resize does to one axis. Scale is output/input, or what the model gives, from which output was rounded.
type resizeAxis struct {
	input, output int64
	scale         float32
	begin, end    float32 // the part of the axis that tf_crop_and_resize looks at
}

// contribution is what one position of an axis is made of: elements of the input's axis and their weights. A position beyond the axis, which
// tf_crop_and_resize alone has, is made of none.
type contribution struct {
	from    []int64
	weights []float64
}

// resize changes the sizes of axes, one after the other. The nearest element is moved, so it may be of any type.
func resize(c *call) []*tensor.Tensor {
	x := c.in(0)
	axes := c.resizeAxes(x.Shape)
	shape := make([]int64, len(axes))
	for i, a := range axes {
		shape[i] = a.output
	}
	newTensor(x.DType, shape) // refuses what is too large before the lists below are made
	if c.Text("mode", "nearest") == "nearest" {
		return one(c.resizeNearest(x, shape, axes))
	}
	values, outside, current := floats(x), []bool{false}, slices.Clone(x.Shape)
	for axis, a := range axes {
		list := c.contributions(a)
		values = interpolate(values, current, axis, list)
		current[axis] = a.output
		outside = extend(outside, list)
	}
	for i := range values {
		if outside[i] {
			values[i] = float64(c.Float("extrapolation_value", 0))
		}
	}
	return one(resampled(x.DType, shape, values))
}

// resizeAxes reads roi, scales and sizes, inputs 1 to 3.
func (c *call) resizeAxes(shape []int64) []resizeAxis {
	var chosen []int
	for _, axis := range c.Ints("axes") {
		chosen = append(chosen, normalAxis(axis, len(shape)))
	}
	axes := make([]resizeAxis, len(shape))
	for i, size := range shape {
		axes[i] = resizeAxis{size, size, 1, 0, 1}
		if c.Attributes["axes"] == nil {
			chosen = append(chosen, i)
		}
	}
	if c.given(2) == c.given(3) {
		fail("one of scales and sizes must be given")
	}
	if c.given(2) {
		for i, scale := range c.listOf(2, len(chosen)) {
			a := &axes[chosen[i]]
			a.scale = float32(scale)
			size := float32(a.input) * a.scale
			if !(scale > 0 && size <= resizeLimit) {
				fail("scale %v of axis %d is out of range", scale, chosen[i])
			}
			a.output = int64(size)
		}
	} else {
		c.setSizes(axes, chosen)
	}
	if c.Text("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" {
		bounds := c.listOf(1, 2*len(chosen))
		for i, axis := range chosen {
			axes[axis].begin, axes[axis].end = float32(bounds[i]), float32(bounds[len(chosen)+i])
		}
	}
	return axes
}

// given reports whether an input is there and not empty.
func (c *call) given(i int) bool { return c.optional(i) != nil && c.optional(i).Elements() > 0 }

// listOf returns the elements of an input that must have so many.
func (c *call) listOf(i, count int) []float64 {
	list := floats(c.in(i))
	if len(list) != count {
		fail("input %d has %d elements, want %d", i, len(list), count)
	}
	return list
}

// setSizes gives axes the sizes of input 3, or keeps their ratio to each other.
func (c *call) setSizes(axes []resizeAxis, chosen []int) {
	wanted := c.listOf(3, len(chosen))
	policy := c.Text("keep_aspect_ratio_policy", "stretch")
	common := 0.0
	for i, axis := range chosen {
		a := &axes[axis]
		if !(wanted[i] >= 0 && wanted[i] <= resizeLimit) || (wanted[i] == 0) != (a.input == 0) {
			fail("%d elements of axis %d cannot be resized to %v", a.input, axis, wanted[i])
		}
		a.output = int64(wanted[i])
		if a.input > 0 {
			a.scale = float32(a.output) / float32(a.input)
		}
		scale := wanted[i] / float64(a.input)
		if i == 0 || policy == "not_larger" && scale < common || policy == "not_smaller" && scale > common {
			common = scale
		}
	}
	if policy == "stretch" {
		return
	}
	for _, axis := range chosen {
		a := &axes[axis]
		size := math.Floor(common*float64(a.input) + 0.5)
		if !(size <= resizeLimit) {
			fail("a scale of %v is too large for axis %d", common, axis)
		}
		a.output, a.scale = int64(size), float32(common)
	}
}

// resizeNearest moves elements.
func (c *call) resizeNearest(x *tensor.Tensor, shape []int64, axes []resizeAxis) *tensor.Tensor {
	from := []int64{0}
	for _, a := range axes {
		list := c.contributions(a)
		next := make([]int64, 0, len(from)*len(list))
		for _, base := range from {
			for _, at := range list {
				if base < 0 || len(at.from) == 0 {
					next = append(next, -1)
				} else {
					next = append(next, base*a.input+at.from[0])
				}
			}
		}
		from = next
	}
	out := take(x, shape, from)
	if beyond := slices.Index(from, -1); beyond < 0 {
		return out
	}
	value := fromFloats(x.DType, []int64{1}, []float64{float64(c.Float("extrapolation_value", 0))})
	for i, source := range from {
		if source < 0 {
			copyElements(out, int64(i), value, 0, 1)
		}
	}
	return out
}

// contributions lists what each position of a resized axis is made of.
func (c *call) contributions(a resizeAxis) []contribution {
	coordinates := c.Text("coordinate_transformation_mode", "half_pixel")
	keeps := a.input == a.output && a.scale == 1 && a.begin == 0 && a.end == 1
	list := make([]contribution, a.output)
	for i := range list {
		if keeps {
			list[i] = contribution{[]int64{int64(i)}, []float64{1}}
			continue
		}
		x := a.coordinate(coordinates, float32(i))
		if coordinates == "tf_crop_and_resize" && !(x >= 0 && x <= float64(a.input-1)) {
			continue
		}
		list[i] = c.contribution(a, x)
	}
	return list
}

// coordinate is where position i lies in the input, in float32 as others compute it: which element is the nearest may depend on each bit.
func (a resizeAxis) coordinate(mode string, i float32) float64 {
	input, output := float32(a.input), float32(a.output)
	half := (i+0.5)/a.scale - 0.5
	switch mode {
	case "half_pixel":
		return float64(half)
	case "pytorch_half_pixel":
		if a.output == 1 {
			return 0
		}
		return float64(half)
	case "half_pixel_symmetric":
		// The output was rounded: what is left of it on both sides is the same. Others add the rest in float64.
		offset := input / 2 * (1 - output/(a.scale*input))
		return float64(float32(float64(offset) + (float64(i)+0.5)/float64(a.scale) - 0.5))
	case "asymmetric":
		return float64(i / a.scale)
	case "tf_half_pixel_for_nn":
		return float64((i + 0.5) / a.scale)
	case "align_corners":
		if a.output == 1 {
			return 0
		}
		return float64(i * (input - 1) / (output - 1))
	case "tf_crop_and_resize":
		if a.output == 1 {
			return 0.5 * float64(a.begin+a.end) * float64(input-1)
		}
		return float64(a.begin*(input-1) + i*(a.end-a.begin)*(input-1)/(output-1))
	}
	fail("unknown coordinate_transformation_mode %q", mode)
	return 0
}

// contribution is what a position at x is made of.
func (c *call) contribution(a resizeAxis, x float64) contribution {
	if !(math.Abs(x) < 1<<53) {
		fail("coordinate %v is out of range", x)
	}
	mode := c.Text("mode", "nearest")
	if mode == "nearest" {
		return contribution{[]int64{min(max(c.nearest(x), 0), a.input-1)}, []float64{1}}
	}
	support, filter := 1.0, triangle
	if mode == "cubic" {
		support, filter = 2, cubic(float64(c.Float("cubic_coeff_a", -0.75)))
	} else if mode != "linear" {
		fail("unknown mode %q", mode)
	}
	stretch := 1.0
	if c.Int("antialias", 0) != 0 {
		stretch = min(float64(a.scale), 1)
	}
	if !(support/stretch*float64(a.output) < resizeLimit) {
		fail("resizing %d elements to %d is too large", a.input, a.output)
	}
	return weigh(x, support/stretch, a.input, c.Int("exclude_outside", 0) != 0, func(distance float64) float64 { return filter(distance * stretch) })
}

// weigh weighs the elements within the support of a filter around x so that their weights sum to 1. Those beyond the axis are the ones at its ends,
// or excluded.
func weigh(x, support float64, size int64, exclude bool, filter func(distance float64) float64) contribution {
	var at contribution
	sum := 0.0
	for i := int64(math.Floor(x-support)) + 1; float64(i) < x+support; i++ {
		weight := filter(float64(i) - x)
		if weight == 0 || exclude && (i < 0 || i >= size) {
			continue
		}
		at.from, at.weights = append(at.from, min(max(i, 0), size-1)), append(at.weights, weight)
		sum += weight
	}
	for i := range at.weights {
		at.weights[i] /= sum
	}
	return at
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

// nearest is the element that nearest_mode chooses for a position.
func (c *call) nearest(x float64) int64 {
	switch mode := c.Text("nearest_mode", "round_prefer_floor"); mode {
	case "round_prefer_floor":
		return int64(math.Ceil(x - 0.5))
	case "round_prefer_ceil":
		return int64(math.Floor(x + 0.5))
	case "floor":
		return int64(math.Floor(x))
	case "ceil":
		return int64(math.Ceil(x))
	default:
		fail("unknown nearest_mode %q", mode)
	}
	return 0
}

// interpolate makes each position of an axis of what contributes to it.
func interpolate(values []float64, shape []int64, axis int, list []contribution) []float64 {
	before, size, after := around(shape, axis)
	total, err := tensor.Elements([]int64{before, int64(len(list)), after})
	if err != nil || total > tensorLimit/8 {
		fail("resizing axis %d of %v has too many elements", axis, shape)
	}
	out := make([]float64, total)
	for b := range before {
		for i, at := range list {
			to := out[(b*int64(len(list))+int64(i))*after:][:after]
			for k, from := range at.from {
				for j, x := range values[(b*size+from)*after:][:after] {
					to[j] += at.weights[k] * x
				}
			}
		}
	}
	return out
}

// extend tells which positions of one axis more lie outside.
func extend(outside []bool, list []contribution) []bool {
	next := make([]bool, 0, len(outside)*len(list))
	for _, beyond := range outside {
		for _, at := range list {
			next = append(next, beyond || len(at.from) == 0)
		}
	}
	return next
}

// resampled is fromFloats with integer types rounded to even, and saturated.
func resampled(dtype tensor.DType, shape []int64, values []float64) *tensor.Tensor {
	if !dtype.IsInteger() {
		return fromFloats(dtype, shape, values)
	}
	least, largest := integerRange(dtype)
	low, high := float64(least), float64(largest)
	if dtype == tensor.Uint64 {
		low, high = 0, math.MaxUint64
	}
	if dtype.Size() == 8 {
		high = math.Nextafter(high, 0) // the largest number itself is no float64
	}
	for i, x := range values {
		values[i] = min(max(math.RoundToEven(x), low), high)
	}
	return fromFloats(dtype, shape, values)
}

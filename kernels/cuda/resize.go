package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// resizeAxes is how many axes are resized at most, kSpatial in resize.cu.
const resizeAxes = 3

// ResizeMode is how an element of the output comes about.
type ResizeMode int

// The modes.
const (
	ResizeNearest ResizeMode = iota
	ResizeLinear
)

// nearestModes are ONNX's names for which of two elements is the nearest, numbered as in resize.cu.
var nearestModes = map[string]int32{"round_prefer_floor": 0, "round_prefer_ceil": 1, "floor": 2, "ceil": 3}

// ResizeAxis is one axis that is resized. Scale is Output/Input, or what the model gives, from which Output was rounded.
type ResizeAxis struct {
	Input, Output int64
	Scale         float32
}

// Resize describes ONNX's Resize of X [Outer, axes..., Channels] along one to three axes.
type Resize struct {
	Type            Type
	Mode            ResizeMode
	Coordinates     string // coordinate_transformation_mode; empty: half_pixel
	Nearest         string // nearest_mode; empty: round_prefer_floor
	Outer, Channels int64
	Axes            []ResizeAxis
	X, Y            step.Operand
}

// resizeAxis mirrors ResizeAxis in resize.cu.
type resizeAxis struct {
	output                             divisor
	input                              int32
	shift, multiplier, divisor, offset float32
}

// resizeArguments mirrors ResizeArguments.
type resizeArguments struct {
	x, y     address
	axis     [resizeAxes]resizeAxis
	channels divisor
	units    uint32
	nearest  int32
}

// Plan returns the launch; none where there are no elements.
func (r Resize) Plan() ([]Launch, error) {
	if len(r.Axes) < 1 || len(r.Axes) > resizeAxes {
		return nil, unsupported("resizing %d axes, at most %d are supported", len(r.Axes), resizeAxes)
	}
	arguments, inputs, outputs := resizeArguments{}, int64(1), int64(1)
	for i := range resizeAxes {
		axis := ResizeAxis{1, 1, 1}
		if i < len(r.Axes) {
			axis = r.Axes[len(r.Axes)-1-i]
		}
		inputs, outputs = inputs*axis.Input, outputs*axis.Output
		if inputs*outputs*r.Outer*r.Channels == 0 {
			return nil, nil
		}
		var err error
		if arguments.axis[i], err = axis.mirror(r.Coordinates); err != nil {
			return nil, err
		}
	}
	kernel, count, err := r.kernel(&arguments)
	if err != nil {
		return nil, err
	}
	elements := r.Outer * outputs * r.Channels
	units := elements / count
	if units > mostSteps {
		return nil, unsupported("resizing to %d elements", elements)
	}
	arguments.channels, arguments.units = newDivisor(r.Channels/count), uint32(units)
	l := newLaunch("resize", kernel, grid1(divide(units, 256)), grid1(256), 0, arguments, r.X, r.Y)
	l.Bytes = (r.Outer*inputs*r.Channels + elements) * r.Type.Size()
	if r.Mode == ResizeLinear {
		l.FLOP = 2 << len(r.Axes) * elements
	}
	return []Launch{l}, nil
}

// kernel chooses one, and how many elements it moves at a time.
func (r Resize) kernel(arguments *resizeArguments) (name string, count int64, err error) {
	if r.Mode == ResizeLinear {
		if !r.Type.IsFloat() {
			return "", 0, unsupported("linear resizing of %v", r.Type)
		}
		count, name = wide(r.Type, r.Channels, r.X, r.Y), "resize_linear_"
		if count == 1 {
			name += "one_"
		}
		return name + r.Type.String(), count, nil
	}
	if r.Nearest == "" {
		r.Nearest = "round_prefer_floor"
	}
	nearest, ok := nearestModes[r.Nearest]
	if !ok {
		return "", 0, unsupported("resizing with nearest_mode %q", r.Nearest)
	}
	arguments.nearest = nearest
	unit := unitOf(r.Channels*r.Type.Size(), r.X.Offset, r.Y.Offset)
	return kernelOfUnit("resize_nearest", unit), unit / r.Type.Size(), nil
}

// mirror writes a coordinate transformation as (i + shift) * multiplier / divisor + offset.
func (a ResizeAxis) mirror(coordinates string) (m resizeAxis, err error) {
	const exact = 1 << 24 // positions beyond are not exact in float32
	if a.Input > exact || a.Output > exact {
		return m, unsupported("resizing an axis from %d to %d", a.Input, a.Output)
	}
	m = resizeAxis{output: newDivisor(a.Output), input: int32(a.Input), shift: 0.5, multiplier: 1, divisor: a.Scale, offset: -0.5}
	if a.Input == a.Output && a.Scale == 1 {
		m.shift, m.offset = 0, 0
		return m, nil
	}
	switch coordinates {
	case "half_pixel", "":
	case "pytorch_half_pixel":
		if a.Output == 1 {
			m.multiplier, m.offset = 0, 0
		}
	case "half_pixel_symmetric":
		// The output was rounded: what is left of it on both sides is the same.
		wanted := float64(a.Scale) * float64(a.Input)
		m.offset = float32(float64(a.Input)/2*(1-float64(a.Output)/wanted) - 0.5)
	case "asymmetric":
		m.shift, m.offset = 0, 0
	case "align_corners":
		m.shift, m.offset, m.multiplier, m.divisor = 0, 0, float32(a.Input-1), float32(max(a.Output-1, 1))
	default:
		return m, unsupported("resizing with coordinate_transformation_mode %q", coordinates)
	}
	return m, nil
}

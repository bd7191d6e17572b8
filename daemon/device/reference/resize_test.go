package reference

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// factors makes a list of float32.
func factors(list ...float32) *tensor.Tensor { return tensor.FromSlice(list, int64(len(list))) }

// TestResizeTypes: integer types are rounded to even and saturated; the nearest element may be anything. The cases hold float32 alone to others.
func TestResizeTypes(t *testing.T) {
	linear := graph.Attributes{"mode": "linear", "coordinate_transformation_mode": "align_corners"}
	cubic := graph.Attributes{"mode": "cubic", "cubic_coeff_a": float32(-1)}
	crop := graph.Attributes{"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": float32(9)}
	exclude := graph.Attributes{"mode": "linear", "exclude_outside": int64(1)}
	for name, test := range map[string]struct {
		attributes        graph.Attributes
		x, roi, by, sizes *tensor.Tensor
		want              *tensor.Tensor
	}{
		"rounded":   {linear, tensor.FromSlice([]int8{0, 1, -6}, 3), nil, nil, tensor.FromSlice([]int64{5}, 1), tensor.FromSlice([]int8{0, 0, 1, -2, -6}, 5)},
		"saturated": {cubic, tensor.FromSlice([]uint8{0, 255, 255, 0}, 4), nil, factors(2), nil, tensor.FromSlice([]uint8{0, 64, 191, 255, 255, 191, 64, 0}, 8)},
		"largest": {cubic, tensor.FromSlice([]int64{0, math.MaxInt64, math.MaxInt64, 0}, 4), nil, factors(2), nil,
			tensor.FromSlice([]int64{-9 << 57, 1 << 61, 3 << 61, math.MaxInt64 - 1023, math.MaxInt64 - 1023, 3 << 61, 1 << 61, -9 << 57}, 8)},
		"text":    {nil, tensor.FromStrings([]string{"a", "b"}, 2), nil, factors(1.5), nil, tensor.FromStrings([]string{"a", "a", "b"}, 3)},
		"cropped": {crop, tensor.FromSlice([]int64{1, 2, 3}, 3), factors(-0.5, 1), factors(1.5), nil, tensor.FromSlice([]int64{9, 1, 2, 3}, 4)},
		"halves":  {linear, tensor.Convert(factors(1, 2), tensor.Float16), nil, factors(1.5), nil, tensor.Convert(factors(1, 1.5, 2), tensor.Float16)},
		"ends":    {exclude, tensor.FromSlice([]float64{1, 5}, 2), nil, factors(2), nil, tensor.FromSlice([]float64{1, 2, 4, 5}, 4)},
	} {
		inputs := []*tensor.Tensor{test.x, test.roi, test.by, test.sizes}
		got, err := Evaluate(&graph.Node{Name: "n", Op: "Resize", Attributes: test.attributes}, inputs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		y := got[0]
		if y.DType != test.want.DType || !slices.Equal(y.Shape, test.want.Shape) || !slices.Equal(y.Data, test.want.Data) || !slices.Equal(y.Strings, test.want.Strings) {
			t.Errorf("%s: got %v, %v", name, y, floatsOrText(y))
		}
	}
}

func floatsOrText(t *tensor.Tensor) any {
	if t.DType == tensor.String {
		return t.Strings
	}
	return floats(t)
}

func TestResizeRefuses(t *testing.T) {
	x := tensor.New(tensor.Float32, 2, 3)
	sizes := func(list ...int64) *tensor.Tensor { return tensor.FromSlice(list, int64(len(list))) }
	crop := graph.Attributes{"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear"}
	for name, test := range map[string]struct {
		attributes     graph.Attributes
		roi, by, sizes *tensor.Tensor
		want           string
	}{
		"nothing":     {nil, nil, nil, nil, "one of scales and sizes"},
		"both":        {nil, nil, factors(1, 1), sizes(2, 3), "one of scales and sizes"},
		"count":       {nil, nil, factors(1), nil, "input 2 has 1 elements, want 2"},
		"NaN":         {nil, nil, factors(float32(math.NaN()), 1), nil, "scale NaN of axis 0"},
		"huge":        {nil, nil, factors(1, math.MaxFloat32), nil, "out of range"},
		"negative":    {nil, nil, factors(1, -1), nil, "scale -1 of axis 1"},
		"no size":     {nil, nil, nil, sizes(2, 0), "3 elements of axis 1 cannot be resized to 0"},
		"huge size":   {nil, nil, nil, sizes(2, math.MaxInt64), "cannot be resized"},
		"huge result": {nil, nil, nil, sizes(1<<23, 1<<23), "limit"},
		"policy":      {graph.Attributes{"keep_aspect_ratio_policy": "not_smaller"}, nil, nil, sizes(1<<23, 1), "too large for axis 1"},
		"far filter":  {graph.Attributes{"mode": "linear", "antialias": int64(1)}, nil, factors(1, math.SmallestNonzeroFloat32), nil, ""},
		"axis":        {graph.Attributes{"axes": []int64{2}}, nil, factors(2), nil, "axis 2 is outside"},
		"no region":   {crop, nil, factors(1, 1), nil, "input 1 is missing"},
		"region":      {crop, factors(0, 0, float32(math.NaN()), float32(math.Inf(1))), factors(2, 2), nil, ""},
		"mode":        {graph.Attributes{"mode": "area"}, nil, factors(2, 2), nil, `unknown mode "area"`},
		"nearest":     {graph.Attributes{"nearest_mode": "middle"}, nil, factors(2, 2), nil, `unknown nearest_mode "middle"`},
		"coordinates": {graph.Attributes{"coordinate_transformation_mode": "polar"}, nil, factors(2, 2), nil, `"polar"`},
	} {
		got, err := Evaluate(&graph.Node{Name: "n", Op: "Resize", Attributes: test.attributes}, []*tensor.Tensor{x, test.roi, test.by, test.sizes})
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %v, want ...%s...", name, got, err, test.want)
		}
	}
}

package op_test

import (
	"math"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// factors makes a constant float32 list.
func factors(elements ...float32) *graph.Value {
	return graph.NewConstant("factors", tensor.FromSlice(elements, int64(len(elements))))
}

func TestResizeShapes(t *testing.T) {
	policy := func(word string, axes ...int64) attrs {
		return attrs{"keep_aspect_ratio_policy": word, "axes": axes}
	}
	for name, test := range map[string]struct {
		attributes    attrs
		shape         string
		scales, sizes *graph.Value
		want          string
	}{
		"scales":             {nil, "batch,3,h,7", factors(1, 1, 2, 0.5), nil, "float32[batch,3,2*h,3]"},
		"half of a symbol":   {nil, "4*h,h", factors(0.5, 0.25), nil, "float32[2*h,floor((h)/(4))]"},
		"odd scale":          {nil, "h,5", factors(0.6, 0.6), nil, "float32[unknown_1,3]"},
		"in float32":         {nil, "5,10", factors(1.4, 0.7), nil, "float32[7,7]"},
		"sizes":              {nil, "batch,3,h,w", nil, content("batch,3,14,2*w"), "float32[batch,3,14,2*w]"},
		"axes":               {attrs{"axes": ints(-1, 2)}, "batch,3,h,8", factors(2, 3), nil, "float32[batch,3,3*h,16]"},
		"empty list":         {nil, "2,3", factors(), list(4, 6), "float32[4,6]"},
		"not larger":         {policy("not_larger", 2, 3), "batch,3,10,20", nil, list(15, 20), "float32[batch,3,10,20]"},
		"not smaller":        {policy("not_smaller", 3, 2), "batch,3,10,20", nil, list(25, 15), "float32[batch,3,15,30]"},
		"half rounds up":     {policy("not_larger", 0, 1), "2,5", nil, list(1, 9), "float32[1,3]"},
		"symbol in a policy": {policy("not_larger", 1, 2), "batch,h,20", nil, list(15, 20), "float32[batch,unknown_1,unknown_2]"},
		"empty axis":         {nil, "0,4", factors(2, 2), nil, "float32[0,8]"},
		"unknown scales":     {nil, "batch,8", newBuilder(t).float("2"), nil, "float32[unknown_1,unknown_2]"},
		"unranked":           {nil, "?", factors(2), nil, "float32[?]"},
	} {
		b := newBuilder(t)
		if got := describe(b.node("Resize", test.attributes, b.float(test.shape), nil, test.scales, test.sizes)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestResizeErrors(t *testing.T) {
	huge, nan := float32(math.MaxFloat32), float32(math.NaN())
	for name, test := range map[string]struct {
		attributes    attrs
		scales, sizes *graph.Value
		want          string
	}{
		"no list":         {nil, nil, nil, "neither scales (input 2) nor sizes (input 3)"},
		"two lists":       {nil, factors(1, 1), list(4, 6), "both scales (input 2) and sizes (input 3)"},
		"count":           {nil, factors(1), nil, "1 scales for 2 axes"},
		"long list":       {nil, factors(make([]float32, 65)...), nil, "65 scales for 2 axes"},
		"count of sizes":  {nil, nil, list(1, 2, 3), "3 sizes for 2 axes"},
		"zero":            {nil, factors(0, 1), nil, "scale 0 of axis 0"},
		"negative":        {nil, factors(1, -2), nil, "scale -2 of axis 1"},
		"not a number":    {nil, factors(nan, 1), nil, "scale NaN of axis 0"},
		"huge":            {nil, factors(1, huge), nil, "too many"},
		"infinite":        {nil, factors(1, float32(math.Inf(1))), nil, "is not above 0 and finite"},
		"negative size":   {nil, nil, list(4, -6), "axis 1: size -6 is out of range"},
		"no size":         {nil, nil, list(0, 6), "axis 0: 4 elements cannot be resized to 0"},
		"huge size":       {nil, nil, list(4, math.MaxInt64), "axis 1: size 9223372036854775807 is out of range"},
		"product":         {nil, nil, list(1<<40, 1<<40), "64 bits"},
		"huge proportion": {attrs{"keep_aspect_ratio_policy": "not_smaller"}, nil, list(1<<40, 1), "makes 6 elements too many"},
		"axes":            {attrs{"axes": ints(0, -2)}, factors(1, 1), nil, "axis 0 is given twice"},
		"mode":            {attrs{"mode": "area"}, factors(1, 1), nil, `attribute mode "area" is unknown`},
		"coordinates":     {attrs{"coordinate_transformation_mode": "polar"}, factors(1, 1), nil, "is unknown"},
		"antialias":       {attrs{"antialias": int64(1)}, factors(1, 1), nil, "attribute antialias is for"},
		"coefficient":     {attrs{"cubic_coeff_a": nan}, factors(1, 1), nil, "attribute cubic_coeff_a is NaN"},
		"type of scales":  {nil, list(1, 1), nil, "element type int64"},
		"rank of scales":  {nil, graph.NewConstant("m", tensor.New(tensor.Float32, 2, 1)), nil, "has rank 2, want 1"},
	} {
		b := newBuilder(t)
		_, err := b.add("Resize", 1, test.attributes, b.float("4,6"), nil, test.scales, test.sizes)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

func TestResizeBatches(t *testing.T) {
	crop := attrs{"coordinate_transformation_mode": "tf_crop_and_resize"}
	for name, test := range map[string]struct {
		attributes         attrs
		roi, scales, sizes *graph.Value
		want               string
	}{
		"scales":           {nil, nil, factors(1, 1, 2, 2), nil, ""},
		"sizes":            {nil, nil, nil, content("batch,3,16,16"), ""},
		"axes":             {attrs{"axes": ints(2, 3), "keep_aspect_ratio_policy": "not_larger"}, nil, nil, list(4, 5), ""},
		"rows":             {nil, nil, factors(2, 1, 1, 1), nil, "resizes the batch axis 0"},
		"rows by size":     {nil, nil, nil, content("2*batch,3,8,8"), "resizes the batch axis 0"},
		"almost":           {nil, nil, nil, list(1, 3, 16, 16), "resizes the batch axis 0"},
		"size by batch":    {nil, nil, nil, content("batch,3,8,batch"), "axis 3 of"},
		"ratio":            {attrs{"keep_aspect_ratio_policy": "not_larger"}, nil, nil, content("batch,3,8,8"), "keeps the ratio of the batch axis 0"},
		"crop":             {crop, factors(0, 0, 0.1, 0.2, 1, 1, 0.9, 1.5), factors(1, 1, 2, 2), nil, ""},
		"crop of the rows": {crop, factors(0.5, 0, 0, 0, 1, 1, 1, 1), factors(1, 1, 2, 2), nil, "cuts a region of the batch axis 0"},
	} {
		b := newBuilder(t)
		y := b.node("Resize", test.attributes, b.float("batch,3,8,8"), test.roi, test.scales, test.sizes)
		b.g.Outputs, b.g.OutputNames = []*graph.Value{y}, []string{"y"}
		err := op.BatchProof(b.g, "batch")
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

func TestResizeAxes(t *testing.T) {
	b := newBuilder(t)
	attributes := attrs{"coordinate_transformation_mode": "tf_crop_and_resize", "axes": ints(2, 1), "mode": "cubic"}
	n := b.node("Resize", attributes, b.float("2,4,8,1"), factors(0.25, 0, 0.5, 2), factors(1, 1.6), nil).Producer
	axes, err := op.ResizeAxes(n)
	want := []op.ResizeAxis{{2, 2, 1, 0, 1}, {4, 6, 1.6, 0, 2}, {8, 8, 1, 0.25, 0.5}, {1, 1, 1, 0, 1}}
	if err != nil || len(axes) != len(want) {
		t.Fatalf("got %+v, %v", axes, err)
	}
	for i, keeps := range []bool{true, false, false, true} {
		if axes[i] != want[i] || axes[i].Keeps() != keeps {
			t.Errorf("axis %d: got %+v, keeps %v", i, axes[i], axes[i].Keeps())
		}
	}
	if cost := op.CostOf(n); cost.FLOP != 4*2*6*8 {
		t.Errorf("cost %+v", cost)
	}
	for name, v := range map[string]*graph.Value{
		"sizes or scales depend on data": b.node("Resize", nil, b.float("2"), nil, b.float("1")),
		"region of interest (input 1) is missing": b.node("Resize", attrs{"coordinate_transformation_mode": "tf_crop_and_resize"},
			b.float("2"), nil, factors(1)),
		"3 bounds": b.node("Resize", attrs{"coordinate_transformation_mode": "tf_crop_and_resize"}, b.float("2"), factors(1, 2, 3), factors(1)),
	} {
		v.Shape = dims("4")
		if _, err := op.ResizeAxes(v.Producer); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want ...%s...", err, name)
		}
	}
}

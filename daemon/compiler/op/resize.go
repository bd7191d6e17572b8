package op

import (
	"fmt"
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// ResizeAxis is what a Resize does to one axis.
type ResizeAxis struct {
	Input, Output int64
	Scale         float32 // Output/Input, or what the model gives, from which Output was rounded
	Begin, End    float32 // the part of the axis that is resized, of which 0 and 1 are the ends; only tf_crop_and_resize has others
}

// Keeps reports whether the axis stays as it is.
func (a ResizeAxis) Keeps() bool {
	return a.Input == a.Output && a.Scale == 1 && a.Begin == 0 && a.End == 1
}

// largestResize bounds the size of a resized axis, so that float64 holds every size.
const largestResize = 1 << 40

// resizeTexts are the values that a Resize's attributes of words may have; the first is the default.
var resizeTexts = map[string][]string{
	"mode":         {"nearest", "linear", "cubic"},
	"nearest_mode": {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"},
	"coordinate_transformation_mode": {
		"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn",
	},
	"keep_aspect_ratio_policy": {"stretch", "not_larger", "not_smaller"},
}

// ResizeText returns the node's attribute of that name, or its default.
func ResizeText(n *graph.Node, name string) string { return n.Text(name, resizeTexts[name][0]) }

// inferResize: X, roi?, scales?, sizes? -> X with other sizes. Scales must be constant for its shape to be known.
func inferResize(g *graph.Graph, n *graph.Node) error {
	if err := checkResize(n); err != nil {
		return err
	}
	x := n.Input(0)
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	r, err := resizingOf(n)
	if err != nil {
		return err
	}
	shape, err := r.shape(g, x.Shape)
	if err != nil {
		return err
	}
	set(n, 0, x.DType, shape)
	return nil
}

// checkResize looks at what needs no shape.
func checkResize(n *graph.Node) error {
	for name, words := range resizeTexts {
		if word := ResizeText(n, name); !slices.Contains(words, word) {
			return fmt.Errorf("attribute %s %q is unknown", name, word)
		}
	}
	if ResizeText(n, "mode") == "nearest" {
		if n.Int("antialias", 0) != 0 {
			return fmt.Errorf("attribute antialias is for the modes linear and cubic")
		}
	} else if err := accept(n, 0, numeric); err != nil {
		return err
	}
	if a := float64(n.Float("cubic_coeff_a", -0.75)); math.IsNaN(a) || math.IsInf(a, 0) {
		return fmt.Errorf("attribute cubic_coeff_a is %v", a)
	}
	for i, types := range []typeSet{floating, onlyFloat32, onlyInt64} { // of the lists, inputs 1 to 3
		if err := accept(n, 1+i, types); err != nil {
			return err
		}
		if err := wantRank(n, 1+i, 1, 1); err != nil {
			return err
		}
	}
	return nil
}

// resizing is what a Resize's inputs and attributes say, entry by entry for the axes.
type resizing struct {
	axes   []int
	scales []float32 // nil where sizes are given, or where the scales are not known
	sizes  *graph.Value
	policy string
}

// resizingOf reads a node whose input has a known rank.
func resizingOf(n *graph.Node) (r resizing, err error) {
	r.policy = ResizeText(n, "keep_aspect_ratio_policy")
	if r.axes, err = resizedAxes(n, len(n.Input(0).Shape)); err != nil {
		return r, err
	}
	scales, sizes := givenList(n.Input(2)), givenList(n.Input(3))
	switch {
	case scales == nil && sizes == nil:
		return r, fmt.Errorf("neither scales (input 2) nor sizes (input 3) are given")
	case scales != nil && sizes != nil:
		return r, fmt.Errorf("both scales (input 2) and sizes (input 3) are given")
	case sizes != nil:
		r.sizes = sizes
		return r, r.wantEntries("sizes", sizes)
	}
	if err := r.wantEntries("scales", scales); err != nil || scales.Constant == nil || len(scales.Constant.Data) == 0 {
		return r, err
	}
	r.scales = tensor.Slice[float32](scales.Constant)
	if len(r.scales) != len(r.axes) { // also of lists that are too long to be looked at before
		return r, fmt.Errorf("%d scales for %d axes", len(r.scales), len(r.axes))
	}
	for i, scale := range r.scales {
		if !(scale > 0) || math.IsInf(float64(scale), 0) {
			return r, fmt.Errorf("scale %v of axis %d is not above 0 and finite", scale, r.axes[i])
		}
	}
	return r, nil
}

// resizedAxes are those that the lists are about: of the attribute, or all.
func resizedAxes(n *graph.Node, rank int) (axes []int, err error) {
	given := n.Ints("axes")
	if given == nil {
		for axis := range rank {
			axes = append(axes, axis)
		}
		return axes, nil
	}
	if _, err := normalAxes(given, rank); err != nil {
		return nil, err
	}
	for _, a := range given {
		axis, _ := normalAxis(a, rank)
		axes = append(axes, axis)
	}
	return axes, nil
}

// givenList returns the list; nil where it is absent or, as old models say it, empty.
func givenList(v *graph.Value) *graph.Value {
	if v == nil || v.Ranked && len(v.Shape) == 1 && v.Shape[0].Is(0) {
		return nil
	}
	return v
}

// wantEntries fails where the length of a list is known and not that of the axes.
func (r resizing) wantEntries(name string, list *graph.Value) error {
	if length, ok := listLength(list); ok && length != len(r.axes) {
		return fmt.Errorf("%d %s for %d axes", length, name, len(r.axes))
	}
	return nil
}

// shape returns the output's shape; what is not known yet becomes fresh symbols.
func (r resizing) shape(g *graph.Graph, x []graph.Dim) ([]graph.Dim, error) {
	shape := slices.Clone(x)
	if r.sizes != nil && r.sizes.Content != nil && r.policy != "stretch" {
		return r.proportional(g, shape)
	}
	for i, axis := range r.axes {
		var err error
		switch {
		case r.scales != nil:
			shape[axis], err = scaledDim(g, x[axis], r.scales[i])
		case r.sizes != nil && r.sizes.Content != nil:
			shape[axis], err = r.sizes.Content[i], checkResized(x[axis], r.sizes.Content[i])
		default:
			shape[axis] = g.FreshSymbol()
		}
		if err != nil {
			return nil, fmt.Errorf("axis %d: %w", axis, err)
		}
	}
	return shape, nil
}

// proportional applies one scale to all axes, the least or the largest that the sizes ask for.
func (r resizing) proportional(g *graph.Graph, shape []graph.Dim) ([]graph.Dim, error) {
	scale, known, err := r.commonScale(shape)
	if err != nil {
		return nil, err
	}
	for _, axis := range r.axes {
		size, _ := shape[axis].Known()
		switch resized := math.Floor(scale*float64(size) + 0.5); {
		case !known:
			shape[axis] = g.FreshSymbol()
		case resized > largestResize:
			return nil, fmt.Errorf("axis %d: a scale of %v makes %d elements too many", axis, scale, size)
		default:
			shape[axis] = graph.Int(int64(resized))
		}
	}
	return shape, nil
}

// commonScale is the scale of a policy that keeps the aspect ratio; known is false where some size is not known.
func (r resizing) commonScale(x []graph.Dim) (scale float64, known bool, err error) {
	known = true
	for i, axis := range r.axes {
		if err := checkResized(x[axis], r.sizes.Content[i]); err != nil {
			return 0, false, fmt.Errorf("axis %d: %w", axis, err)
		}
		size, knownSize := x[axis].Known()
		wanted, knownWanted := r.sizes.Content[i].Known()
		if !knownSize || !knownWanted || size == 0 {
			known = false
			continue
		}
		if s := float64(wanted) / float64(size); i == 0 || r.policy == "not_larger" && s < scale || r.policy == "not_smaller" && s > scale {
			scale = s
		}
	}
	return scale, known, nil
}

// checkResized fails where a dimension cannot have the size.
func checkResized(from, to graph.Dim) error {
	size, known := to.Known()
	if !known {
		return nil
	}
	before, knownBefore := from.Known()
	switch {
	case knownBefore && (before == 0) != (size == 0):
		return fmt.Errorf("%d elements cannot be resized to %d", before, size)
	case size < 0 || size > largestResize:
		return fmt.Errorf("size %d is out of range", size)
	}
	return nil
}

// scaledDim is floor(dim * scale), in float32 as others compute it where that makes a difference.
func scaledDim(g *graph.Graph, dim graph.Dim, scale float32) (graph.Dim, error) {
	const exact = 1 << 24 // beyond, not every integer is a float32
	size, known := dim.Known()
	if known && float64(size)*float64(scale) > largestResize {
		return dim, fmt.Errorf("a scale of %v makes %d elements too many", scale, size)
	}
	inverse := 1 / scale
	switch whole := func(x float32) bool { return x == float32(int64(x)) && x <= exact }; {
	case whole(scale):
		return dim.Mul(graph.Int(int64(scale))), nil
	case whole(inverse) && 1/inverse == scale && int64(inverse)&(int64(inverse)-1) == 0:
		return dim.Div(graph.Int(int64(inverse))), nil
	case known:
		return graph.Int(int64(float32(size) * scale)), nil
	}
	return g.FreshSymbol(), nil
}

// ResizeAxes returns what a Resize of known shapes does to each axis. It fails where a list that this depends on is not constant.
func ResizeAxes(n *graph.Node) ([]ResizeAxis, error) {
	x, knownX := n.Input(0).KnownShape()
	y, knownY := n.Output(0).KnownShape()
	if !knownX || !knownY || len(x) != len(y) {
		return nil, fmt.Errorf("%v: the shapes are not known", n)
	}
	r, err := resizingOf(n)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", n, err)
	}
	axes := make([]ResizeAxis, len(x))
	for i := range axes {
		axes[i] = ResizeAxis{Input: x[i], Output: y[i], Scale: 1, End: 1}
	}
	if err := r.setScales(n.Input(0).Shape, axes); err != nil {
		return nil, fmt.Errorf("%v: %w", n, err)
	}
	if err := r.setRegion(n, axes); err != nil {
		return nil, fmt.Errorf("%v: %w", n, err)
	}
	return axes, nil
}

// setScales fills in the scales.
func (r resizing) setScales(x []graph.Dim, axes []ResizeAxis) error {
	common, known := 0.0, false
	if r.sizes != nil && r.sizes.Content != nil && r.policy != "stretch" {
		var err error
		if common, known, err = r.commonScale(x); err != nil {
			return err
		}
	}
	for i, axis := range r.axes {
		a := &axes[axis]
		switch {
		case r.scales != nil:
			a.Scale = r.scales[i]
		case r.sizes == nil || r.sizes.Content == nil:
			return fmt.Errorf("the sizes or scales depend on data")
		case known:
			a.Scale = float32(common)
		case a.Input > 0:
			a.Scale = float32(a.Output) / float32(a.Input)
		}
	}
	return nil
}

// setRegion fills in the part of each axis that is resized.
func (r resizing) setRegion(n *graph.Node, axes []ResizeAxis) error {
	if ResizeText(n, "coordinate_transformation_mode") != "tf_crop_and_resize" {
		return nil
	}
	v := givenList(n.Input(1))
	if v == nil {
		return fmt.Errorf("the region of interest (input 1) is missing")
	}
	if v.Constant == nil || len(v.Constant.Data) == 0 {
		return fmt.Errorf("the region of interest (input 1) is not constant")
	}
	region := tensor.Slice[float32](tensor.Convert(v.Constant, tensor.Float32))
	if len(region) != 2*len(r.axes) {
		return fmt.Errorf("%d bounds of the region of interest for %d axes", len(region), len(r.axes))
	}
	for i, axis := range r.axes {
		axes[axis].Begin, axes[axis].End = region[i], region[len(r.axes)+i]
	}
	return nil
}

// batchResize: the batch axis stays as it is, and how others are resized does not depend on its size.
func batchResize(n *graph.Node, in []BatchAxis, batch graph.Dim) ([]BatchAxis, error) {
	if err := onlyFirst(n, in); err != nil {
		return nil, err
	}
	r, err := resizingOf(n)
	if err != nil {
		return nil, err
	}
	at := slices.Index(r.axes, int(in[0]))
	if at < 0 {
		return rows(n, in[0]), nil
	}
	x, y := n.Inputs[0].Shape[in[0]], n.Outputs[0].Shape[in[0]]
	switch {
	case r.policy != "stretch" && r.sizes != nil:
		return nil, fmt.Errorf("it keeps the ratio of the batch axis %d to others", in[0])
	case !x.Equal(y) || r.scales != nil && r.scales[at] != 1:
		return nil, fmt.Errorf("it resizes the batch axis %d", in[0])
	case ResizeText(n, "coordinate_transformation_mode") == "tf_crop_and_resize":
		region := make([]ResizeAxis, len(n.Inputs[0].Shape))
		if err := r.setRegion(n, region); err != nil || region[in[0]].Begin != 0 || region[in[0]].End != 1 {
			return nil, fmt.Errorf("it cuts a region of the batch axis %d", in[0])
		}
	}
	return rows(n, in[0]), nil
}

// costResize: a product for each element of the window, over all axes that change.
func costResize(n *graph.Node) Cost {
	taps := map[string]int64{"linear": 2, "cubic": 4}[ResizeText(n, "mode")]
	work := int64(1)
	for i, dim := range n.Output(0).Shape {
		if taps > 0 && i < len(n.Inputs[0].Shape) && !dim.Equal(n.Inputs[0].Shape[i]) {
			work = times(work, taps)
		}
	}
	return Cost{FLOP: times(work, outputElements(n))}
}

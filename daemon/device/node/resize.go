package node

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/op"
)

// Resize is what ONNX's Resize does to [Outer, Axes..., Channels]: from the first axis that changes to the last one.
type Resize struct {
	Mode, Coordinates, Nearest string // as ONNX calls them
	Outer, Channels            int64
	Axes                       []op.ResizeAxis // at least one
	CubicCoefficient           float32
	Antialias                  bool // only where an axis becomes smaller
	ExcludeOutside             bool
}

// Resize reads ONNX's Resize.
func (n Node) Resize() (r Resize, err error) {
	axes, err := op.ResizeAxes(n.Node)
	if err != nil {
		return r, NoKernel("%v", err)
	}
	r = Resize{
		Mode: op.ResizeText(n.Node, "mode"), Coordinates: op.ResizeText(n.Node, "coordinate_transformation_mode"),
		Nearest: op.ResizeText(n.Node, "nearest_mode"), CubicCoefficient: n.Float("cubic_coeff_a", -0.75),
		ExcludeOutside: n.Int("exclude_outside", 0) != 0,
	}
	if r.Coordinates == "tf_crop_and_resize" {
		return r, NoKernel("a region of interest is resized")
	}
	changes := func(a op.ResizeAxis) bool { return !a.Keeps() }
	first, last := slices.IndexFunc(axes, changes), len(axes)-1
	if first < 0 {
		first = last
	}
	for last > first && axes[last].Keeps() {
		last--
	}
	shape := n.Shape(0)
	r.Outer, r.Axes, r.Channels = Product(shape[:first]), axes[first:last+1], Product(shape[last+1:])
	smaller := slices.ContainsFunc(r.Axes, func(a op.ResizeAxis) bool { return a.Scale < 1 })
	r.Antialias = smaller && n.Int("antialias", 0) != 0
	return r, nil
}

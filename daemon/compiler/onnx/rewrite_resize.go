package onnx

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// upsample: what Resize was before version 10, with scales as an attribute at first.
func upsample(im *importer, n *graph.Node) error {
	if n.Version < 9 {
		scales, err := graph.Attribute[[]float32](n, "scales", nil)
		if err != nil {
			return err
		}
		n.Attributes = n.Attributes.Without("scales")
		setInput(n, 1, constant(n, "scales", scales, int64(len(scales))))
	}
	n.Op, n.Version = "Resize", 10
	return resizeByScales(im, n)
}

// resizeByScales: in version 10 scales were the second input, coordinates those of the first corner, and the nearest element the one before, where
// there are fewer elements afterwards the one behind.
func resizeByScales(im *importer, n *graph.Node) error {
	if len(n.Inputs) != 2 || n.Inputs[1] == nil {
		return fmt.Errorf("%d inputs, want 2", len(n.Inputs))
	}
	scales := n.Inputs[1]
	n.Inputs = []*graph.Value{n.Inputs[0], nil, scales}
	nearest, err := nearestOfScales(scales)
	if err != nil {
		return err
	}
	n.Attributes = n.Attributes.With("coordinate_transformation_mode", "asymmetric").With("nearest_mode", nearest)
	return im.emit(n)
}

// nearestOfScales is the nearest_mode that version 10 had for the scales.
func nearestOfScales(scales *graph.Value) (string, error) {
	if scales.Constant == nil || scales.DType != tensor.Float32 {
		return "floor", nil
	}
	up, down := false, false
	for _, scale := range tensor.Slice[float32](scales.Constant) {
		up, down = up || scale > 1, down || scale < 1
	}
	switch {
	case up && down:
		return "", fmt.Errorf("scales %v enlarge and reduce, which is not supported in operator set 10", tensor.Slice[float32](scales.Constant))
	case down:
		return "ceil", nil
	}
	return "floor", nil
}

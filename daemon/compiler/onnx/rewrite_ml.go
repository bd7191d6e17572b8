package onnx

import (
	"fmt"
	"strings"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// zipMap becomes Identity: callers get the tensor of probabilities, and no sequence of maps.
func zipMap(im *importer, n *graph.Node) error {
	if len(n.Inputs) != 1 || len(n.Outputs) != 1 {
		return fmt.Errorf("%d inputs and %d outputs, want 1 and 1", len(n.Inputs), len(n.Outputs))
	}
	return im.emit(im.derived(n, "Identity", nil, n.Inputs, n.Outputs[0]))
}

// labelEncoder writes version 1's one list of classes as the key and value lists of later versions. Classes index integers or the other way
// around; the default tells which where it is given, and strings to integers is what converters write.
func labelEncoder(im *importer, n *graph.Node) error {
	classes, err := graph.Attribute[[]string](n, "classes_strings", nil)
	if err != nil {
		return err
	}
	positions := make([]int64, len(classes))
	for i := range positions {
		positions[i] = int64(i)
	}
	keys, values := "keys_strings", "values_int64s"
	attributes := n.Attributes.Without("classes_strings").With(keys, classes).With(values, positions)
	if _, ok := n.Attributes["default_string"]; ok {
		attributes = n.Attributes.Without("classes_strings").With("keys_int64s", positions).With("values_strings", classes)
	}
	n.Attributes = attributes
	return im.emit(n)
}

// treeTensors turns the float32 tensors that version 3 allows for thresholds and weights into the lists of version 1.
func treeTensors(im *importer, n *graph.Node) error {
	for name, value := range n.Attributes {
		t, ok := value.(*tensor.Tensor)
		if !ok {
			continue
		}
		plain, found := strings.CutSuffix(name, "_as_tensor")
		if !found || t.DType != tensor.Float32 {
			return fmt.Errorf("attribute %q: a %v tensor is not supported, only float32", name, t.DType)
		}
		if _, twice := n.Attributes[plain]; twice {
			return fmt.Errorf("both %q and %q are given", plain, name)
		}
		n.Attributes = n.Attributes.Without(name).With(plain, append([]float32{}, tensor.Slice[float32](t)...))
	}
	return im.emit(n)
}

package onnx

import (
	"fmt"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// form writes nodes in a line each, constants as their elements, to compare rewritten graphs.
func form(g *graph.Graph) string {
	var text []string
	for _, n := range g.Nodes {
		var in []string
		for _, v := range n.Inputs {
			switch {
			case v == nil:
				in = append(in, "-")
			case v.Constant != nil && v.DType == tensor.Float32:
				in = append(in, fmt.Sprint(tensor.Slice[float32](v.Constant)))
			case v.Constant != nil:
				in = append(in, fmt.Sprint(v.Content))
			default:
				in = append(in, v.Name)
			}
		}
		line := fmt.Sprintf("%s(%s)", n.Op, strings.Join(in, ", "))
		if len(n.Attributes) > 0 {
			line += fmt.Sprint(n.Attributes)[3:]
		}
		text = append(text, line)
	}
	return strings.Join(text, "; ")
}

func TestRewriteOlderForms(t *testing.T) {
	x := []string{"x"}
	for name, test := range map[string]struct {
		opset int64
		node  []byte
		want  string
	}{
		"squeeze":      {11, nodeField("Squeeze", x, []string{"y"}, intsAttribute("axes", 0, -1)), "Squeeze(x, [0 -1])[]"},
		"squeeze all":  {11, nodeField("Squeeze", x, []string{"y"}), "Squeeze(x)[]"},
		"unsqueeze":    {9, nodeField("Unsqueeze", x, []string{"y"}, intsAttribute("axes", 1)), "Unsqueeze(x, [1])[]"},
		"squeeze new":  {13, nodeField("Squeeze", []string{"x", "x"}, []string{"y"}), "Squeeze(x, x)[]"},
		"reduce sum":   {12, nodeField("ReduceSum", x, []string{"y"}, intsAttribute("axes", 1), intAttribute("keepdims", 0)), "ReduceSum(x, [1])[keepdims:0]"},
		"reduce mean":  {17, nodeField("ReduceMean", x, []string{"y"}, intsAttribute("axes", 2, 3)), "ReduceMean(x, [2 3])[]"},
		"split":        {11, nodeField("Split", x, []string{"y", "z"}, intsAttribute("split", 1, 2), intAttribute("axis", 1)), "Split(x, [1 2])[axis:1]"},
		"slice":        {9, nodeField("Slice", x, []string{"y"}, intsAttribute("starts", 0), intsAttribute("ends", 5)), "Slice(x, [0], [5])[]"},
		"slice axes":   {7, nodeField("Slice", x, []string{"y"}, intsAttribute("starts", 0), intsAttribute("ends", 5), intsAttribute("axes", 2)), "Slice(x, [0], [5], [2])[]"},
		"clip":         {10, nodeField("Clip", x, []string{"y"}, floatAttribute("min", 0), floatAttribute("max", 6)), "Clip(x, [0], [6])[]"},
		"clip maximum": {6 + 1, nodeField("Clip", x, []string{"y"}, floatAttribute("max", 6)), "Clip(x, -, [6])[]"},
		"pad":          {10, nodeField("Pad", x, []string{"y"}, intsAttribute("pads", 0, 1), floatAttribute("value", 2)), "Pad(x, [0 1], [2])[]"},
		"topk":         {9, nodeField("TopK", x, []string{"y", "z"}, intAttribute("k", 3)), "TopK(x, [3])[]"},
		"resize":       {10, nodeField("Resize", []string{"x", "x"}, []string{"y"}), "Resize(x, -, x)[coordinate_transformation_mode:asymmetric nearest_mode:floor]"},
		"resize new":   {11, nodeField("Resize", []string{"x", "x", "x"}, []string{"y"}), "Resize(x, x, x)[]"},
		"upsample": {9, nodeField("Upsample", []string{"x", "x"}, []string{"y"}, textAttribute("mode", "linear")),
			"Resize(x, -, x)[coordinate_transformation_mode:asymmetric mode:linear nearest_mode:floor]"},
		"upsample scales": {8, nodeField("Upsample", x, []string{"y"}, floatsAttribute("scales", 1, 2)),
			"Resize(x, -, [1 2])[coordinate_transformation_mode:asymmetric nearest_mode:floor]"},
		"downsample": {8, nodeField("Upsample", x, []string{"y"}, floatsAttribute("scales", 1, 0.5)),
			"Resize(x, -, [1 0.5])[coordinate_transformation_mode:asymmetric nearest_mode:ceil]"},
		"softmax":         {11, nodeField("Softmax", x, []string{"y"}), "Shape(x); Flatten(x)[axis:1]; Softmax(y/flat)[axis:-1]; Reshape(y/result, y/shape)"},
		"softmax last":    {11, nodeField("Softmax", x, []string{"y"}, intAttribute("axis", -1)), "Softmax(x)[axis:-1]"},
		"softmax new":     {13, nodeField("Softmax", x, []string{"y"}, intAttribute("axis", 1)), "Softmax(x)[axis:1]"},
		"batch norm":      {9, nodeField("BatchNormalization", x, []string{"y", "m", "v"}, floatAttribute("momentum", 0.5), floatAttribute("epsilon", 0.25)), "BatchNormalization(x)[epsilon:0.25]"},
		"dropout":         {17, nodeField("Dropout", x, []string{"y"}), "Identity(x)"},
		"dropout ratio":   {9, nodeField("Dropout", x, []string{"y", "mask"}, floatAttribute("ratio", 0.5)), "Identity(x)"},
		"dropout masking": {13, nodeField("Dropout", x, []string{"y", "mask"}), "Identity(x); Shape(x); ConstantOfShape(y/shape)[value:bool[1]]"},
	} {
		g, _, err := Parse(joined(opset("", test.opset), graphField(test.node, input("x", "n", 3), output("y"))), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := strings.ReplaceAll(form(g), "[]", "")
		if want := strings.ReplaceAll(test.want, "[]", ""); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestRewriteClassical(t *testing.T) {
	mlNode := func(op string, attributes ...[]byte) []byte {
		return bytesField(1, texts(1, []string{"x"}), texts(2, []string{"y"}), bytesField(4, op), bytesField(7, "ai.onnx.ml"), joined(attributes...))
	}
	classes := bytesField(5, bytesField(1, "classes_strings"), bytesField(9, "a"), bytesField(9, "b"), varintField(20, kindStrings))
	number := bytesField(5, bytesField(1, "default_int64"), varintField(3, -1), varintField(20, kindInt))
	text := bytesField(5, bytesField(1, "default_string"), bytesField(4, "?"), varintField(20, kindString))
	values := tensor.FromSlice([]float32{0.5, 2}, 2)
	asTensor := bytesField(5, bytesField(1, "nodes_values_as_tensor"), bytesField(5, AppendTensor(nil, "", values)), varintField(20, kindTensor))
	for name, test := range map[string]struct {
		node []byte
		want string
	}{
		"zipmap":            {mlNode("ZipMap", intsAttribute("classlabels_int64s", 0, 1)), "Identity(x)"},
		"encode to numbers": {mlNode("LabelEncoder", classes, number), "LabelEncoder(x)[default_int64:-1 keys_strings:[a b] values_int64s:[0 1]]"},
		"encode to strings": {mlNode("LabelEncoder", classes, text), "LabelEncoder(x)[default_string:? keys_int64s:[0 1] values_strings:[a b]]"},
		"trees":             {mlNode("TreeEnsembleRegressor", asTensor), "TreeEnsembleRegressor(x)[nodes_values:[0.5 2]]"},
	} {
		g, _, err := Parse(joined(opset("", 17), opset("ai.onnx.ml", 1), graphField(test.node, input("x", "n", 3), output("y"))), Options{})
		if err != nil || form(g) != test.want {
			t.Errorf("%s: got %v, %v, want %s", name, g, err, test.want)
		}
	}
}

func TestRewriteErrors(t *testing.T) {
	x := []string{"x"}
	for name, test := range map[string]struct {
		node []byte
		want string
	}{
		"training":       {nodeField("BatchNormalization", x, []string{"y"}, intAttribute("training_mode", 1)), "training_mode 1"},
		"statistics":     {nodeField("BatchNormalization", x, []string{"z", "y"}), `output "y" is never produced`},
		"dropout":        {nodeField("Dropout", []string{"x", "", "x"}, []string{"y"}), "training_mode must be constant and false"},
		"dropout output": {nodeField("Dropout", x, []string{"", "y"}), "output 0 is missing"},
		"axes kind":      {nodeField("Unsqueeze", x, []string{"y"}, intAttribute("axes", 1)), `attribute "axes" is int64, want []int64`},
		"resize":         {nodeField("Resize", x, []string{"y"}), "1 inputs, want 2"},
		"softmax":        {nodeField("Softmax", nil, []string{"y"}), "0 inputs"},
	} {
		_, _, err := Parse(joined(opset("", 10), graphField(test.node, input("x", "n"), output("y"))), Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

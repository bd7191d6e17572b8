package hostile

import (
	"fmt"
	"strings"

	"github.com/inferd/inferd/daemon/tensor"
)

// operators are nodes with the wrong types, shapes or attributes.
func operators() []hostileModel {
	y := output("y")
	image, weights := input("x", "batch", 3, 8, 8), constant("w", floats(6, 3, 3, 3))
	conv := func(attributes ...[]byte) []byte {
		return model(image, weights, y, node("Conv", list{"x", "w"}, list{"y"}, attributes...))
	}
	pool := func(attributes ...[]byte) []byte {
		return model(image, y, node("MaxPool", list{"x"}, list{"y"}, attributes...))
	}
	matrix := input("x", "batch", 4)
	one := func(operator string, attributes ...[]byte) []byte {
		return model(matrix, y, node(operator, list{"x"}, list{"y"}, attributes...))
	}
	two := func(operator string, w *tensor.Tensor, attributes ...[]byte) []byte {
		return model(matrix, y, constant("w", w), node(operator, list{"x", "w"}, list{"y"}, attributes...))
	}
	lstm := func(w, r, b *tensor.Tensor, hidden int) []byte {
		return model(input("x", "seq", "batch", 4), y, constant("w", w), constant("r", r), constant("b", b),
			node("LSTM", list{"x", "w", "r", "b"}, list{"y"}, attribute("hidden_size", hidden)))
	}
	square := attribute("kernel_shape", ints(2, 2))
	return []hostileModel{
		{"group 0", conv(attribute("group", 0)), load, "group is 0"},
		{"group negative", conv(attribute("group", -1)), load, "group is -1"},
		{"group too many", conv(attribute("group", 2)), load, "weights"},
		{"stride 0", conv(attribute("strides", ints(0, 1))), load, "stride 0"},
		{"stride negative", conv(attribute("strides", ints(-1, 1))), load, "stride -1"},
		{"stride enormous", conv(attribute("strides", ints(1<<40, 1))), load, "out of range"},
		{"dilation 0", conv(attribute("dilations", ints(0, 1))), load, "dilation 0"},
		{"pads negative", conv(attribute("pads", ints(0, 0, -1, 0))), load, "pads"},
		{"pads enormous", conv(attribute("pads", ints(1<<30, 0, 0, 0))), load, "pads"},
		{"pads of gigabytes", conv(attribute("pads", ints(1<<24, 1<<24, 1<<24, 1<<24))), specialize, "Conv"},
		{"kernel is not the weights'", conv(attribute("kernel_shape", ints(5, 5))), load, "kernel_shape"},
		{"kernel larger than the image", conv(attribute("dilations", ints(9, 9))), load, "window"},
		{"auto_pad", conv(attribute("auto_pad", "SOMEHOW")), load, "auto_pad"},
		{"kernel 0", pool(attribute("kernel_shape", ints(0, 2))), load, "kernel 0"},
		{"kernel missing", pool(), load, "kernel"},
		{"kernel of three axes", pool(attribute("kernel_shape", ints(2, 2, 2))), load, "spatial axes"},
		{"pool stride 0", pool(square, attribute("strides", ints(1, 0))), load, "stride 0"},
		{"pool pads", pool(square, attribute("pads", ints(1<<24, 1<<24, 1<<24, 1<<24))), specialize, "MaxPool"},
		{"weights without rank", model(image, input("w"), y, node("Conv", list{"x", "w"}, list{"y"})), load, "Conv"},
		{"int64 convolution", model(indices("x", "batch", 3, 8, 8), constant("w", tensor.New(tensor.Int64, 6, 3, 3, 3)), y, node("Conv", list{"x", "w"}, list{"y"})), load, "int64"},
		{"mixed types", two("Add", tensor.New(tensor.Int64, 4)), load, "int64"},
		{"strings", two("Mul", tensor.New(tensor.String, 4)), load, "string"},
		{"sine of integers", model(indices("x", 4), y, node("Sin", list{"x"}, list{"y"})), load, "int64"},
		{"cast to nothing", one("Cast"), load, "to"},
		{"cast to no type", one("Cast", attribute("to", 99)), load, "99"},
		{"cast to a 64-bit type", one("Cast", attribute("to", 1<<32+1)), load, "4294967297"},
		{"broadcast", two("Add", floats(3)), load, "do not broadcast"},
		{"product", two("MatMul", floats(3, 5)), load, "MatMul"},
		{"gemm", two("Gemm", floats(3, 5)), load, "Gemm"},
		{"axis", one("Softmax", attribute("axis", 7)), load, "axis 7"},
		{"axis at the edge of 64 bits", one("Softmax", attribute("axis", -1<<63)), load, "axis -9223372036854775808"},
		{"permutation", one("Transpose", attribute("perm", ints(0, 0))), load, "perm"},
		{"permutation of another rank", one("Transpose", attribute("perm", ints(0, 1, 2))), load, "perm"},
		{"reshape count", two("Reshape", integers(-1, 3)), specialize, "Reshape"},
		{"reshape constants", model(y, constant("x", floats(4)), constant("w", integers(3, 5)), node("Reshape", list{"x", "w"}, list{"y"})), load, "Reshape"},
		{"reshape with two unknowns", two("Reshape", integers(-1, -1)), load, "Reshape"},
		{"reshape to -2", two("Reshape", integers(-2, 4)), load, "Reshape"},
		{"reshape copies what is not there", two("Reshape", integers(1, 1, 0)), load, "Reshape"},
		{"split sizes", model(matrix, constant("w", integers(3, 3)), output("a"), output("b"), node("Split", list{"x", "w"}, list{"a", "b"}, attribute("axis", 1))), load, "Split"},
		{"split negative", model(matrix, constant("w", integers(-4, 8)), output("a"), output("b"), node("Split", list{"x", "w"}, list{"a", "b"}, attribute("axis", 1))), load, "Split"},
		{"split into another number", model(matrix, constant("w", integers(4)), output("a"), output("b"), node("Split", list{"x", "w"}, list{"a", "b"}, attribute("axis", 1))), load, "Split"},
		{"split into 2^40 parts", model(matrix, output("y"), node("Split", list{"x"}, list{"y"}, attribute("axis", 1), attribute("num_outputs", 1<<40))), load, "Split"},
		{"squeeze", one("Squeeze", attribute("axes", ints(1))), load, "Squeeze"},
		{"slice of strides 0", model(matrix, constant("s", integers(0)), constant("e", integers(3)), constant("a", integers(1)), constant("p", integers(0)), y, node("Slice", list{"x", "s", "e", "a", "p"}, list{"y"})), load, "Slice"},
		{"concat of ranks", two("Concat", floats(4), attribute("axis", 0)), load, "Concat"},
		{"normalisation", model(image, y, constant("s", floats(2)), constant("o", floats(3)), node("BatchNormalization", list{"x", "s", "o", "o", "o"}, list{"y"})), load, "BatchNormalization"},
		{"groups", model(image, y, constant("s", floats(3)), node("GroupNormalization", list{"x", "s", "s"}, list{"y"}, attribute("num_groups", 0))), load, "GroupNormalization"},
		{"top 2^40", two("TopK", integers(1<<40)), load, "TopK"},
		{"top -1", two("TopK", integers(-1)), load, "TopK"},
		{"clip inside out", model(matrix, y, constant("a", floats()), constant("b", floats(2)), node("Clip", list{"x", "a", "b"}, list{"y"})), load, "Clip"},
		{"LSTM weights", lstm(floats(1, 32, 5), floats(1, 32, 8), floats(1, 64), 8), load, "LSTM"},
		{"LSTM recurrence", lstm(floats(1, 32, 4), floats(1, 32, 7), floats(1, 64), 8), load, "LSTM"},
		{"LSTM bias", lstm(floats(1, 32, 4), floats(1, 32, 8), floats(1, 63), 8), load, "LSTM"},
		{"LSTM directions", lstm(floats(2, 32, 4), floats(2, 32, 8), floats(2, 64), 8), load, "LSTM"},
		{"LSTM hidden size", lstm(floats(1, 32, 4), floats(1, 32, 8), floats(1, 64), 1<<40), load, "LSTM"},
		{"LSTM hidden size 0", lstm(floats(1, 0, 4), floats(1, 0, 0), floats(1, 0), 0), specialize, "LSTM"},
	}
}

// indexModels select with indices that are not there.
func indexModels() []hostileModel {
	y := output("y")
	var far []int64
	for range 100 { // more than the compiler tracks
		far = append(far, 1<<40)
	}
	gather := func(t *tensor.Tensor, w *tensor.Tensor) []byte {
		return model(input("x", "batch", 1), y, constant("w", w), constant("i", t), node("Gather", list{"w", "i"}, list{"g"}), node("Add", list{"x", "g"}, list{"y"}))
	}
	return []hostileModel{
		{"constant index", gather(scalar(9), floats(3, 4)), load, "index 9 is out of range"},
		{"constant index below", gather(scalar(-4), floats(3, 4)), load, "index -4 is out of range"},
		{"many constant indices", gather(integers(far...), floats(3, 1)), load, "out of range"},
		{"index into nothing", gather(scalar(0), floats(0, 4)), load, "out of range"},
		{"index of the requests", model(indices("x", "batch"), y, constant("w", floats(1, 4)), node("Gather", list{"w", "x"}, list{"y"})), served, ""},
		{"index into nothing at run time", model(indices("x", "batch"), y, constant("w", floats(0, 4)), node("Gather", list{"w", "x"}, list{"y"})), run, "index"},
	}
}

// treeAttributes is an ensemble of one stump, with changes.
func treeAttributes(changes map[string]any) (list [][]byte) {
	attributes := map[string]any{
		"nodes_treeids": ints(0, 0, 0), "nodes_nodeids": ints(0, 1, 2), "nodes_featureids": ints(0, 0, 0),
		"nodes_modes": []string{"BRANCH_LEQ", "LEAF", "LEAF"}, "nodes_values": []float64{0.5, 0, 0},
		"nodes_truenodeids": ints(1, 0, 0), "nodes_falsenodeids": ints(2, 0, 0),
		"target_treeids": ints(0, 0), "target_nodeids": ints(1, 2), "target_ids": ints(0, 0), "target_weights": []float64{1, 2},
		"n_targets": 1,
	}
	for name, value := range changes {
		attributes[name] = value
	}
	for name, value := range attributes {
		if value != nil {
			list = append(list, attribute(name, value))
		}
	}
	return list
}

// trees are ensembles that are no trees.
func trees() []hostileModel {
	forest := func(name string, at stage, text string, changes map[string]any) hostileModel {
		return hostileModel{"tree: " + name, model(input("x", "batch", 4), output("y"),
			in("ai.onnx.ml", node("TreeEnsembleRegressor", list{"x"}, list{"y"}, treeAttributes(changes)...))), at, text}
	}
	type c = map[string]any
	return []hostileModel{
		forest("sound", served, "", nil),
		forest("cycle to itself", specialize, "ancestor", c{"nodes_truenodeids": ints(0, 0, 0)}),
		forest("cycle", specialize, "ancestor", c{"nodes_modes": []string{"BRANCH_LEQ", "BRANCH_LEQ", "LEAF"}, "nodes_falsenodeids": ints(2, 2, 0)}),
		forest("missing child", specialize, "child 7 does not exist", c{"nodes_truenodeids": ints(7, 0, 0)}),
		forest("negative child", specialize, "child -1", c{"nodes_truenodeids": ints(-1, 0, 0)}),
		forest("feature beyond the row", load, "nodes_featureids: entry 0 is 4", c{"nodes_featureids": ints(4, 0, 0)}),
		forest("feature beyond 32 bits", load, "entry 0 is 4294967296", c{"nodes_featureids": ints(1<<32, 0, 0)}),
		forest("feature below 0", load, "entry 0 is -1", c{"nodes_featureids": ints(-1, 0, 0)}),
		forest("mode", specialize, "BRANCH_MAYBE", c{"nodes_modes": []string{"BRANCH_MAYBE", "LEAF", "LEAF"}}),
		forest("lengths", load, "nodes_values", c{"nodes_values": []float64{1}}),
		forest("node twice", specialize, "node 1 is defined twice", c{"nodes_nodeids": ints(0, 1, 1)}),
		forest("target beyond", load, "target_ids: entry 1 is 5", c{"target_ids": ints(0, 5)}),
		forest("target of no leaf", specialize, "no node 9", c{"target_nodeids": ints(1, 9)}),
		forest("2^40 targets", load, "n_targets", c{"n_targets": 1 << 40}),
		forest("post transform", specialize, "MAGIC", c{"post_transform": "MAGIC"}),
		forest("aggregate", specialize, "MEDIAN", c{"aggregate_function": "MEDIAN"}),
		forest("no nodes", specialize, "no nodes", c{"nodes_treeids": nil, "nodes_nodeids": nil, "nodes_featureids": nil, "nodes_modes": nil,
			"nodes_values": nil, "nodes_truenodeids": nil, "nodes_falsenodeids": nil}),
	}
}

// functions are local functions that call each other without end.
func functions() []hostileModel {
	x, y := input("x", "batch", 4), output("y")
	call := func(name string, from, to string) []byte { return in("local", node(name, list{from}, list{to})) }
	twice := func(name, inner string) []byte {
		return function(name, list{"a"}, list{"c"}, call(inner, "a", "b"), call(inner, "b", "c"))
	}
	var expansion, deep []byte
	for i := range 30 {
		expansion = append(expansion, twice(fmt.Sprint("f", i+1), fmt.Sprint("f", i))...)
	}
	for i := range 100 {
		deep = append(deep, function(fmt.Sprint("f", i+1), list{"a"}, list{"b"}, call(fmt.Sprint("f", i), "a", "b"))...)
	}
	leaf := function("f0", list{"a"}, list{"b"}, node("Relu", list{"a"}, list{"b"}))
	// A call with a name of 4000 bytes around 10000 nodes, and a function with a table that is called 500 times.
	var body, calls [][]byte
	from := "a"
	for i := range 10000 {
		to := fmt.Sprint("v", i)
		body = append(body, node("Relu", list{from}, list{to}))
		from = to
	}
	body = append(body, node("Relu", list{from}, list{"b"}))
	named := field(1, names(1, list{"x"}), names(2, list{"y"}), field(4, "wide"), field(7, "local"), field(3, strings.Repeat("n", 4000)))
	table := make([]float64, 1<<18)
	from = "x"
	for i := range 400 {
		to := fmt.Sprint("v", i)
		calls = append(calls, call("tabled", from, to))
		from = to
	}
	tabled := function("tabled", list{"a"}, list{"b"}, node("Constant", nil, list{"t"}, attribute("value_floats", table)), node("Add", list{"a", "t"}, list{"b"}))
	return []hostileModel{
		{"recursion", modelWith(function("f", list{"a"}, list{"b"}, call("f", "a", "b")), x, y, call("f", "x", "y")), load, "deep"},
		{"recursion of two", modelWith(joined(function("f", list{"a"}, list{"b"}, call("g", "a", "b")), function("g", list{"a"}, list{"b"}, call("f", "a", "b"))), x, y, call("f", "x", "y")), load, "deep"},
		{"exponential", modelWith(joined(leaf, expansion), x, y, call("f30", "x", "y")), load, "nodes after inlining"},
		{"100 deep", modelWith(joined(leaf, deep), x, y, call("f100", "x", "y")), load, "deep"},
		{"function twice", modelWith(joined(leaf, leaf), x, y, call("f0", "x", "y")), load, "defined twice"},
		{"function without a result", modelWith(function("f", list{"a"}, list{"b"}), x, y, call("f", "x", "y")), load, `output "b"`},
		{"too many arguments", modelWith(leaf, x, y, in("local", node("f0", list{"x", "x", "x"}, list{"y"}))), load, "3 inputs"},
		{"long name over a long function", modelWith(function("wide", list{"a"}, list{"b"}, body...), x, y, named), served, ""},
		{"table in a function", modelWith(tabled, input("x", "batch", 1<<18), y, joined(calls...), node("Relu", list{from}, list{"y"})), load, "functions"},
	}
}

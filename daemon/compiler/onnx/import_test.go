package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

func mustParse(t *testing.T, data []byte) *graph.Graph {
	t.Helper()
	g, _, err := Parse(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func ops(g *graph.Graph) (list []string) {
	for _, n := range g.Nodes {
		list = append(list, n.Op)
	}
	return list
}

func weight(name string) []byte {
	return initializer(AppendTensor(nil, name, tensor.FromSlice([]float32{1, 2}, 2)))
}

func TestParseOrdersNodes(t *testing.T) {
	g := mustParse(t, modelOf(
		nodeField("Relu", []string{"sum"}, []string{"y"}),
		nodeField("Add", []string{"x", "w"}, []string{"sum"}),
		weight("w"), input("x", "batch", 2), input("w", 2), output("y"), output("x"), output("w")))
	if got := ops(g); !slices.Equal(got, []string{"Add", "Relu"}) {
		t.Errorf("nodes %v", got)
	}
	if len(g.Inputs) != 1 || g.Inputs[0].Type() != "float32[batch,2]" {
		t.Errorf("inputs %v, want x alone: w has a default", g.Inputs)
	}
	if g.Outputs[1] != g.Inputs[0] || g.Outputs[2].Constant == nil || !slices.Equal(g.OutputNames, []string{"y", "x", "w"}) {
		t.Errorf("outputs %v %v", g.OutputNames, g.Outputs)
	}
	for _, n := range g.Nodes {
		if n.Name == "" || n.Version != 17 {
			t.Errorf("%v of version %d", n, n.Version)
		}
	}
}

func TestParseOptionalInputs(t *testing.T) {
	g := mustParse(t, modelOf(nodeField("Clip", []string{"x", "", "w"}, []string{"y", ""}), weight("w"), input("x"), output("y")))
	n := g.Nodes[0]
	if len(n.Inputs) != 3 || n.Inputs[1] != nil || len(n.Outputs) != 1 {
		t.Errorf("inputs %v, outputs %v", n.Inputs, n.Outputs)
	}
}

func TestParseSymbols(t *testing.T) {
	for _, test := range []struct {
		inputs [][]byte
		want   string
	}{
		{[][]byte{input("X", nil, 64)}, "[X float32[batch,64]]"},
		{[][]byte{input("num", 0, 1), input("cat", nil, 1)}, "[num float32[batch,1] cat float32[batch,1]]"},
		{[][]byte{input("a", nil, 1), input("b", "rows", 1)}, "[a float32[a.0,1] b float32[rows,1]]"},
		{[][]byte{input("a", nil, "batch")}, "[a float32[batch_,batch]]"},
		{[][]byte{input("a", -1, nil)}, "[a float32[batch,a.1]]"},
		{[][]byte{input("a", "2*b", "unknown_3", "s 1")}, "[a float32[{2*b},{unknown_3},{s 1}]]"},
		{[][]byte{input("a/b", 3, nil)}, "[a/b float32[3,{a/b}.1]]"},
		{[][]byte{input("scalar")}, "[scalar float32[]]"},
	} {
		g := mustParse(t, modelOf(append(test.inputs, weight("w"), output("w"))...))
		if got := fmt.Sprint(g.Inputs); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestParseConstants(t *testing.T) {
	value := bytesField(5, bytesField(1, "value"), bytesField(5, AppendTensor(nil, "", tensor.FromSlice([]int64{7}, 1))), varintField(20, kindTensor))
	text := bytesField(5, bytesField(1, "value_string"), bytesField(4, "hello"), varintField(20, kindString))
	untyped := bytesField(5, bytesField(1, "value_int"), varintField(3, 9)) // as writers before IR version 2
	g := mustParse(t, modelOf(
		nodeField("Constant", nil, []string{"a"}, value), nodeField("Constant", nil, []string{"b"}, floatAttribute("value_float", 0.5)),
		nodeField("Constant", nil, []string{"c"}, intsAttribute("value_ints", 1, 2, 3)), nodeField("Constant", nil, []string{"d"}, text),
		nodeField("Constant", nil, []string{"e"}, untyped),
		output("a"), output("b"), output("c"), output("d"), output("e")))
	got := fmt.Sprint(g.Outputs)
	if got != "[a int64[1] b float32[] c int64[3] d string[] e int64[]]" {
		t.Errorf("outputs %s", got)
	}
	if content := fmt.Sprint(g.Outputs[2].Content, g.Outputs[4].Content); content != "[1 2 3] [9]" {
		t.Errorf("contents %s", content)
	}
}

func TestParseErrors(t *testing.T) {
	x, y := input("x", "batch"), output("y")
	add := nodeField("Add", []string{"x", "x"}, []string{"y"})
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":            {nil, "holds no graph"},
		"not a model":      {[]byte("<html>"), "byte 1: malformed or truncated field 7"},
		"truncated":        {modelOf(add, x, y)[:30], "truncated"},
		"old opset":        {joined(opset("", 6), graphField(add, x, y)), "operator set ai.onnx 6 is not supported, only 7 to 28"},
		"future opset":     {joined(opset("", 99), graphField(add, x, y)), "operator set ai.onnx 99"},
		"opset overflow":   {joined(opset("", 1<<40), graphField(add, x, y)), "out of range"},
		"unknown domain":   {modelOf(bytesField(1, texts(2, []string{"y"}), bytesField(4, "F"), bytesField(7, "mine")), y), "does not import the operator set \"mine\""},
		"no outputs":       {modelOf(add, x), "no outputs"},
		"missing output":   {modelOf(x, y), `output "y" is neither`},
		"missing input":    {modelOf(nodeField("Add", []string{"x", "w"}, []string{"y"}), x, y), `input 1 ("w") is neither`},
		"cycle":            {modelOf(nodeField("Add", []string{"x", "b"}, []string{"y"}), nodeField("Relu", []string{"y"}, []string{"b"}), x, y), "cycle"},
		"self cycle":       {modelOf(nodeField("Relu", []string{"y"}, []string{"y"}), y), "cycle"},
		"defined twice":    {modelOf(add, add, x, y), `output "y" is already defined`},
		"input redefined":  {modelOf(nodeField("Relu", []string{"x"}, []string{"x"}), x, output("x")), `output "x" is already defined`},
		"two inputs":       {modelOf(x, x, output("x")), "declared twice"},
		"two initialisers": {modelOf(weight("w"), weight("w"), output("w")), "taken"},
		"two outputs":      {modelOf(x, output("x"), output("x")), "declared twice"},
		"subgraphs": {modelOf(nodeField("If", []string{"x"}, []string{"y"}, graphAttribute("then_branch")), nodeField("Loop", nil, []string{"z"}, graphAttribute("body")), x, y),
			`operators with subgraphs are not supported yet: If (node "y"), Loop (node "z")`},
		"sequence input":    {modelOf(bytesField(11, bytesField(1, "s"), bytesField(2, bytesField(4, ""))), y), `input "s" is a sequence`},
		"untyped input":     {modelOf(bytesField(11, bytesField(1, "s")), y), `input "s" is a value without a type`},
		"sparse":            {modelOf(bytesField(15, ""), y), "sparse initializers are not supported"},
		"sparse constant":   {modelOf(nodeField("Constant", nil, []string{"y"}, bytesField(5, bytesField(1, "sparse_value"), bytesField(22, ""), varintField(20, kindSparse))), y), "a sparse tensor is not supported"},
		"type attribute":    {modelOf(nodeField("Optional", nil, []string{"y"}, bytesField(5, bytesField(1, "type"), varintField(20, 13))), y), `attribute "type": a type is not supported`},
		"empty constant":    {modelOf(nodeField("Constant", nil, []string{"y"}), y), "0 values, want 0, 1 and 1"},
		"attribute twice":   {modelOf(nodeField("Add", nil, []string{"y"}, intAttribute("a", 1), intAttribute("a", 1)), y), `attribute "a" has no name or is given twice`},
		"attribute kind":    {modelOf(nodeField("Add", nil, []string{"y"}, bytesField(5, bytesField(1, "a"), varintField(20, 77))), y), "kind 77 is unknown"},
		"attribute no kind": {modelOf(nodeField("Add", nil, []string{"y"}, bytesField(5, bytesField(1, "a"))), y), "no type and 0 values"},
		"external":          {modelOf(initializer(joined(bytesField(8, "w"), varintField(2, 1), varintField(14, 1))), output("w")), "external data is not allowed"},
		"bad weight":        {modelOf(initializer(joined(bytesField(8, "w"), varintField(1, 4), varintField(2, 1), bytesField(9, "123"))), output("w")), `tensor "w" at byte`},
		"rank":              {modelOf(valueField(11, "x", 1, make([]any, 40)...), output("x")), "rank is above 32"},
	} {
		_, _, err := Parse(test.data, Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

func TestParseMetadata(t *testing.T) {
	data := joined(varintField(1, 9), bytesField(2, "maker"), bytesField(3, "1.2"), bytesField(4, "org"), varintField(5, 3), bytesField(6, "what it is"),
		opset("", 13), opset("ai.onnx", 17), opset("ai.onnx.ml", 3), bytesField(14, bytesField(1, "k"), bytesField(2, "v")),
		graphField(weight("w"), output("w")))
	_, m, err := Parse(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%+v", *m)
	want := "{IRVersion:9 ProducerName:maker ProducerVersion:1.2 Domain:org Description:what it is ModelVersion:3 Opsets:map[:17 ai.onnx.ml:3] Properties:map[k:v]}"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(modelOf(nodeField("Add", []string{"x", "w"}, []string{"y"}, intAttribute("a", 1), intsAttribute("b", 1, 2)), weight("w"), input("x", "batch", nil, 3), output("y")))
	f.Add(modelOf(nodeField("Constant", nil, []string{"c"}, floatAttribute("value_float", 1)), nodeField("Softmax", []string{"c"}, []string{"y"}), output("y")))
	f.Add(joined(opset("", 9), graphField(nodeField("Clip", []string{"x"}, []string{"y"}, floatAttribute("min", 0)), input("x"), output("y"))))
	f.Add(functionModel(2))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, _, err := Parse(data, Options{MaxNodes: 1000})
		if err != nil {
			return
		}
		if err := g.Verify(); err != nil {
			t.Errorf("the graph is invalid: %v", err)
		}
	})
}

package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// functionField is a FunctionProto of domain "mine".
func functionField(name string, in, out []string, parts ...[]byte) []byte {
	return bytesField(25, bytesField(1, name), texts(4, in), texts(5, out), bytesField(10, "mine"), joined(parts...))
}

// innerNode is a NodeProto within a function.
func innerNode(domain, op string, in, out []string, attributes ...[]byte) []byte {
	return bytesField(7, texts(1, in), texts(2, out), bytesField(4, op), bytesField(7, domain), joined(attributes...))
}

func callField(op string, in, out []string, attributes ...[]byte) []byte {
	return bytesField(1, texts(1, in), texts(2, out), bytesField(3, "call"), bytesField(4, op), bytesField(7, "mine"), joined(attributes...))
}

// functionModel calls F0, which calls F1 twice, which calls F2 twice ...; the last one applies Relu.
func functionModel(depth int) []byte {
	parts := [][]byte{opset("", 17), opset("mine", 1)}
	io := func(a, b string) ([]string, []string) { return []string{a}, []string{b} }
	for i := range depth {
		next := fmt.Sprintf("F%d", i+1)
		in, mid := io("x", "m")
		midIn, out := io("m", "y")
		parts = append(parts, functionField(fmt.Sprintf("F%d", i), []string{"x"}, []string{"y"}, opsetField(9, "", 17), opsetField(9, "mine", 1),
			innerNode("mine", next, in, mid), innerNode("mine", next, midIn, out)))
	}
	parts = append(parts, functionField(fmt.Sprintf("F%d", depth), []string{"x"}, []string{"y"}, opsetField(9, "", 17), innerNode("", "Relu", []string{"x"}, []string{"y"})))
	parts = append(parts, graphField(callField("F0", []string{"x"}, []string{"y"}), input("x", "batch"), output("y")))
	return joined(parts...)
}

func TestFunctionsAreInlined(t *testing.T) {
	g := mustParse(t, functionModel(3))
	if got := strings.Join(ops(g), " "); got != strings.TrimSpace(strings.Repeat("Relu ", 8)) {
		t.Errorf("nodes %s, want 8 Relu", got)
	}
	names := make(map[string]bool)
	for _, n := range g.Nodes {
		names[n.Name] = true
	}
	if len(names) != 8 || g.Outputs[0].Name != "y" {
		t.Errorf("names %v, output %v", names, g.Outputs[0])
	}
}

func TestFunctionAttributes(t *testing.T) {
	body := []([]byte){opsetField(9, "", 17), bytesField(11, bytesField(1, "to"), varintField(3, 7), varintField(20, kindInt)),
		innerNode("", "Cast", []string{"x"}, []string{"c"}, refAttribute("to", "to")),
		innerNode("", "Clip", []string{"c", "low"}, []string{"y"}, refAttribute("left_out", "nowhere"))}
	model := func(call ...[]byte) []byte {
		return joined(opset("", 17), opset("mine", 1), functionField("F", []string{"x", "low"}, []string{"y", "x"}, body...), graphField(append(call, input("x"), output("y"), output("z"))...))
	}
	g := mustParse(t, model(callField("F", []string{"x"}, []string{"y", "z"})))
	if !slices.Equal(ops(g), []string{"Cast", "Clip", "Identity"}) {
		t.Fatalf("nodes %v", ops(g))
	}
	if to := g.Nodes[0].Int("to", 0); to != 7 {
		t.Errorf("attribute to is %d, want the default 7", to)
	}
	if clip := g.Nodes[1]; len(clip.Inputs) != 1 || len(clip.Attributes) != 0 {
		t.Errorf("inputs %v and attributes %v, want one and none", clip.Inputs, clip.Attributes)
	}
	g = mustParse(t, model(callField("F", []string{"x"}, []string{"y", "z"}, intAttribute("to", 6))))
	if to := g.Nodes[0].Int("to", 0); to != 6 {
		t.Errorf("attribute to is %d, want the caller's 6", to)
	}
}

func TestFunctionErrors(t *testing.T) {
	recursive := joined(opset("", 17), opset("mine", 1),
		functionField("F", []string{"x"}, []string{"y"}, opsetField(9, "mine", 1), innerNode("mine", "F", []string{"x"}, []string{"y"})),
		graphField(callField("F", []string{"x"}, []string{"y"}), input("x"), output("y")))
	unproduced := joined(opset("", 17), opset("mine", 1), functionField("F", nil, []string{"y"}, opsetField(9, "", 17)),
		graphField(callField("F", nil, []string{"y"}), output("y")))
	crowded := joined(opset("", 17), opset("mine", 1), functionField("F", nil, []string{"y"}, opsetField(9, "", 17)),
		graphField(callField("F", []string{"x"}, []string{"y"}), input("x"), output("y")))
	twice := joined(opset("", 17), functionField("F", nil, nil), functionField("F", nil, nil), graphField(weight("w"), output("w")))
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"recursion":   {recursive, "more than 32 deep"},
		"expansion":   {functionModel(25), "more than 5000 nodes"},
		"no producer": {unproduced, `no node produces output "y"`},
		"arguments":   {crowded, "1 inputs and 1 outputs for a function of 0 and 1"},
		"twice":       {twice, "defined twice"},
	} {
		_, _, err := Parse(test.data, Options{MaxNodes: 5000})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

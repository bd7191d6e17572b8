package reference

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/tensor"
)

// hostile are integers that a valid model hardly has.
var hostile = []int64{0, -1, -2, 3, 1 << 33, 1 << 40, math.MaxInt64, math.MinInt64}

// TestHostile changes one integer of a case at a time, in attributes and inputs. Evaluate may give anything but must come back.
func TestHostile(t *testing.T) {
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		if c.Source == "onnxruntime" && testing.Short() {
			continue
		}
		g, _, err := onnx.Parse(c.Model, onnx.Options{})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for _, value := range hostile {
			changeAttributes(g, value, func() { _, _ = interpret(g, c.Inputs) })
			changeInputs(g, c.Inputs, value, func(inputs []*tensor.Tensor) { _, _ = interpret(g, inputs) })
		}
		if elapsed := time.Since(begin); elapsed > 20*time.Second {
			t.Errorf("%s: %v", c.Name, elapsed)
		}
	}
}

// changeAttributes calls run with each integer attribute set to the value, one after the other.
func changeAttributes(g *graph.Graph, value int64, run func()) {
	for _, n := range g.Nodes {
		original := n.Attributes
		for _, name := range slices.Sorted(maps.Keys(original)) {
			switch old := original[name].(type) {
			case int64:
				n.Attributes = original.With(name, value)
				run()
			case []int64:
				if len(old) > 0 {
					changed := slices.Clone(old)
					changed[len(changed)-1] = value
					n.Attributes = original.With(name, changed)
					run()
					n.Attributes = original.With(name, old[:len(old)-1])
					run()
				}
			}
		}
		n.Attributes = original
	}
}

// changeInputs calls run with the last element of each int64 input or constant set to the value.
func changeInputs(g *graph.Graph, inputs []*tensor.Tensor, value int64, run func([]*tensor.Tensor)) {
	change := func(t *tensor.Tensor) *tensor.Tensor {
		if t == nil || t.DType != tensor.Int64 || t.Elements() == 0 {
			return nil
		}
		changed := tensor.FromSlice(tensor.Slice[int64](t), t.Shape...)
		tensor.Slice[int64](changed)[t.Elements()-1] = value
		return changed
	}
	for i, t := range inputs {
		if changed := change(t); changed != nil {
			list := slices.Clone(inputs)
			list[i] = changed
			run(list)
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v == nil {
				continue
			}
			original := v.Constant
			if changed := change(original); changed != nil {
				v.Constant = changed
				run(inputs)
				v.Constant = original
			}
		}
	}
}

// TestErrors shows that every way to fail becomes an error that names the node.
func TestErrors(t *testing.T) {
	matrix, vector := tensor.New(tensor.Float32, 2, 3), tensor.New(tensor.Float32, 3)
	gone := &tensor.Tensor{DType: tensor.Float32, Shape: []int64{3}}
	for name, test := range map[string]struct {
		op         string
		attributes graph.Attributes
		inputs     []*tensor.Tensor
		text       string
	}{
		"unknown operator": {"Nonsense", nil, nil, "does not know"},
		"missing input":    {"Add", nil, nil, "input 0 is missing"},
		"shapes":           {"Add", nil, []*tensor.Tensor{matrix, tensor.New(tensor.Float32, 2)}, "do not broadcast"},
		"types":            {"Add", nil, []*tensor.Tensor{vector, tensor.New(tensor.Int64, 3)}, "differ"},
		"division by zero": {"Div", nil, []*tensor.Tensor{tensor.New(tensor.Int64, 1), tensor.New(tensor.Int64, 1)}, "divide by zero"},
		"index":            {"Gather", nil, []*tensor.Tensor{vector, tensor.FromSlice([]int64{3}, 1)}, "index 3 is outside"},
		"axis":             {"Softmax", graph.Attributes{"axis": int64(5)}, []*tensor.Tensor{vector}, "axis 5 is outside"},
		"elements":         {"Reshape", nil, []*tensor.Tensor{vector, tensor.FromSlice([]int64{4}, 1)}, "do not fit"},
		"too large":        {"ConstantOfShape", nil, []*tensor.Tensor{tensor.FromSlice([]int64{1 << 40}, 1)}, "too many elements"},
		"elements dropped": {"Relu", nil, []*tensor.Tensor{gone}, "are gone"},
		"permutation":      {"Transpose", graph.Attributes{"perm": []int64{0, 7}}, []*tensor.Tensor{matrix}, "out of range"},
	} {
		n := &graph.Node{Name: "the node", Op: test.op, Attributes: test.attributes}
		outputs, err := Evaluate(n, test.inputs)
		if err == nil || outputs != nil || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), `node "the node" (`+test.op) {
			t.Errorf("%s: got %v, %v, want an error with the node and %q", name, outputs, err, test.text)
		}
	}
}

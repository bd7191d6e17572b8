package op_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// casesVariable names a folder of ONNX's own operator cases, one folder a case with model.onnx and test_data_set_0, as
// "python -m onnx.backend.test.cmd_tools generate-data -o FOLDER" writes them under FOLDER/node.
const casesVariable = "INFERD_ONNX_CASES"

// TestOperatorCases compares inference with the outputs of ONNX's own cases: with known shapes, and with a symbol for every dimension of
// every input, whose values are filled in afterwards.
func TestOperatorCases(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv(casesVariable), "*", "model.onnx"))
	if os.Getenv(casesVariable) == "" || len(files) == 0 {
		t.Skip("no cases: " + casesVariable + " names no folder of them")
	}
	checked := 0
	for _, file := range files {
		folder := filepath.Dir(file)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, symbolic := range []bool{false, true} {
			g, _, err := onnx.Parse(data, onnx.Options{})
			if err != nil || !supported(g) {
				if err != nil {
					t.Logf("%s: %v", filepath.Base(folder), err)
				}
				break
			}
			if err := checkCase(g, folder, symbolic); err != nil {
				t.Errorf("%s (symbolic %v): %v", filepath.Base(folder), symbolic, err)
			}
			checked++
		}
	}
	t.Logf("%d cases checked", checked)
	if checked < 500 {
		t.Errorf("only %d cases are supported", checked)
	}
}

func supported(g *graph.Graph) bool {
	for _, n := range g.Nodes {
		if _, ok := op.Lookup(n.Domain, n.Op); !ok {
			return false
		}
	}
	return true
}

func checkCase(g *graph.Graph, folder string, symbolic bool) error {
	values := make(map[string]int64)
	for i, v := range g.Inputs {
		want, err := readTensor(filepath.Join(folder, "test_data_set_0", fmt.Sprintf("input_%d.pb", i)))
		if err != nil {
			return err
		}
		v.Ranked, v.Shape = true, graph.Dims(want.Shape)
		if want.DType != v.DType {
			return fmt.Errorf("input %v has data %v", v, want)
		}
		if list := len(want.Shape) == 1 && (v.DType == tensor.Int64 || v.DType == tensor.Int32); list || !symbolic {
			if list { // axes, shapes and the like tell their content, as constants of real models do
				v.Content = graph.NewConstant("", want).Content
			}
			continue
		}
		for axis, size := range want.Shape {
			name := fmt.Sprintf("i%d_%d", i, axis)
			v.Shape[axis], values[name] = graph.Symbol(name), size
		}
	}
	if err := op.Infer(g); err != nil {
		return err
	}
	if err := compareOutputs(g, folder, values); err != nil || !symbolic {
		return err
	}
	if err := op.Specialize(g, values); err != nil {
		return err
	}
	return compareOutputs(g, folder, nil)
}

// compareOutputs compares what is known of the outputs, after filling in values, with the case's.
func compareOutputs(g *graph.Graph, folder string, values map[string]int64) error {
	for i, v := range g.Outputs {
		want, err := readTensor(filepath.Join(folder, "test_data_set_0", fmt.Sprintf("output_%d.pb", i)))
		if err != nil {
			return err
		}
		if v.DType != want.DType {
			return fmt.Errorf("output %v, want %v", v, want)
		}
		if !v.Ranked {
			continue
		}
		if len(v.Shape) != len(want.Shape) {
			return fmt.Errorf("output %v, want %v", v, want)
		}
		for axis, dim := range v.Shape {
			if size, known := dim.Eval(values).Known(); known && size != want.Shape[axis] {
				return fmt.Errorf("output %v with %v: dimension %d is %d, want %v", v, values, axis, size, want)
			}
		}
		if err := compareContent(v, want, values); err != nil {
			return err
		}
	}
	return nil
}

func compareContent(v *graph.Value, want *tensor.Tensor, values map[string]int64) error {
	elements := graph.NewConstant("", want).Content
	if v.Content == nil || elements == nil {
		return nil
	}
	equal := slices.EqualFunc(v.Content, elements, func(a, b graph.Dim) bool {
		_, known := a.Eval(values).Known()
		return !known || a.Eval(values).Equal(b)
	})
	if !equal {
		return fmt.Errorf("output %v has content %v, want %v", v, v.Content, elements)
	}
	return nil
}

func readTensor(file string) (*tensor.Tensor, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	t, _, err := onnx.ParseTensor(data)
	return t, err
}

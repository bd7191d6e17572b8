package reference

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// modelFolder holds real models with inputs and outputs from onnxruntime, beside the repository.
const modelFolder = "../../../../shared/models"

// TestModels interprets whole models node by node, without inference, optimisation or a memory plan.
func TestModels(t *testing.T) {
	files, err := filepath.Glob(modelFolder + "/*/model.onnx")
	if err != nil || len(files) == 0 {
		t.Skipf("no models in %s", modelFolder)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g, _, err := onnx.Parse(data, onnx.Options{})
			if err != nil {
				t.Fatal(err)
			}
			sets, _ := filepath.Glob(filepath.Dir(file) + "/test_data_set_*")
			if len(sets) == 0 {
				t.Fatal("the model has no test data")
			}
			if testing.Short() {
				sets = sets[:1]
			}
			for _, set := range sets {
				inputs, outputs := readTensors(t, set, "input"), readTensors(t, set, "output")
				got, err := interpret(g, inputs)
				if err != nil {
					t.Fatal(err)
				}
				if err := compare.Lists(got, outputs, modelTolerance(t, file)); err != nil {
					t.Errorf("%s: %v", filepath.Base(set), err)
				}
			}
		})
	}
}

// modelTolerance reads data.json beside the model.
func modelTolerance(t *testing.T, file string) compare.Tolerance {
	t.Helper()
	var tolerance struct{ RTol, ATol float64 }
	data, err := os.ReadFile(filepath.Join(filepath.Dir(file), "data.json"))
	if err == nil {
		err = json.Unmarshal(data, &tolerance)
	}
	if err != nil {
		t.Fatal(err)
	}
	return compare.Tolerance{Relative: tolerance.RTol, Absolute: tolerance.ATol}
}

// readTensors reads prefix_0.pb, prefix_1.pb and so on.
func readTensors(t *testing.T, folder, prefix string) []*tensor.Tensor {
	t.Helper()
	var list []*tensor.Tensor
	for {
		data, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%s_%d.pb", prefix, len(list))))
		if os.IsNotExist(err) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		value, _, err := onnx.ParseTensor(data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
	}
}

// interpret evaluates the nodes in order.
func interpret(g *graph.Graph, inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	values := make(map[*graph.Value]*tensor.Tensor)
	for i, v := range g.Inputs {
		values[v] = inputs[i]
	}
	get := func(v *graph.Value) *tensor.Tensor {
		if v != nil && v.Constant != nil {
			return v.Constant
		}
		return values[v]
	}
	for _, n := range g.Nodes {
		var args []*tensor.Tensor
		for _, v := range n.Inputs {
			args = append(args, get(v))
		}
		results, err := Evaluate(n, args)
		if err != nil {
			return nil, err
		}
		for i, v := range n.Outputs {
			if v != nil && i < len(results) {
				values[v] = results[i]
			}
		}
	}
	outputs := make([]*tensor.Tensor, len(g.Outputs))
	for i, v := range g.Outputs {
		outputs[i] = get(v)
	}
	return outputs, nil
}

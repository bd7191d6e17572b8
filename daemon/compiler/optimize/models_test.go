package optimize

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// modelFolder holds real models with inputs and outputs from onnxruntime, beside the repository.
const modelFolder = "../../../../shared/models"

// wantOperators are the operators of each model after Prepare for a device that fuses everything.
var wantOperators = map[string]string{
	"digits_logreg": "ai.onnx.ml.LinearClassifier:1 ai.onnx.ml.Normalizer:1 ai.onnx.ml.Scaler:1",
	"lightgbm_300":  "ai.onnx.ml.TreeEnsembleClassifier:1",
	"lstm_tagger":   "Gather:1 LSTM:2 Reshape:2 Transpose:3 inferd.Linear:1",
	"minilm": "Cast:1 Gather:3 Reshape:1 Slice:1 Where:1 inferd.Attention:6 inferd.Elementwise:1 " +
		"inferd.LayerNormalization:13 inferd.Linear:24",
	"mlp":                "Softmax:1 inferd.Linear:3",
	"mobilenet_v3_small": "Mul:9 Reshape:1 Transpose:1 inferd.Conv:12 inferd.GlobalAveragePool:10 inferd.Linear:42",
	"random_forest":      "ai.onnx.ml.TreeEnsembleClassifier:1",
	"shufflenet_v2": "Concat:16 Reshape:1 Slice:69 Transpose:1 inferd.Conv:20 inferd.GlobalAveragePool:1 " +
		"inferd.Linear:37 inferd.MaxPool:1",
	"tabular_mixed": "Concat:1 Gather:1 Reshape:1 ai.onnx.ml.LinearClassifier:1 ai.onnx.ml.OneHotEncoder:1 ai.onnx.ml.Scaler:1",
	"vit_tiny": "Add:1 Concat:1 Expand:1 Gather:2 Reshape:1 Transpose:1 inferd.Attention:12 inferd.Conv:1 " +
		"inferd.LayerNormalization:25 inferd.Linear:49",
	"xgboost_500": "ai.onnx.ml.TreeEnsembleRegressor:1",
}

// slow models take seconds on the reference device: they run fused only, on their first set of inputs.
var slow = []string{"mobilenet_v3_small", "shufflenet_v2", "vit_tiny"}

// loadModel imports and infers a model, or skips the test where it is not there.
func loadModel(t testing.TB, name string) *graph.Graph {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(modelFolder, name, "model.onnx"))
	if os.IsNotExist(err) {
		t.Skipf("no model %s in %s", name, modelFolder)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, _, err := onnx.Parse(data, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := op.Infer(g); err != nil {
		t.Fatal(err)
	}
	return g
}

func modelNames(t *testing.T) []string {
	t.Helper()
	files, _ := filepath.Glob(modelFolder + "/*/model.onnx")
	if len(files) == 0 {
		t.Skipf("no models in %s", modelFolder)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = filepath.Base(filepath.Dir(file))
	}
	return names
}

// TestModelOperators is the golden list of what is left of each model.
func TestModelOperators(t *testing.T) {
	for _, name := range modelNames(t) {
		t.Run(name, func(t *testing.T) {
			g := loadModel(t, name)
			prepare(t, g, Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 16 << 20})
			if got := operators(g); got != wantOperators[name] {
				t.Errorf("operators\n%s\nwant\n%s", got, wantOperators[name])
			}
		})
	}
}

// TestModelOutputs interprets each model after Prepare and Specialize on its stored inputs.
func TestModelOutputs(t *testing.T) {
	for _, name := range modelNames(t) {
		for device, fuses := range map[string]func(string) bool{"fused": fusesAll, "plain": fusesNone} {
			t.Run(name+"/"+device, func(t *testing.T) {
				if device == "plain" && slices.Contains(slow, name) {
					t.Skip("the unfused model is verified on the reference device")
				}
				g := loadModel(t, name)
				target := Target{Fuses: fuses, Evaluate: evaluate, FoldLimit: 16 << 20}
				prepare(t, g, target)
				sets, _ := filepath.Glob(filepath.Join(modelFolder, name, "test_data_set_*"))
				if testing.Short() || device == "plain" || name == "minilm" || slices.Contains(slow, name) {
					sets = sets[:1]
				}
				for _, set := range sets {
					inputs, want := readTensors(t, set, "input"), readTensors(t, set, "output")
					special := specialize(t, g, target, inputs)
					got, err := interpret(special, inputs)
					if err != nil {
						t.Fatalf("%v\n%s", err, dump(special))
					}
					if err := compare.Lists(got, want, tolerance(t, name)); err != nil {
						t.Errorf("%s: %v", filepath.Base(set), err)
					}
				}
			})
		}
	}
}

// specialize clones the graph for the inputs' shapes.
func specialize(t testing.TB, g *graph.Graph, target Target, inputs []*tensor.Tensor) *graph.Graph {
	t.Helper()
	values := make(map[string]int64)
	for i, v := range g.Inputs {
		for axis, dim := range v.Shape {
			if _, known := dim.Known(); !known {
				values[dim.String()] = inputs[i].Shape[axis]
			}
		}
	}
	special := g.Clone()
	if err := op.Specialize(special, values); err != nil {
		t.Fatalf("%v\n%s", err, dump(special))
	}
	if err := Run(special, target, Specialize, nil); err != nil {
		t.Fatal(err)
	}
	return special
}

func tolerance(t *testing.T, name string) compare.Tolerance {
	t.Helper()
	var stored struct{ RTol, ATol float64 }
	data, err := os.ReadFile(filepath.Join(modelFolder, name, "data.json"))
	if err == nil {
		err = json.Unmarshal(data, &stored)
	}
	if err != nil {
		t.Fatal(err)
	}
	return compare.Tolerance{Relative: stored.RTol, Absolute: stored.ATol}
}

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
		x, _, err := onnx.ParseTensor(data)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
}

// TestOneLayoutTranspose: convolutional networks cross from channels first to channels last once, at the input.
func TestOneLayoutTranspose(t *testing.T) {
	for _, name := range []string{"mobilenet_v3_small", "shufflenet_v2", "vit_tiny"} {
		t.Run(name, func(t *testing.T) {
			g := loadModel(t, name)
			prepare(t, g, Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 16 << 20})
			var layout []string
			for _, n := range g.Nodes {
				if n.Op == "Transpose" {
					layout = append(layout, fmt.Sprint(n.Ints("perm"), n.Input(0).Name))
				}
			}
			if got := strings.Join(layout, " "); got != "[0 2 3 1]input" {
				t.Errorf("layout transposes: %s\n%s", got, dump(g))
			}
		})
	}
}

// BenchmarkSpecialize is the share of the optimiser in compiling a program for a new shape.
func BenchmarkSpecialize(b *testing.B) {
	g := loadModel(b, "minilm")
	target := Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 16 << 20}
	if err := Run(g, target, Prepare, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		special := g.Clone()
		if err := op.Specialize(special, map[string]int64{"batch": 2, "sequence": 17}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := Run(special, target, Specialize, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPrepare is the share of the optimiser in loading a model.
func BenchmarkPrepare(b *testing.B) {
	for _, name := range []string{"minilm", "shufflenet_v2", "vit_tiny"} {
		b.Run(name, func(b *testing.B) {
			g := loadModel(b, name)
			target := Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 16 << 20}
			for b.Loop() {
				if err := Run(g.Clone(), target, Prepare, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestDeterministic: the same model always becomes the same graph.
func TestDeterministic(t *testing.T) {
	for _, name := range []string{"minilm", "shufflenet_v2"} {
		var first string
		for range 3 {
			g := loadModel(t, name)
			if err := Run(g, Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 16 << 20}, Prepare, nil); err != nil {
				t.Fatal(err)
			}
			if text := dump(g); first == "" {
				first = text
			} else if text != first {
				t.Fatalf("%s became two graphs:\n%s\n%s", name, first, text)
			}
		}
	}
}

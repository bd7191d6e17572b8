package op_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// modelsFolder holds the real models, outside the repository.
const modelsFolder = "../../../../shared/models"

// modelOutputs are the types that inference finds for the real models.
var modelOutputs = map[string][]string{
	"digits_logreg":      {"int64[batch]", "float32[batch,10]"},
	"lightgbm_300":       {"int64[batch]", "float32[batch,2]"},
	"lstm_tagger":        {"float32[batch,seq,10]"},
	"minilm":             {"float32[batch,sequence,384]"},
	"mlp":                {"float32[batch,10]"},
	"mobilenet_v3_small": {"float32[batch,1000]"},
	"random_forest":      {"int64[batch]", "float32[batch,2]"},
	"shufflenet_v2":      {"float32[batch,1000]"},
	"tabular_mixed":      {"int64[batch]", "float32[batch,2]"},
	"vit_tiny":           {"float32[batch,1000]"},
	"xgboost_500":        {"float32[batch,1]"},
}

func loadModel(t testing.TB, name string) *graph.Graph {
	t.Helper()
	file := filepath.Join(modelsFolder, name, "model.onnx")
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		t.Skipf("no model %s", file)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, _, err := onnx.Parse(data, onnx.Options{Folder: filepath.Dir(file)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestModels infers every real model with symbols, then with known sizes.
func TestModels(t *testing.T) {
	for name, want := range modelOutputs {
		t.Run(name, func(t *testing.T) {
			g := loadModel(t, name)
			if err := op.Infer(g); err != nil {
				t.Fatal(err)
			}
			if got := outputTypes(g); !slices.Equal(got, want) {
				t.Errorf("outputs %v, want %v", got, want)
			}
			for _, n := range g.Nodes {
				if n.Op == "Reshape" && n.Inputs[1].Content == nil {
					t.Errorf("%v: the shape is not known symbolically", n)
				}
				for _, v := range n.Outputs {
					for _, dim := range v.Shape {
						dim.Symbols(func(symbol string) {
							if graph.IsFreshSymbol(symbol) {
								t.Errorf("%v: output %v has an unknown dimension", n, v)
							}
						})
					}
				}
			}
			sizes := map[string]int64{"batch": 3, "seq": 7, "sequence": 9}
			if err := op.Specialize(g, sizes); err != nil {
				t.Fatal(err)
			}
			for _, n := range g.Nodes {
				for _, v := range n.Outputs {
					if _, known := v.KnownShape(); !known {
						t.Errorf("%v: %v is not known with %v", n, v, sizes)
					}
				}
			}
		})
	}
}

func outputTypes(g *graph.Graph) []string {
	types := make([]string, len(g.Outputs))
	for i, v := range g.Outputs {
		types[i] = v.Type()
	}
	return types
}

// TestModelsBatch proves batching for the real models as they are imported. minilm looks its mask up by computed positions, which only a
// pass of package optimize turns into a reshape.
func TestModelsBatch(t *testing.T) {
	for name := range modelOutputs {
		t.Run(name, func(t *testing.T) {
			g := loadModel(t, name)
			if err := op.Infer(g); err != nil {
				t.Fatal(err)
			}
			err := op.BatchProof(g, "batch")
			if refused := err != nil; refused != (name == "minilm") {
				t.Errorf("proof: %v", err)
			}
		})
	}
}

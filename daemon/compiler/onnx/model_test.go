package onnx

import (
	"os"
	"path/filepath"
	"testing"
)

// modelsFolder holds the real models, outside the repository.
const modelsFolder = "../../../../shared/models"

// TestParseModels imports every real model and checks that its test data decodes too.
func TestParseModels(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(modelsFolder, "*", "model.onnx"))
	if len(files) == 0 {
		t.Skip("no models in " + modelsFolder)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			g, metadata, err := Parse(data, Options{Folder: filepath.Dir(file)})
			if err != nil {
				t.Fatal(err)
			}
			if len(g.Nodes) == 0 || metadata.IRVersion == 0 || metadata.ProducerName == "" {
				t.Errorf("%d nodes, metadata %+v", len(g.Nodes), metadata)
			}
			tensors, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "test_data_set_*", "*.pb"))
			if len(tensors) == 0 {
				t.Error("no test data")
			}
			for _, file := range tensors {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if _, name, err := ParseTensor(data); err != nil || name == "" {
					t.Errorf("%s: tensor %q: %v", file, name, err)
				}
			}
		})
	}
}

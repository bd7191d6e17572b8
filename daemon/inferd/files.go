//go:build linux && amd64 && cgo

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
)

// loadModel prepares the model in an ONNX file, or in the file model.onnx of a folder.
func loadModel(path string, options compiler.Options) (*compiler.Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		path = filepath.Join(path, "model.onnx")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	options.Folder = filepath.Dir(path)
	m, err := compiler.Load(data, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// readTensors reads PREFIX_0.pb ... PREFIX_(count-1).pb of a data set.
func readTensors(folder, prefix string, count int) ([]*tensor.Tensor, error) {
	list := make([]*tensor.Tensor, count)
	for i := range list {
		name := fmt.Sprintf("%s_%d.pb", prefix, i)
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		if list[i], _, err = onnx.ParseTensor(data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return list, nil
}

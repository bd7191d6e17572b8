package devicetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// Case is a model of one operator with inputs and the outputs that it must give.
type Case struct {
	Name string
	// Domain, Op and Version are the operator as the model file has it.
	Domain, Op string
	Version    int
	// Source is where the outputs come from: onnx (the package's own node tests) or onnxruntime.
	Source    string
	Model     []byte // a ModelProto
	Inputs    []*tensor.Tensor
	Outputs   []*tensor.Tensor
	Tolerance compare.Tolerance

	narrow tensor.DType // Undefined: as the model file states; see Setup.Type
}

// Versions are the versions of the packages that made the cases, by name.
type Versions map[string]string

//go:embed testdata/cases.tar.gz
var archive []byte

var load = sync.OnceValues(func() ([]Case, error) { return read(archive) })

// Cases returns all cases by name in order.
func Cases() ([]Case, error) { return load() }

// manifest is manifest.json, the first file of the archive.
type manifest struct {
	Versions Versions
	Cases    []struct {
		Name, Source, Domain, Op string
		Version, Inputs, Outputs int
		RTol, ATol               float64
	}
}

func read(data []byte) ([]Case, error) {
	files, err := unpack(data)
	if err != nil {
		return nil, fmt.Errorf("cases.tar.gz: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(files["manifest.json"], &m); err != nil {
		return nil, fmt.Errorf("cases.tar.gz: manifest.json: %w", err)
	}
	cases := make([]Case, len(m.Cases))
	for i, entry := range m.Cases {
		c := Case{Name: entry.Name, Source: entry.Source, Domain: entry.Domain, Op: entry.Op, Version: entry.Version,
			Model: files[entry.Name+"/model.onnx"], Tolerance: compare.Tolerance{Relative: entry.RTol, Absolute: entry.ATol}}
		if c.Inputs, err = tensors(files, entry.Name+"/input", entry.Inputs); err != nil {
			return nil, err
		}
		if c.Outputs, err = tensors(files, entry.Name+"/output", entry.Outputs); err != nil {
			return nil, err
		}
		cases[i] = c
	}
	return cases, nil
}

func unpack(data []byte) (map[string][]byte, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for reader := tar.NewReader(unzipped); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			return nil, err
		}
	}
}

func tensors(files map[string][]byte, prefix string, count int) ([]*tensor.Tensor, error) {
	list := make([]*tensor.Tensor, count)
	for i := range list {
		name := fmt.Sprintf("%s_%d.pb", prefix, i)
		data, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("cases.tar.gz: %s is missing", name)
		}
		var err error
		if list[i], _, err = onnx.ParseTensor(data); err != nil {
			return nil, fmt.Errorf("cases.tar.gz: %s: %w", name, err)
		}
	}
	return list, nil
}

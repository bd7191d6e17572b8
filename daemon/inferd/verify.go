//go:build linux && amd64 && cgo

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// verdict is the result of one case folder.
type verdict struct {
	Case   string `json:"case"`
	Passed bool   `json:"passed"`
	Sets   int    `json:"data_sets"`
	Error  string `json:"error,omitempty"`
}

func newVerifyCommand() *cobra.Command {
	var flags deviceFlags
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify DIR...",
		Short: "Compare models with their reference outputs",
		Long: "Each DIR is a case folder in the layout of ONNX's backend tests: model.onnx, and test_data_set_N folders with input_I.pb and output_J.pb.\n" +
			"An optional data.json holds rtol and atol (default 1e-3 and 1e-7). Types and shapes must agree exactly.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, dirs []string) error {
			d, err := flags.open()
			if err != nil {
				return err
			}
			defer d.close()
			return verifyAll(c.OutOrStdout(), d, dirs, asJSON)
		},
	}
	flags.register(c, deviceCPU)
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON object per case")
	return c
}

func verifyAll(w io.Writer, d *devices, dirs []string, asJSON bool) error {
	failed := 0
	for _, dir := range dirs {
		v := verdict{Case: caseName(dir)}
		var err error
		if v.Sets, err = verifyCase(d, dir); err != nil {
			v.Error = err.Error()
			failed++
		}
		v.Passed = err == nil
		printVerdict(w, v, asJSON)
	}
	if !asJSON {
		fmt.Fprintf(w, "%d passed, %d failed\n", len(dirs)-failed, failed)
	}
	if failed > 0 {
		return errReported
	}
	return nil
}

// caseName is the folder's name. A version of a model folder is named with its model.
func caseName(dir string) string {
	name := filepath.Base(filepath.Clean(dir))
	if _, err := strconv.Atoi(name); err == nil {
		return filepath.Join(filepath.Base(filepath.Dir(filepath.Clean(dir))), name)
	}
	return name
}

func printVerdict(w io.Writer, v verdict, asJSON bool) {
	switch {
	case asJSON:
		line, _ := json.Marshal(v) // strings, numbers and booleans always marshal
		fmt.Fprintf(w, "%s\n", line)
	case v.Passed:
		fmt.Fprintf(w, "PASS %s (%d data sets)\n", v.Case, v.Sets)
	default:
		fmt.Fprintf(w, "FAIL %s: %s\n", v.Case, v.Error)
	}
}

// verifyCase runs each data set of a case and returns their number.
func verifyCase(d *devices, dir string) (sets int, err error) {
	tolerance, err := readTolerance(dir)
	if err != nil {
		return 0, err
	}
	m, err := loadModel(filepath.Join(dir, "model.onnx"), d.options())
	if err != nil {
		return 0, err
	}
	defer m.Close()
	folders, err := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	if err != nil {
		return 0, err
	}
	if len(folders) == 0 {
		return 0, errors.New("the case has no test_data_set_N folder")
	}
	slices.Sort(folders)
	for _, folder := range folders {
		if err := verifySet(m, folder, tolerance); err != nil {
			return 0, fmt.Errorf("%s: %w", filepath.Base(folder), err)
		}
	}
	return len(folders), nil
}

// readTolerance reads data.json of a case, or gives ONNX's default.
func readTolerance(dir string) (compare.Tolerance, error) {
	limits := struct {
		Relative float64 `json:"rtol"`
		Absolute float64 `json:"atol"`
	}{compare.Default.Relative, compare.Default.Absolute}
	data, err := os.ReadFile(filepath.Join(dir, "data.json"))
	if errors.Is(err, os.ErrNotExist) {
		return compare.Default, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &limits)
	}
	if err != nil {
		return compare.Tolerance{}, fmt.Errorf("data.json: %w", err)
	}
	return compare.Tolerance{Relative: limits.Relative, Absolute: limits.Absolute}, nil
}

func verifySet(m *compiler.Model, folder string, tolerance compare.Tolerance) error {
	inputs, err := readTensors(folder, "input", len(m.Inputs()))
	if err != nil {
		return err
	}
	want, err := readTensors(folder, "output", len(m.Outputs()))
	if err != nil {
		return err
	}
	got, err := infer(m, inputs)
	if err != nil {
		return err
	}
	for i := range want {
		if err := compare.Tensors(got[i], want[i], tolerance); err != nil {
			return fmt.Errorf("output %q: %w", m.OutputNames()[i], err)
		}
	}
	return nil
}

// infer compiles the model for the inputs' shapes and runs it once.
func infer(m *compiler.Model, inputs []*tensor.Tensor) ([]*tensor.Tensor, error) {
	shapes := make([][]int64, len(inputs))
	for i, t := range inputs {
		shapes[i] = t.Shape
	}
	p, err := m.Specialize(shapes)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	r, err := compiler.NewRunner(p)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Run(inputs)
}

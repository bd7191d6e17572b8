//go:build linux && amd64 && cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/tensor"
)

func TestExitCodes(t *testing.T) {
	sample := filepath.Join(samples, "digits_cnn", "1")
	image := filepath.Join(sample, "test_data_set_0", "input_0.pb")
	for _, c := range []struct {
		arguments string
		want      int
	}{
		{"version", 0},
		{"serve --help", 0},
		{"verify " + sample, 0},
		{"run " + sample + " --input " + image + " --output-dir " + t.TempDir(), 0},
		{"run " + sample + " --input image=" + image + " --device reference", 0},
		{"verify " + samples, exitFailure},
		{"check /missing.onnx", exitFailure},
		{"serve /missing", exitFailure},
		{"run " + sample + " --input missing.npy", exitFailure},
		{"run " + sample + " --input " + sample + "/model.onnx", exitFailure},
		{"missing", exitUsage},
		{"--missing", exitUsage},
		{"serve", exitUsage},
		{"serve " + image, exitUsage},
		{"serve --log-level loud " + samples, exitUsage},
		{"devices more", exitUsage},
		{"devices --cpu-threads -1", exitUsage},
		{"check --device gpu " + sample, exitUsage},
		{"run " + sample, exitUsage},
		{"run " + sample + " --input other=" + image, exitUsage},
		{"run " + sample + " --format txt", exitUsage},
		{"bench --duration long " + sample, exitUsage},
	} {
		if got := run(strings.Fields(c.arguments)); got != c.want {
			t.Errorf("inferd %s: exit code %d, want %d", c.arguments, got, c.want)
		}
	}
}

// TestVerifyFails changes what a sample should answer: a value, the type, the shape.
func TestVerifyFails(t *testing.T) {
	sample, dir := filepath.Join(samples, "digits_cnn", "1"), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test_data_set_0", "output_0.pb")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	verify := func() (string, error) {
		var out strings.Builder
		command := newRootCommand()
		command.SetOut(&out)
		command.SetArgs([]string{"verify", "--json", dir})
		err := command.Execute()
		return out.String(), err
	}
	if out, err := verify(); err != nil || !strings.Contains(out, `"passed":true`) {
		t.Fatalf("the copy fails: %s", out)
	}
	for name, change := range map[string]func(*tensor.Tensor){
		"value": func(x *tensor.Tensor) { tensor.Slice[float32](x)[2] += 0.01 },
		"type":  func(x *tensor.Tensor) { x.DType = tensor.Int32 },
		"shape": func(x *tensor.Tensor) { x.Shape = append(x.Shape, 1) },
	} {
		want, outputName, err := onnx.ParseTensor(data)
		if err != nil {
			t.Fatal(err)
		}
		change(want)
		if err := os.WriteFile(path, onnx.AppendTensor(nil, outputName, want), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := verify(); err == nil || !strings.Contains(out, `"passed":false`) {
			t.Errorf("a wrong %s passes: %s", name, out)
		}
	}
}

//go:build linux && amd64 && cgo

package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

const samples = "../../bench/samples"

// TestSampleModels compares the committed models with onnxruntime's outputs, on the reference and on every kernel variant.
func TestSampleModels(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(samples, "*", "1"))
	if err != nil || len(cases) < 2 {
		t.Fatalf("found the cases %v in %s (%v), want one for each sample model", cases, samples, err)
	}
	verify := func(d *devices) func(*testing.T) {
		return func(t *testing.T) {
			defer d.close()
			for _, dir := range cases {
				if _, err := verifyCase(d, dir); err != nil {
					t.Errorf("%s: %v", dir, err)
				}
			}
		}
	}
	alone := reference.New()
	t.Run("reference", verify(&devices{reference: alone}))
	for _, level := range []isa.Level{isa.Scalar, isa.AVX2, isa.AVX512} {
		if !isa.Supported(level) {
			t.Logf("skipped: this processor does not support %v", level)
			continue
		}
		main, err := cpu.New(level, 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(level.String(), verify(&devices{cpu: main, reference: reference.New()}))
	}
}

// TestSampleRequests sends the requests that `inferd serve --greet` shows; the answers are the labels that train.py prints.
func TestSampleRequests(t *testing.T) {
	for name, label := range map[string]int{"digits_cnn": 2, "breast_cancer": 1} {
		var out strings.Builder
		command := newRootCommand()
		command.SetOut(&out)
		command.SetArgs([]string{"run", filepath.Join(samples, name, "1"), "--input", filepath.Join(samples, name, "request.json")})
		if err := command.Execute(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var reply struct {
			Outputs []struct {
				Name string
				Data []float64
			}
		}
		if err := json.Unmarshal([]byte(out.String()), &reply); err != nil {
			t.Fatalf("%s: %v in %q", name, err, out.String())
		}
		probabilities := reply.Outputs[len(reply.Outputs)-1].Data
		if best := slices.Max(probabilities); best < 0.9 || slices.Index(probabilities, best) != label {
			t.Errorf("%s answers %v, want label %d for sure", name, probabilities, label)
		}
	}
}

// TestCaseNames tells versions of different models apart.
func TestCaseNames(t *testing.T) {
	for dir, want := range map[string]string{"cases/mlp": "mlp", "cases/mlp/": "mlp", "samples/digits_cnn/1": "digits_cnn/1"} {
		if got := caseName(dir); got != want {
			t.Errorf("the case in %s is named %q, want %q", dir, got, want)
		}
	}
}

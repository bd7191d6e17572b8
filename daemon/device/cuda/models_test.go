//go:build cuda

package cuda_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/optimize"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cuda"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/device/reference"
)

// emulatedBytes is the size of the largest model that runs on our own products in emulation, where every multiplication is a dozen instructions.
const emulatedBytes = 20 << 20

// TestBatchesEqualSingles proves on whole models that a request's bits do not depend on its company, on our own products wherever that ends in time.
func TestBatchesEqualSingles(t *testing.T) {
	own, library := open(t, cuda.Options{Deterministic: true}), open(t, cuda.Options{})
	defer closeAll(own, library)
	for _, folder := range devicetest.ModelFolders(t) {
		devices := own
		if info, err := os.Stat(filepath.Join(folder, "model.onnx")); err != nil || info.Size() > emulatedBytes {
			devices = library
		}
		t.Run(devicetest.ModelName(folder), func(t *testing.T) {
			devicetest.CheckRows(t, folder, compiler.Options{Devices: devices, Evaluator: reference.New()})
		})
	}
}

// TestModelsInEveryPrecision holds whole models to their stored outputs.
func TestModelsInEveryPrecision(t *testing.T) {
	devices := open(t, cuda.Options{})
	defer closeAll(devices)
	for _, c := range []struct {
		precision optimize.Precision
		tolerance float64
	}{{optimize.Float32, 1e-4}, {optimize.TF32, 5e-3}, {optimize.Float16, 1e-2}, {optimize.BFloat16, 6e-2}} {
		for _, folder := range devicetest.ModelFolders(t) {
			t.Run(c.precision.String()+"/"+devicetest.ModelName(folder), func(t *testing.T) {
				devicetest.CheckOutputs(t, folder, compiler.Options{Devices: devices, Evaluator: reference.New(), Precision: c.precision}, c.tolerance)
			})
		}
	}
}

func closeAll(lists ...[]device.Device) {
	for _, devices := range lists {
		for _, d := range devices {
			d.Close()
		}
	}
}

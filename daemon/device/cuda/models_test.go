//go:build cuda

package cuda_test

import (
	"path/filepath"
	"testing"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/device/cuda"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/device/reference"
)

// TestBatchesEqualSingles proves on whole models that a request's bits do not depend on its company, where no library chooses algorithms by shape.
func TestBatchesEqualSingles(t *testing.T) {
	devices := open(t, cuda.Options{Deterministic: true})
	for _, folder := range devicetest.ModelFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			devicetest.CheckRows(t, folder, compiler.Options{Devices: devices, Evaluator: reference.New()})
		})
	}
	for _, d := range devices {
		d.Close()
	}
}

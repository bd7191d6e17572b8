package cpu_test

import (
	"testing"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// TestBatchesEqualSingles proves on whole models that a request's bits do not depend on its company: the rows of a batch are the same, bit for
// bit, as each row alone, with every instruction set and with one and two threads.
func TestBatchesEqualSingles(t *testing.T) {
	r := reference.New()
	defer r.Close()
	for _, level := range []isa.Level{isa.Scalar, isa.AVX2, isa.AVX512} {
		if !isa.Supported(level) {
			t.Logf("skipped: this processor does not support %v", level)
			continue
		}
		for _, threads := range []int{1, 2} {
			d, err := cpu.New(level, threads)
			if err != nil {
				t.Fatal(err)
			}
			for _, folder := range devicetest.ModelFolders(t) {
				t.Run(devicetest.ModelName(folder)+"/"+d.Info().Description, func(t *testing.T) {
					devicetest.CheckRows(t, folder, compiler.Options{Devices: []device.Device{d, r}, Evaluator: r})
				})
			}
			d.Close()
		}
	}
}

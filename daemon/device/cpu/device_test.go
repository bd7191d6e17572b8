package cpu_test

import (
	"testing"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// TestCases holds the device to the operator cases with each instruction set, on two threads so that steps are shared.
func TestCases(t *testing.T) {
	for _, level := range []isa.Level{isa.Scalar, isa.AVX2, isa.AVX512} {
		t.Run(level.String(), func(t *testing.T) {
			if !isa.Supported(level) {
				t.Skipf("this processor does not support %v", level)
			}
			d, err := cpu.New(level, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			r := reference.New()
			defer r.Close()
			devicetest.Run(t, devicetest.Setup{Devices: []device.Device{d, r}, Evaluator: r})
		})
	}
}

//go:build cuda

package cuda_test

import (
	"os"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/cuda"
	"github.com/inferd/inferd/daemon/device/devicetest"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// fake is the driver of this process; nil where the tests run on a GPU.
var fake *fakedriver.Control

func TestMain(m *testing.M) {
	fake = fakedriver.UseInTests()
	os.Exit(m.Run())
}

// open opens a GPU and what runs the operators that it lacks.
func open(t *testing.T, o cuda.Options) []device.Device {
	t.Helper()
	d, err := cuda.Open("0", o)
	if err != nil {
		t.Fatal(err)
	}
	level, err := isa.Current()
	if err != nil {
		t.Fatal(err)
	}
	host, err := cpu.New(level, 2)
	if err != nil {
		t.Fatal(err)
	}
	return []device.Device{d, host, reference.New()}
}

// TestCases holds the device to the operator cases. Operators without a kernel run on the host, with their transfers.
func TestCases(t *testing.T) {
	devicetest.Run(t, devicetest.Setup{Devices: open(t, cuda.Options{}), Evaluator: reference.New()})
}

// TestNarrowCases runs the cases in the narrow types.
func TestNarrowCases(t *testing.T) {
	for _, dtype := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
		devicetest.Run(t, devicetest.Setup{Devices: open(t, cuda.Options{}), Evaluator: reference.New(), Type: dtype})
	}
}

// TestProductsWithoutLibrary runs matrix products on inferd's own kernels.
func TestProductsWithoutLibrary(t *testing.T) {
	products := func(c *devicetest.Case) bool { return c.Op == "MatMul" || c.Op == "Gemm" }
	for _, dtype := range []tensor.DType{tensor.Undefined, tensor.Float16, tensor.BFloat16} {
		devices := open(t, cuda.Options{Deterministic: true})
		if description := devices[0].Info().Description; !strings.Contains(description, "own matrix products") {
			t.Errorf("the device is %s", description)
		}
		devicetest.Run(t, devicetest.Setup{Devices: devices, Evaluator: reference.New(), Type: dtype, Keep: products})
	}
}

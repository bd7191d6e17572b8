//go:build cuda

package cublas_test

import (
	"os"
	"testing"

	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// fake is the driver of this process; nil where the tests run on a GPU.
var fake *fakedriver.Control

func TestMain(m *testing.M) {
	if os.Getenv(probing) == "" {
		fake = fakedriver.UseInTests()
	}
	os.Exit(m.Run())
}

// open returns the library on a device of its own. Nothing may be left when the test ends.
func open(t *testing.T, o cublas.Options) (*cuda.Device, *cublas.Handle) {
	t.Helper()
	device, err := cuda.Open("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if usage := device.Usage(); usage != (cuda.Usage{}) {
			t.Errorf("%+v is left", usage)
		}
		if err := device.Close(); err != nil {
			t.Error(err)
		}
		if fake != nil && fake.Report() != (fakedriver.Report{}) {
			t.Errorf("%+v is left in the driver", fake.Report())
		}
	})
	handle, err := cublas.Open(device, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := handle.Close(); err != nil {
			t.Error(err)
		}
	})
	return device, handle
}

// needFake skips a test that only the fake library can run.
func needFake(t *testing.T) {
	t.Helper()
	if fake == nil {
		t.Skip("the library is a real one")
	}
}

//go:build cuda

package cuda_test

import (
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// loadSoftmax loads the module that the tests launch kernels of.
func loadSoftmax(t *testing.T, d *cuda.Device) *cuda.Module {
	t.Helper()
	image, err := kernel.Image("softmax")
	must(t, err)
	m, err := d.LoadModule(image)
	must(t, err)
	t.Cleanup(func() {
		if err := m.Close(); err != nil && !d.Lost() {
			t.Error(err)
		}
		must(t, m.Close())
	})
	return m
}

// softmaxLaunch plans a launch over one row of float32 in place.
func softmaxLaunch(t *testing.T, at cuda.Address, width int64) kernel.Launch {
	t.Helper()
	place := step.Operand{Offset: int64(at)}
	launches, err := kernel.Softmax{Type: kernel.Float32, Rows: 1, Width: width, Inner: 1, X: place, Y: place}.Plan()
	must(t, err)
	return launches[0]
}

func TestFunctions(t *testing.T) {
	d := open(t)
	m := loadSoftmax(t, d)
	f, err := m.Function("softmax_kept_f32")
	must(t, err)
	if f.Name != "softmax_kept_f32" || f.MostThreads != 1024 || f.Registers < 1 || f.StaticShared < 0 || f.BinaryCompiled < 70 ||
		f.StaticShared+f.DynamicShared != d.Attributes().SharedPerBlockOptIn {
		t.Errorf("%+v", f)
	}
	if _, err := m.Function("softmax_nothing"); err == nil || !strings.Contains(err.Error(), "kernel softmax_nothing") {
		t.Errorf("the error is %v", err)
	}
	if d.Usage().Modules != 1 {
		t.Errorf("%+v", d.Usage())
	}
}

func TestImagesThatAreNone(t *testing.T) {
	d := open(t)
	if _, err := d.LoadModule(nil); err == nil {
		t.Error("an empty image was loaded")
	}
	_, err := d.LoadModule([]byte("hello"))
	if err == nil || !strings.Contains(err.Error(), d.Info().Name) || !strings.Contains(err.Error(), "compute capability") {
		t.Errorf("the error is %v", err)
	}
}

// TestLoadingFails fails each of the calls that finding a kernel makes.
func TestLoadingFails(t *testing.T) {
	needFake(t)
	d := open(t)
	m := loadSoftmax(t, d)
	for _, call := range []string{"cuModuleGetFunction", "cuFuncLoad", "cuFuncGetAttribute", "cuFuncSetAttribute"} {
		fake.Fail(call, 1, outOfMemory, false)
		if _, err := m.Function("softmax_kept_f32"); err == nil || !strings.Contains(err.Error(), call) {
			t.Errorf("%s fails: %v", call, err)
		}
	}
	fake.Fail("cuModuleUnload", 1, unknown, false)
	image, err := kernel.Image("softmax")
	must(t, err)
	other, err := d.LoadModule(image)
	must(t, err)
	if err := other.Close(); err == nil {
		t.Error("unloading succeeds")
	}
	if d.Usage().Modules != 1 {
		t.Errorf("%+v", d.Usage())
	}
	// CUDA_ERROR_UNKNOWN counts as the end of the context.
	if !d.Lost() {
		t.Error("the device is not lost")
	}
}

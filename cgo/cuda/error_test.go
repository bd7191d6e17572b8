//go:build cuda

package cuda_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

func TestErrors(t *testing.T) {
	d := open(t)
	_, err := d.Allocate(1 << 60)
	var e *cuda.Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v", err)
	}
	if e.Call != "cuMemAlloc" || e.Code != outOfMemory || e.Name != "CUDA_ERROR_OUT_OF_MEMORY" || e.Message != "out of memory" || !e.OutOfMemory() || e.Sticky() {
		t.Errorf("%+v", e)
	}
	if text := err.Error(); !strings.Contains(text, "allocate 1152921504606846976 bytes on CUDA device 0: cuMemAlloc: out of memory (CUDA_ERROR_OUT_OF_MEMORY)") {
		t.Errorf("the error is %s", text)
	}
	if wrapped := fmt.Errorf("load: %w", err); !cuda.IsOutOfMemory(wrapped) || cuda.IsSticky(wrapped) {
		t.Error("a wrapped error is not recognised")
	}
	if cuda.IsSticky(nil) || cuda.IsOutOfMemory(errors.New("other")) {
		t.Error("other errors are taken for the driver's")
	}
}

// TestErrorsWithoutNames come from a driver that knows less than we do.
func TestErrorsWithoutNames(t *testing.T) {
	needFake(t)
	d := open(t)
	fake.Fail("cuMemAlloc", 1, 12345, false)
	_, err := d.Allocate(1)
	if err == nil || !strings.Contains(err.Error(), "CUDA error 12345") {
		t.Errorf("the error is %v", err)
	}
}

// TestLostDevices lets a kernel end the context in each way, and opens the device again.
func TestLostDevices(t *testing.T) {
	needFake(t)
	for _, code := range []int{illegalAddress, launchFailed, unknown, 214, 710, 716} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			b := newBench(t)
			q, done := b.sequence(), b.event(false)
			b.launch(q)
			fake.Fail(fakedriver.Kernel, 1, code, true)
			err := q.Submit(done) // the kernel may be faster than the event behind it
			if err == nil {
				err = done.Wait(0)
			}
			var e *cuda.Error
			if !errors.As(err, &e) || e.Code != code || !e.Sticky() || !b.device.Lost() {
				t.Errorf("waiting: %v", err)
			}
			// Everything fails from now on, and in the same way.
			if _, err := b.device.Allocate(1); !cuda.IsSticky(err) {
				t.Errorf("allocating: %v", err)
			}
			if err := q.Submit(done); !cuda.IsSticky(err) {
				t.Errorf("submitting: %v", err)
			}
		})
		// The next one opens the device anew: open's cleanup has closed it.
	}
	b := newBench(t)
	q := b.sequence()
	b.launch(q)
	must(t, q.Submit(nil), b.stream.Synchronize())
}

// TestStrayKernels writes where there is no memory: the device is lost, and the process lives.
func TestStrayKernels(t *testing.T) {
	needFake(t)
	b := newBench(t)
	l := softmaxLaunch(t, b.address+1<<40, benchWidth)
	q := b.sequence()
	q.Launch(b.kernel, l.Grid, l.Block, l.SharedBytes, l.Resolve(nil))
	must(t, q.Submit(nil))
	var e *cuda.Error
	if err := b.stream.Synchronize(); !errors.As(err, &e) || e.Code != illegalAddress || !b.device.Lost() {
		t.Errorf("the error is %v", err)
	}
}

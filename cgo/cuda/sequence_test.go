//go:build cuda

package cuda_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// pinned is host memory as numbers, freed when the test ends.
func (b *bench) pinned(count int) []float32 {
	b.t.Helper()
	p, err := b.device.AllocatePinned(int64(4 * count))
	must(b.t, err)
	b.t.Cleanup(func() {
		if err := b.device.FreePinned(p); err != nil && !b.device.Lost() {
			b.t.Error(err)
		}
	})
	return unsafe.Slice((*float32)(p), count)
}

// TestSequences runs all operations, one by one and as a graph.
func TestSequences(t *testing.T) {
	b := newBench(t)
	second, err := b.device.Allocate(4 * benchWidth)
	must(t, err)
	callable := fakedriver.NewCallable()
	defer callable.Free()
	in, out, done := b.pinned(benchWidth), b.pinned(benchWidth), b.event(false)
	q := b.sequence()
	q.Fill(second, 0xff, 4*benchWidth)
	q.CopyToDevice(b.address, unsafe.Pointer(&in[0]), 4*benchWidth)
	b.launch(q)
	q.CopyOnDevice(second, b.address, 4*(benchWidth-1))
	q.Call("a call", callable.Function(), callable.Record(), explainStatus)
	q.CopyToHost(unsafe.Pointer(&out[0]), second, 4*benchWidth)
	q.Fill(second, 1, 0) // nothing
	if q.Len() != 6 || q.Captured() {
		t.Errorf("%d operations, captured %v", q.Len(), q.Captured())
	}
	for round := range 4 {
		for i := range in {
			in[i] = float32(round)
		}
		in[0] += float32(math.Log(3))
		must(t, q.Submit(done), done.Wait(0))
		if want := 3 / float64(benchWidth+2); math.Abs(float64(out[0])-want) > 1e-6 || math.Abs(float64(out[1])-want/3) > 1e-6 {
			t.Errorf("round %d: %v, %v, want %v and a third", round, out[0], out[1], want)
		}
		if last := math.Float32bits(out[benchWidth-1]); last != 0xffffffff {
			t.Errorf("round %d: what was not copied is %#x", round, last)
		}
		if round == 1 {
			must(t, q.Capture(), q.Capture())
		}
	}
	// A graph holds what the call put on the stream, not the call.
	if !q.Captured() || b.device.Usage().Graphs != 1 || callable.Calls() != 3 {
		t.Errorf("captured %v, %+v, %d calls", q.Captured(), b.device.Usage(), callable.Calls())
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a captured sequence takes another operation")
			}
		}()
		q.Fill(second, 0, 4)
	}()
	must(t, b.device.Free(second))
}

func TestEmptySequences(t *testing.T) {
	b := newBench(t)
	q, done := b.sequence(), b.event(false)
	must(t, q.Capture(), q.Submit(done), done.Wait(0), q.Submit(nil))
	if q.Captured() || q.Len() != 0 {
		t.Error("nothing was captured")
	}
}

// TestClosingSequences calls what was asked for, once, behind the records' last use.
func TestClosingSequences(t *testing.T) {
	b := newBench(t)
	var order []int
	q := b.stream.NewSequence()
	q.OnClose(func() { order = append(order, 1) })
	q.OnClose(func() { order = append(order, 2) })
	must(t, q.Close(), q.Close())
	if len(order) != 2 || order[0] != 1 {
		t.Errorf("called %v", order)
	}
}

// TestFailuresOfSubmissions names the operation that fails, and leaves the sequence usable.
func TestFailuresOfSubmissions(t *testing.T) {
	b := newBench(t)
	needFake(t)
	in, q, done := b.pinned(benchWidth), b.sequence(), b.event(false)
	q.CopyToDevice(b.address, unsafe.Pointer(&in[0]), 4*benchWidth)
	b.launch(q)
	q.CopyToHost(unsafe.Pointer(&in[0]), b.address, 4*benchWidth)
	for call, where := range map[string]string{
		"cuCtxSetCurrent": "cuCtxSetCurrent", "cuMemcpyHtoDAsync": "operation 0 of 3, copy to device", "cuLaunchKernel": "operation 1 of 3, softmax_kept_f32",
		"cuMemcpyDtoHAsync": "operation 2 of 3, copy to host", "cuEventRecord": "cuEventRecord",
	} {
		fake.Fail(call, 1, outOfMemory, false)
		if err := q.Submit(done); !cuda.IsOutOfMemory(err) || !strings.Contains(err.Error(), where) {
			t.Errorf("%s fails: %v", call, err)
		}
		must(t, b.stream.Synchronize(), q.Submit(done), done.Wait(0))
	}
}

// TestFailuresOfCaptures leave a sequence that is submitted operation by operation.
func TestFailuresOfCaptures(t *testing.T) {
	b := newBench(t)
	needFake(t)
	q, done := b.sequence(), b.event(false)
	b.launch(q)
	for _, call := range []string{
		"cuCtxSetCurrent", "cuStreamBeginCapture", "cuLaunchKernel", "cuStreamEndCapture", "cuGraphInstantiateWithFlags", "cuGraphUpload",
	} {
		fake.Fail(call, 1, outOfMemory, false)
		if err := q.Capture(); !cuda.IsOutOfMemory(err) || !strings.Contains(err.Error(), "capture") {
			t.Errorf("%s fails: %v", call, err)
		}
		if q.Captured() {
			t.Fatalf("%s fails, and the sequence is captured", call)
		}
		must(t, q.Submit(done), done.Wait(0))
	}
	must(t, q.Capture(), q.Submit(done), done.Wait(0))
	fake.Fail("cuGraphLaunch", 1, outOfMemory, false)
	if err := q.Submit(done); !cuda.IsOutOfMemory(err) {
		t.Errorf("cuGraphLaunch fails: %v", err)
	}
}

// explainStatus says what the callable of package fakedriver returns.
func explainStatus(status int) string { return fmt.Sprintf("it said %d", status) }

// TestCallsThatFail tells a failure of the function from one of the device.
func TestCallsThatFail(t *testing.T) {
	b := newBench(t)
	callable := fakedriver.NewCallable()
	defer callable.Free()
	q := b.sequence()
	q.Call("a product", callable.Function(), callable.Record(), explainStatus)
	callable.Answer(13)
	for range 2 {
		var e *cuda.CallError
		if err := q.Submit(nil); !errors.As(err, &e) || e.Status != 13 || !strings.Contains(err.Error(), "a product): it said 13") || cuda.IsSticky(err) {
			t.Errorf("submitting: %v", err)
		}
		if err := q.Capture(); !errors.As(err, &e) || e.Status != 13 {
			t.Errorf("capturing: %v", err)
		}
	}
	callable.Answer(0)
	must(t, q.Submit(nil), b.stream.Synchronize())
	if fake == nil {
		return
	}
	// The function fails because the context is lost, which says more than the function does.
	callable.Answer(13)
	fake.Fail("cuStreamQuery", 1, illegalAddress, true)
	if err := q.Submit(nil); !cuda.IsSticky(err) || !b.device.Lost() {
		t.Errorf("submitting on a lost device: %v", err)
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

// newEngine starts an engine over a folder on the CPU device, and closes it with the test.
func newEngine(t testing.TB, root string, change func(*Options)) *Engine {
	t.Helper()
	level, err := isa.Current()
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New(level, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := reference.New()
	options := Options{Models: root, Device: d, Fallback: r, Evaluator: r, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&options)
	}
	e, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := e.Close(ctx); err != nil && err != error(errClosing) {
			t.Error(err)
		}
		d.Close()
	})
	return e
}

var _ device.Device = (*cpu.Device)(nil)

// scale sends rows of the scale model and checks the answer against the factors allowed.
func scale(e *Engine, model string, rows int, start float32, cancel <-chan struct{}, timeout time.Duration, factors ...float32) error {
	r, err := e.Acquire([]byte(model), 0)
	if err != nil {
		return err
	}
	defer r.Release()
	staging, err := r.Input([]byte("x"), tensor.Float32, []int64{int64(rows), 16})
	if err != nil {
		return err
	}
	x := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(staging))), rows*16)
	for i := range x {
		x[i] = start + float32(i)
	}
	r.SetTimeout(timeout)
	if err := r.Infer(cancel); err != nil {
		return err
	}
	out := r.Output(0)
	if r.Outputs() != 2 || out.Name != "y" || len(out.Data) != rows*64 || out.Shape[0] != int64(rows) {
		return fmt.Errorf("%d outputs, the first %q of shape %v", r.Outputs(), out.Name, out.Shape)
	}
	y := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(out.Data))), rows*16)
	for _, factor := range factors {
		wrong := 0
		for i := range y {
			if y[i] != factor*(start+float32(i)) {
				wrong++
			}
		}
		if wrong == 0 {
			return nil
		}
	}
	return fmt.Errorf("y = %v for x from %v, want a factor of %v", y[:4], start, factors)
}

func TestInferAndDescribe(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale/1/model.onnx", scaleModel(3))
	e := newEngine(t, root, func(o *Options) { o.Attach = func(model string, version int64) any { return model } })
	if err := scale(e, "scale", 2, 5, nil, time.Second, 3); err != nil {
		t.Fatal(err)
	}
	v, err := e.Describe([]byte("scale"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if v.Name() != "scale" || v.NumberText() != "1" || v.Attached() != "scale" || !v.Batching().Batchable || v.Idle() < 0 {
		t.Errorf("version %+v", v)
	}
	if in := v.Inputs(); len(in) != 1 || in[0].Name != "x" || in[0].DType != tensor.Float32 || fmt.Sprint(in[0].Shape) != "[-1 16]" {
		t.Errorf("inputs %+v", in)
	}
	if out := v.Outputs(); len(out) != 2 || out[0].Name != "y" || out[1].Name != "z" || fmt.Sprint(out[1].Shape) != "[-1 16]" {
		t.Errorf("outputs %+v", out)
	}
	if st := v.Statistics(); st.Succeeded != 2 || st.InFlight != 0 { // the warm-up is one
		t.Errorf("statistics %+v", st)
	}
	if !e.Ready() || e.ModelReady([]byte("scale"), 0) != nil || len(e.Index()) != 1 || len(e.Versions("")) != 1 {
		t.Error("not ready")
	}
}

func TestSelectedOutputs(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(3))
	e := newEngine(t, root, nil)
	r, err := e.Acquire([]byte("scale"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	staging, err := r.Input([]byte("x"), tensor.Float32, []int64{1, 16})
	if err != nil {
		t.Fatal(err)
	}
	clear(staging)
	if err := r.SelectOutput([]byte("z")); err != nil {
		t.Fatal(err)
	}
	if err := r.SelectOutput([]byte("z")); KindOf(err) != InvalidArgument {
		t.Errorf("selected twice: %v", err)
	}
	if err := r.SelectOutput([]byte("none")); KindOf(err) != InvalidArgument {
		t.Errorf("selected none: %v", err)
	}
	if err := r.Infer(nil); err != nil {
		t.Fatal(err)
	}
	if r.Outputs() != 1 || r.Output(0).Name != "z" {
		t.Errorf("%d outputs, the first %q", r.Outputs(), r.Output(0).Name)
	}
	if queue, compute, rows := r.Timings(); queue < 0 || compute <= 0 || rows != 1 {
		t.Errorf("timings %v %v %d", queue, compute, rows)
	}
}

func TestInvalidRequests(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale/1/model.onnx", scaleModel(3))
	writeModel(t, root, "scale/config.pbtxt", []byte("max_batch_size: 4"))
	e := newEngine(t, root, func(o *Options) { o.MaxRequestBytes = 1 << 10 })
	for _, c := range []struct {
		name  string
		dtype tensor.DType
		shape []int64
		want  string
	}{
		{"y", tensor.Float32, []int64{1, 16}, `has no input "y"`},
		{"x", tensor.Float64, []int64{1, 16}, "is of type float64, the model wants float32"},
		{"x", tensor.Float32, []int64{16}, "the model wants 2 dimensions"},
		{"x", tensor.Float32, []int64{1, 17}, "the model wants [-1 16]"},
		{"x", tensor.Float32, []int64{0, 16}, "the batch dimension is 0"},
		{"x", tensor.Float32, []int64{-1, 16}, "negative"},
		{"x", tensor.Float32, []int64{5, 16}, "at most 4 is allowed"},
		{"x", tensor.Float32, []int64{1 << 62, 16}, "at most 4"},
		{"x", tensor.String, []int64{1, 16}, "is of type string"},
	} {
		r, err := e.Acquire([]byte("scale"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Input([]byte(c.name), c.dtype, c.shape); KindOf(err) != InvalidArgument || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v %v: error %v, want %q", c.name, c.dtype, c.shape, err, c.want)
		}
		if err := r.Infer(nil); KindOf(err) != InvalidArgument || !strings.Contains(err.Error(), `"x" is missing`) {
			t.Errorf("missing input: %v", err)
		}
		r.Release()
	}
	for name, number := range map[string]int64{"none": 0, "scale": 7, "": 0, "../scale": 0} {
		if _, err := e.Acquire([]byte(name), number); KindOf(err) != NotFound {
			t.Errorf("%q version %d: %v", name, number, err)
		}
	}
	if err := e.Load("../x"); KindOf(err) != InvalidArgument {
		t.Errorf("load: %v", err)
	}
	if err := e.Load("none"); KindOf(err) != NotFound {
		t.Errorf("load: %v", err)
	}
	if e.staging.InUse() != 0 {
		t.Errorf("%d bytes of staging in use", e.staging.InUse())
	}
}

func TestTooManyBytes(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(3))
	e := newEngine(t, root, func(o *Options) { o.MaxRequestBytes = 1 << 10 })
	for _, rows := range []int64{17, 1 << 30, 1 << 58} {
		r, err := e.Acquire([]byte("scale"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Input([]byte("x"), tensor.Float32, []int64{rows, 16}); KindOf(err) != InvalidArgument {
			t.Errorf("%d rows: %v", rows, err)
		}
		r.Release()
	}
}

// TestReloadsUnderLoad replaces a model 200 times while clients use it: nobody sees a failure, nothing leaks.
func TestReloadsUnderLoad(t *testing.T) {
	before := memory.LiveBytes()
	root := t.TempDir()
	writeModel(t, root, "scale/1/model.onnx", scaleModel(2))
	e := newEngine(t, root, nil)
	stop := make(chan struct{})
	var requests atomic.Int64
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := scale(e, "scale", 1+n%3, float32(worker*100+n%100), nil, 0, 2, 3); err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				requests.Add(1)
			}
		})
	}
	for n := range 200 {
		writeModel(t, root, "scale/1/model.onnx", scaleModel(float32(2+n%2)))
		if err := e.Rescan(); err != nil {
			t.Fatal(err)
		}
	}
	// A broken file leaves the old version serving.
	writeModel(t, root, "scale/1/model.onnx", scaleModel(2)[:100])
	if err := e.Rescan(); err == nil {
		t.Error("a truncated model was loaded")
	}
	if err := scale(e, "scale", 1, 1, nil, 0, 3); err != nil {
		t.Error(err)
	}
	close(stop)
	group.Wait()
	closeEngine(t, e)
	t.Logf("%d requests", requests.Load())
	expectNoLeak(t, before)
}

func closeEngine(t *testing.T, e *Engine) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	if err := e.Close(ctx); err != nil {
		t.Error(err)
	}
}

// expectNoLeak waits until only the memory of pooled jobs is left, which the garbage collector frees in its time.
func expectNoLeak(t *testing.T, before int64) {
	t.Helper()
	var live int64
	for range 100 {
		runtime.GC()
		if live = memory.LiveBytes(); live <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d bytes of C memory are left", live-before)
}

// TestUnloadInFlight unloads and loads a model while requests are on their way; they finish or are told that it is not ready.
func TestUnloadInFlight(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(2))
	e := newEngine(t, root, nil)
	held, err := e.Acquire([]byte("scale"), 0)
	if err != nil {
		t.Fatal(err)
	}
	staging, err := held.Input([]byte("x"), tensor.Float32, []int64{1, 16})
	if err != nil {
		t.Fatal(err)
	}
	clear(staging)
	if err := e.Unload("scale"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Acquire([]byte("scale"), 0); KindOf(err) != Unavailable {
		t.Errorf("error %v", err)
	}
	if err := held.Infer(nil); err != nil {
		t.Errorf("a request that was there before the unload: %v", err)
	}
	held.Release()
	stop := make(chan struct{})
	var served, refused atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch err := scale(e, "scale", 1, 1, nil, 0, 2); {
				case err == nil:
					served.Add(1)
				case KindOf(err) == Unavailable:
					refused.Add(1)
					runtime.Gosched()
				default:
					t.Error(err)
					return
				}
			}
		})
	}
	for range 50 {
		if err := errors.Join(e.Load("scale"), e.Unload("scale")); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	group.Wait()
	t.Logf("%d served, %d refused", served.Load(), refused.Load())
}

// TestCancelStorm gives most requests up; whatever was held is returned.
func TestCancelStorm(t *testing.T) {
	before := memory.LiveBytes()
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(2))
	e := newEngine(t, root, nil)
	var group sync.WaitGroup
	for worker := range 6 {
		group.Go(func() {
			for n := range 300 {
				cancel := make(chan struct{})
				timeout := time.Duration(0)
				switch (worker + n) % 3 {
				case 0:
					close(cancel)
				case 1:
					time.AfterFunc(time.Duration(n)*100*time.Nanosecond, func() { close(cancel) })
				case 2:
					timeout = time.Duration(1 + n*100)
				}
				err := scale(e, "scale", 1+n%900, float32(n), cancel, timeout, 2)
				// Requests that were given up hold their credits until the lane finds them: a storm may run out.
				if kind := KindOf(err); err != nil && kind != Cancelled && kind != Timeout && kind != Unavailable {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	closeEngine(t, e)
	if e.staging.InUse() != 0 {
		t.Errorf("%d bytes of staging in use", e.staging.InUse())
	}
	expectNoLeak(t, before)
}

// TestDrain closes the engine under load: requests in flight finish, later ones are told that the server shuts down.
func TestDrain(t *testing.T) {
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(2))
	e := newEngine(t, root, nil)
	var served atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				err := scale(e, "scale", 1, 1, nil, 0, 2)
				if err == nil {
					served.Add(1)
					continue
				}
				if KindOf(err) != Unavailable || err != error(errClosing) {
					t.Errorf("error %v", err)
				}
				return
			}
		})
	}
	for served.Load() < 100 {
		runtime.Gosched()
	}
	closeEngine(t, e)
	group.Wait()
	if e.Ready() || KindOf(e.Load("scale")) != Unavailable || KindOf(e.ModelReady([]byte("scale"), 0)) != Unavailable {
		t.Error("a closed engine looks open")
	}
}

func TestInferAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random, so requests are allocated anew")
	}
	root := t.TempDir()
	writeModel(t, root, "scale.onnx", scaleModel(2))
	e := newEngine(t, root, nil)
	name, input, shape := []byte("scale"), []byte("x"), []int64{1, 16}
	if got := testing.AllocsPerRun(1000, func() {
		r, err := e.Acquire(name, 0)
		if err != nil {
			t.Fatal(err)
		}
		staging, err := r.Input(input, tensor.Float32, shape)
		if err != nil {
			t.Fatal(err)
		}
		clear(staging)
		if err := r.Infer(nil); err != nil {
			t.Fatal(err)
		}
		if out := r.Output(0); len(out.Data) != 64 {
			t.Fatal(out)
		}
		r.Release()
	}); got != 0 {
		t.Errorf("%v allocations a request", got)
	}
}

func BenchmarkInfer(b *testing.B) {
	root := b.TempDir()
	writeModel(b, root, "scale.onnx", scaleModel(2))
	e := newEngine(b, root, nil)
	name, input, shape := []byte("scale"), []byte("x"), []int64{1, 16}
	for b.Loop() {
		r, err := e.Acquire(name, 0)
		if err != nil {
			b.Fatal(err)
		}
		staging, err := r.Input(input, tensor.Float32, shape)
		if err != nil {
			b.Fatal(err)
		}
		clear(staging)
		if err := r.Infer(nil); err != nil {
			b.Fatal(err)
		}
		r.Release()
	}
}

package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// newEngine starts an engine over a folder on the CPU device, and closes it with the test.
func newEngine(t testing.TB, root string, change func(*Options)) *Engine {
	t.Helper()
	e, err := tryEngine(t, root, change)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// tryEngine is newEngine where some models may fail to load; the error says which.
func tryEngine(t testing.TB, root string, change func(*Options)) (*Engine, error) {
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
	options := Options{Models: root, Units: []UnitOptions{{Devices: []device.Device{d, r}}}, Evaluator: r, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&options)
	}
	e, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	failures := e.Start()
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := e.Close(ctx); err != nil && err != error(errClosing) {
			t.Error(err)
		}
		d.Close()
	})
	return e, failures
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

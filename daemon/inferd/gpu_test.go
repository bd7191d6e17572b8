//go:build linux && amd64 && cgo && cuda

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	driver "github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cuda/emulation"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// Codes of the driver: of a call that fails and harms nothing, and of one that loses the device.
const (
	codeOutOfMemory    = 2
	codeUnknown        = 999
	codeIllegalAddress = 700
)

// gpuScenario serves one sample model on a fake GPU.
type gpuScenario struct {
	t      *testing.T
	fake   *fakedriver.Control
	models string
	input  *tensor.Tensor
	want   *tensor.Tensor
}

func newGPUScenario(t *testing.T) *gpuScenario {
	fake, err := fakedriver.Use()
	if errors.Is(err, emulation.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &gpuScenario{t: t, fake: fake, models: t.TempDir()}
	if err := os.CopyFS(filepath.Join(s.models, "digits_cnn"), os.DirFS(filepath.Join(samples, "digits_cnn"))); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("max_batch_size: %d\n", scenarioRows)
	if err := os.WriteFile(filepath.Join(s.models, "digits_cnn", "config.pbtxt"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	read := func(name string) *tensor.Tensor {
		data, err := os.ReadFile(filepath.Join(samples, "digits_cnn", "1", "test_data_set_0", name))
		if err != nil {
			t.Fatal(err)
		}
		parsed, _, err := onnx.ParseTensor(data)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	s.input, s.want = firstRows(read("input_0.pb"), scenarioRows), firstRows(read("output_0.pb"), scenarioRows)
	return s
}

// scenarioRows are the rows of a request: few, because what fails does not depend on them.
const scenarioRows = 2

// firstRows cuts a tensor.
func firstRows(t *tensor.Tensor, rows int64) *tensor.Tensor {
	shape := append([]int64{rows}, t.Shape[1:]...)
	return &tensor.Tensor{DType: t.DType, Shape: shape, Data: t.Data[:int64(len(t.Data))/t.Shape[0]*rows]}
}

// infer sends one request. An answer must be right, whatever runs the model.
func (s *gpuScenario) infer(e *engine.Engine) error {
	r, err := e.Acquire([]byte("digits_cnn"), 0)
	if err != nil {
		return err
	}
	defer r.Release()
	staging, err := r.Input([]byte("image"), tensor.Float32, s.input.Shape)
	if err != nil {
		return err
	}
	copy(staging, s.input.Data)
	if err := r.Infer(nil); err != nil {
		return err
	}
	out := r.Output(0)
	got := &tensor.Tensor{DType: out.DType, Shape: out.Shape, Data: out.Data}
	if err := compare.Tensors(got, s.want, compare.Tolerance{Relative: 1e-3, Absolute: 1e-5}); err != nil {
		s.t.Errorf("a wrong answer: %v", err)
	}
	return nil
}

// outcome is how a run of the scenario ended.
type outcome struct {
	opened, lost bool
	device       string // that runs the model at the end
	refused      int
}

// run opens the GPU, serves a few requests and ends. Nothing may crash, hang or leak, and once the dust has settled requests are answered.
func (s *gpuScenario) run() (o outcome, err error) {
	flags := deviceFlags{device: deviceAuto, threads: 1, gpu: gpuOptions{slots: 2, logger: slog.New(slog.DiscardHandler)}}
	d, err := flags.open()
	if err != nil {
		return o, err
	}
	defer d.close()
	o.opened = len(d.gpus) > 0
	e, err := engine.New(engine.Options{Models: s.models, Units: d.engineUnits(1), Evaluator: d.reference, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return o, err
	}
	defer func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		err = errors.Join(err, e.Close(ctx))
	}()
	if err := e.Start(); err != nil {
		return o, err
	}
	for range 3 {
		if err := s.infer(e); err != nil && engine.KindOf(err) != engine.Unavailable {
			return o, err
		} else if err != nil {
			o.refused++
		}
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if err = s.infer(e); err == nil {
			break
		}
		if engine.KindOf(err) != engine.Unavailable || time.Now().After(end) {
			return o, fmt.Errorf("requests are not answered: %w", err)
		}
	}
	for _, u := range e.Units() {
		o.lost = o.lost || u.Failure != nil
	}
	v, err := e.Describe([]byte("digits_cnn"), 0)
	if err != nil {
		return o, err
	}
	for _, info := range v.Devices() {
		o.device = info.Name
	}
	return o, nil
}

// leaks compares what is alive with what was before.
func (s *gpuScenario) leaks(native int64, routines int) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		runtime.GC() // frees the memory of pooled jobs
		left, report := memory.LiveBytes()-native, s.fake.Report()
		report.Abandoned = 0
		more := runtime.NumGoroutine() - routines
		if left <= 0 && more <= 0 && report == (fakedriver.Report{}) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d bytes, %d goroutines and in the driver %+v are left", left, more, report)
		}
	}
}

// TestEveryDriverCallFailsInTurn runs the scenario once for each call of the driver that it makes, which fails, in one of three ways.
func TestEveryDriverCallFailsInTurn(t *testing.T) {
	s := newGPUScenario(t)
	if status := driver.Probe(); !status.Usable() {
		t.Fatal(status.Reason)
	}
	if o, err := s.run(); err != nil || o.device != "cuda:0" || o.refused > 0 {
		t.Fatalf("without a failure: %+v, %v", o, err)
	}
	native, routines := memory.LiveBytes(), runtime.NumGoroutine()
	before := s.fake.Calls()
	if _, err := s.run(); err != nil {
		t.Fatal(err)
	}
	calls := s.fake.Calls() - before
	if err := s.leaks(native, routines); err != nil {
		t.Fatalf("without a failure: %v", err)
	}
	lost, moved := 0, 0
	for nth := int64(1); nth <= calls; nth++ {
		code, sticky := codeUnknown, false
		switch nth % 3 {
		case 1:
			code, sticky = codeIllegalAddress, true
		case 2:
			code = codeOutOfMemory
		}
		s.fake.Fail(fakedriver.Any, nth, code, sticky)
		o, err := s.run()
		what := fmt.Sprintf("call %d of %d, %s, fails with %d", nth, calls, s.fake.Failed(), code)
		s.fake.Recover()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if o.lost {
			lost++
			if o.device != "cpu" {
				t.Errorf("%s: the device is lost and the model runs on %s", what, o.device)
			}
		}
		if o.device == "cpu" {
			moved++
		}
		if err := s.leaks(native, routines); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	t.Logf("%d calls of the driver; %d times the device was lost, %d times the model ended on the CPU", calls, lost, moved)
	if lost == 0 || moved == 0 {
		t.Error("no failure had an effect")
	}
}

package engine

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

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

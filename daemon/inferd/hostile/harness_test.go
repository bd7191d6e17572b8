package hostile

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/memory"
)

const (
	// maxAllocated bounds what one small hostile file may make the compiler allocate, in all and whether or not it is freed.
	maxAllocated = 1 << 30
	// maxTime bounds how long one small hostile file may take. Generous, for machines that are busy and for the race detector.
	maxTime = 20 * time.Second
	// maxRunBytes bounds the programs that are run, not only compiled.
	maxRunBytes = 4 << 20
)

// options compile for the CPU with the reference as its fallback, as the daemon does.
func options(t testing.TB) compiler.Options {
	level, err := isa.Current()
	if err != nil {
		t.Fatal(err)
	}
	d, err := cpu.New(level, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	r := reference.New()
	return compiler.Options{Devices: []device.Device{d, r}, Evaluator: r}
}

// compileError is how far a file got.
type stage string

const (
	load       stage = "load"
	specialize stage = "specialize"
	run        stage = "run"
	served     stage = "served"
)

// attempt does with a file what the daemon does: compile it, make a program for small shapes, run it. With inputs, those are sent;
// else tensors of zeros.
func attempt(data []byte, o compiler.Options, inputs []*tensor.Tensor) (stage, error) {
	m, err := compiler.Load(data, o)
	if err != nil {
		return load, err
	}
	defer m.Close()
	if inputs == nil {
		inputs = zeros(m)
	}
	shapes := make([][]int64, len(inputs))
	for i, x := range inputs {
		shapes[i] = x.Shape
	}
	p, err := m.Specialize(shapes)
	if err != nil {
		return specialize, err
	}
	defer p.Close()
	bytes := p.ArenaBytes
	for _, port := range append(p.Inputs[:len(p.Inputs):len(p.Inputs)], p.Outputs...) {
		if port.Bytes < 0 || bytes < 0 {
			return run, fmt.Errorf("negative size of %q", port.Name)
		}
		bytes += port.Bytes
	}
	if bytes > maxRunBytes {
		return run, fmt.Errorf("a run needs %d bytes", bytes)
	}
	r, err := compiler.NewRunner(p)
	if err != nil {
		return run, err
	}
	defer r.Close()
	if _, err := r.Run(inputs); err != nil {
		return run, err
	}
	return served, nil
}

// zeros are inputs with two for every dimension that is up to the request.
func zeros(m *compiler.Model) []*tensor.Tensor {
	var list []*tensor.Tensor
	for _, v := range m.Inputs() {
		shape := []int64{}
		for _, dim := range v.Shape {
			size, known := dim.Known()
			if !known {
				size = 2
			}
			shape = append(shape, size)
		}
		if !v.Ranked {
			shape = []int64{2}
		}
		if size, err := tensor.ByteSize(v.DType, shape); err != nil || size > maxRunBytes {
			list = append(list, &tensor.Tensor{DType: v.DType, Shape: shape}) // beyond what any request may hold
			continue
		}
		list = append(list, tensor.New(v.DType, shape...))
	}
	return list
}

// allocated is what Go's heap handed out since the process began.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// bounded runs work and checks that it comes back in time, without a panic, with bounded memory, and leaves no C memory behind.
func bounded(t *testing.T, what string, limit uint64, work func()) {
	t.Helper()
	live := memory.LiveBytes()
	inTime(t, what, limit, work)
	if now := memory.LiveBytes(); now != live {
		t.Errorf("%s: %d bytes of C memory stay", what, now-live)
	}
}

// inTime is bounded where C memory is kept for reuse.
func inTime(t *testing.T, what string, limit uint64, work func()) {
	t.Helper()
	before := allocated()
	done := make(chan any, 1)
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				done <- fmt.Sprintf("%v\n%s", fault, debug.Stack())
			}
			close(done)
		}()
		work()
	}()
	select {
	case fault := <-done:
		if fault != nil {
			t.Errorf("%s: panic: %v", what, fault)
		}
	case <-time.After(maxTime):
		stacks := make([]byte, 1<<16)
		t.Fatalf("%s: not back after %v\n%s", what, maxTime, stacks[:runtime.Stack(stacks, true)])
	}
	if sum := allocated() - before; sum > limit {
		t.Errorf("%s: allocated %d MiB", what, sum>>20)
	}
}

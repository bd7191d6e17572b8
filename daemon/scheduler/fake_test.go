package scheduler

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/scheduler/batch"
	"github.com/inferd/inferd/daemon/scheduler/staging"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// fakeCompiler makes programs with one float32 input [rows, width] and one output 2x+1 of the same shape, after some time.
type fakeCompiler struct {
	cost     time.Duration // of a row
	sleep    func(time.Duration)
	delay    time.Duration // of compiling, in real time
	fail     func(shapes [][]int64) error
	made     atomic.Int64
	runs     atomic.Int64
	closed   atomic.Int64
	rowsSeen atomic.Int64
	crash    atomic.Bool
	device   *fakeDevice // runs the programs; nil: they run in place
}

func (c *fakeCompiler) Specialize(shapes [][]int64) (*program.Program, error) {
	if c.delay > 0 {
		time.Sleep(c.delay)
	}
	if c.fail != nil {
		if err := c.fail(shapes); err != nil {
			return nil, err
		}
	}
	c.made.Add(1)
	shape := slices.Clone(shapes[0])
	bytes, err := tensor.ByteSize(tensor.Float32, shape)
	if err != nil {
		return nil, err
	}
	port := program.Port{Name: "x", DType: tensor.Float32, Shape: shape, Bytes: bytes}
	p := &program.Program{
		Inputs: []program.Port{port}, Outputs: []program.Port{port}, ArenaBytes: 100,
		Segments: []program.Segment{&fakeSegment{compiler: c, elements: bytes / 4, cost: c.cost * time.Duration(shape[0])}},
		Release:  func() { c.closed.Add(1) },
	}
	if c.device != nil {
		p.Executor = &fakeExecutor{c.device, p}
	}
	return p, nil
}

// fakeSegment counts the time that it has used in its step.
type fakeSegment struct {
	compiler *fakeCompiler
	elements int64
	cost     time.Duration
}

func (s *fakeSegment) Run(frame *program.Frame, used, _ int64, quantum time.Duration) (int64, int64, bool, error) {
	c := s.compiler
	if c.crash.Load() {
		panic("planted")
	}
	left := s.cost - time.Duration(used)
	if quantum > 0 && left > quantum {
		c.sleep(quantum)
		return used + int64(quantum), 0, false, nil
	}
	if left > 0 {
		c.sleep(left)
	}
	x := unsafe.Slice((*float32)(frame.Bases[step.BaseBindings]), s.elements)
	y := unsafe.Slice((*float32)(frame.Bases[step.BaseBindings+1]), s.elements)
	for i := range x {
		y[i] = 2*x[i] + 1
	}
	if slices.Contains(x, badElement) {
		return 0, 0, true, &program.DataError{Reason: "planted"}
	}
	c.runs.Add(1)
	return 0, 0, true, nil
}

func (s *fakeSegment) Close() {}

// spinFor uses the processor.
func spinFor(d time.Duration) {
	for start := time.Now(); time.Since(start) < d; {
	}
}

// testJob is a job with its owner.
type testJob struct {
	*Job
	released atomic.Int64
	recycle  func()
}

func (o *testJob) ReleaseJob() {
	o.released.Add(1)
	if o.recycle != nil {
		o.recycle()
	}
}

func newTestJob(t testing.TB, pool *staging.Pool) *testJob {
	t.Helper()
	o := new(testJob)
	j, err := NewJob(pool, o)
	if err != nil {
		t.Fatal(err)
	}
	o.Job = j
	return o
}

// fill gives the job an input of rows x width, numbered from start.
func (o *testJob) fill(t testing.TB, m *Model, rows, width int, start float32) {
	o.Job.Model = m
	p, err := o.Allocate(int64(4 * rows * width))
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range unsafe.Slice((*float32)(p), rows*width) {
		_ = x
		unsafe.Slice((*float32)(p), rows*width)[i] = start + float32(i)
	}
	o.Inputs = append(o.Inputs, Tensor{Address: p, Bytes: int64(4 * rows * width), Shape: []int64{int64(rows), int64(width)}})
}

// check compares the outputs with what the fake program computes.
func (o *testJob) check(rows, width int, start float32) error {
	if o.Err != nil {
		return o.Err
	}
	if len(o.Outputs) != 1 || !slices.Equal(o.Outputs[0].Shape, []int64{int64(rows), int64(width)}) {
		return fmt.Errorf("outputs %+v, want one of %d x %d", o.Outputs, rows, width)
	}
	for i, y := range unsafe.Slice((*float32)(o.Outputs[0].Address), rows*width) {
		if want := 2*(start+float32(i)) + 1; y != want {
			return fmt.Errorf("element %d is %v, want %v", i, y, want)
		}
	}
	return nil
}

func newTestScheduler(t testing.TB, options Options) *Scheduler {
	t.Helper()
	if options.Staging == nil {
		options.Staging = staging.New(math.MaxInt64/2, 1<<20)
	}
	s := New(options)
	t.Cleanup(s.Close)
	return s
}

func newTestModel(t testing.TB, s *Scheduler, c *fakeCompiler, options ModelOptions) *Model {
	t.Helper()
	if c.sleep == nil {
		c.sleep = spinFor
	}
	options.Compiler, options.Batchable = c, true
	if options.Name == "" {
		options.Name = t.Name()
	}
	m, err := s.NewModel(options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// badElement makes a run fail for its data.
const badElement = -12345

var errPlanted = errors.New("planted")

var defaultPolicy = batch.Policy{MaxRows: 8, MaxDelay: int64(time.Millisecond)}

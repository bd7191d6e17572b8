//go:build cuda

package cuda_test

import (
	"testing"
	"time"

	"github.com/inferd/inferd/cgo/cuda"
)

// bench is a stream with memory and a kernel.
type bench struct {
	t       *testing.T
	device  *cuda.Device
	stream  *cuda.Stream
	kernel  *cuda.Function
	address cuda.Address
}

const benchWidth = 1024

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, device: open(t)}
	var err error
	b.kernel, err = loadSoftmax(t, b.device).Function("softmax_kept_f32")
	must(t, err)
	b.stream, err = b.device.NewStream(0)
	must(t, err)
	b.address, err = b.device.Allocate(4 * benchWidth)
	must(t, err)
	t.Cleanup(func() {
		if err := b.device.Free(b.address); err != nil && !b.device.Lost() {
			t.Error(err)
		}
		if err := b.stream.Close(); err != nil && !b.device.Lost() {
			t.Error(err)
		}
		must(t, b.stream.Close())
	})
	return b
}

// sequence returns an empty sequence that is freed when the test ends.
func (b *bench) sequence() *cuda.Sequence {
	q := b.stream.NewSequence()
	b.t.Cleanup(func() {
		if err := q.Close(); err != nil && !b.device.Lost() {
			b.t.Error(err)
		}
		must(b.t, q.Close())
	})
	return q
}

// launch appends a kernel over the bench's memory.
func (b *bench) launch(q *cuda.Sequence) {
	l := softmaxLaunch(b.t, b.address, benchWidth)
	q.Launch(b.kernel, l.Grid, l.Block, l.SharedBytes, l.Resolve(nil))
}

func (b *bench) event(timed bool) *cuda.Event {
	b.t.Helper()
	e, err := b.device.NewEvent(timed)
	must(b.t, err)
	b.t.Cleanup(func() {
		if err := e.Close(); err != nil && !b.device.Lost() {
			b.t.Error(err)
		}
		must(b.t, e.Close())
	})
	return e
}

// slow makes kernels take so long until the test ends.
func slow(t *testing.T, latency time.Duration) {
	t.Helper()
	needFake(t)
	fake.SetLatency(latency)
	t.Cleanup(func() { fake.SetLatency(0) })
}

func TestEvents(t *testing.T) {
	b := newBench(t)
	const latency = 30 * time.Millisecond
	slow(t, latency)
	q, begin, end := b.sequence(), b.event(true), b.event(true)
	if happened, err := end.Query(); !happened || err != nil {
		t.Errorf("an event that was not recorded: %v, %v", happened, err)
	}
	b.launch(q)
	q.RecordBegin(begin)
	must(t, q.Submit(end))
	if happened, err := end.Query(); happened || err != nil {
		t.Errorf("the event has happened: %v, %v", happened, err)
	}
	must(t, end.Wait(time.Millisecond))
	if happened, err := end.Query(); !happened || err != nil {
		t.Errorf("the event has not happened: %v, %v", happened, err)
	}
	took, err := end.Since(begin)
	if err != nil || took < latency || took > 50*latency {
		t.Errorf("the kernel took %v, %v", took, err)
	}
	q.RecordBegin(nil)
	must(t, q.Submit(end), end.Wait(time.Second))
	if usage := b.device.Usage(); usage.Events != 2 || usage.Streams != 1 || usage.Sequences != 1 {
		t.Errorf("%+v", usage)
	}
	untimed := b.event(false)
	must(t, b.stream.Record(untimed), untimed.Wait(0))
	if _, err := untimed.Since(begin); err == nil {
		t.Error("an event without time tells one")
	}
}

// TestStreamsWait lets one stream wait for another one's event.
func TestStreamsWait(t *testing.T) {
	b := newBench(t)
	slow(t, 20*time.Millisecond)
	other, err := b.device.NewStream(-1)
	must(t, err)
	q, first, second := b.sequence(), b.event(false), b.event(false)
	b.launch(q)
	must(t, q.Submit(first), other.Wait(first), other.Record(second))
	if happened, err := second.Query(); happened || err != nil {
		t.Errorf("the second stream did not wait: %v, %v", happened, err)
	}
	must(t, other.Synchronize())
	if happened, err := first.Query(); !happened || err != nil {
		t.Errorf("the first stream has not finished: %v, %v", happened, err)
	}
	if other.Handle() == nil || other.Handle() == b.stream.Handle() {
		t.Error("streams are the same")
	}
	must(t, b.stream.Synchronize(), other.Close())
}

func TestFailuresOfStreams(t *testing.T) {
	b := newBench(t)
	needFake(t)
	before := b.device.Usage()
	fake.Fail("cuStreamCreateWithPriority", 1, outOfMemory, false)
	if s, err := b.device.NewStream(0); err == nil {
		t.Error("a stream was made", s.Close())
	}
	fake.Fail("cuEventCreate", 1, outOfMemory, false)
	if e, err := b.device.NewEvent(false); err == nil {
		t.Error("an event was made", e.Close())
	}
	e := b.event(false)
	for call, do := range map[string]func() error{
		"cuEventRecord": func() error { return b.stream.Record(e) }, "cuStreamWaitEvent": func() error { return b.stream.Wait(e) },
		"cuStreamSynchronize": b.stream.Synchronize, "cuEventQuery": func() error { _, err := e.Query(); return err },
	} {
		fake.Fail(call, 1, outOfMemory, false)
		if err := do(); !cuda.IsOutOfMemory(err) {
			t.Errorf("%s fails: %v", call, err)
		}
	}
	before.Events++
	if usage := b.device.Usage(); usage != before {
		t.Errorf("%+v, want %+v", usage, before)
	}
}

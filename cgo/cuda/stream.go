//go:build cuda

package cuda

// #include "sequence.h"
import "C"

import (
	"time"
	"unsafe"

	"gorgonia.org/cu"
)

// Stream is an order of work: operations on one stream run one after the other, those of several streams may overlap.
type Stream struct {
	device *Device
	stream cu.Stream
}

// NewStream returns a stream that waits for no other. Lower numbers run first where the device is full: 0 is the least urgent, -1 and below are more so, as
// far as the device distinguishes.
func (d *Device) NewStream(priority int) (*Stream, error) {
	s := &Stream{device: d}
	err := d.do("cuStreamCreateWithPriority", func() (err error) {
		s.stream, err = cu.MakeStreamWithPriority(priority, cu.NonBlocking)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.live.streams.Add(1)
	return s, nil
}

// Handle is the CUstream, for libraries that put work on it.
func (s *Stream) Handle() unsafe.Pointer { return unsafe.Pointer(s.stream.C()) }

func (s *Stream) c() C.CUstream { return C.CUstream(s.Handle()) }

// Synchronize waits until all work on the stream is done.
func (s *Stream) Synchronize() error {
	return s.device.do("cuStreamSynchronize", s.stream.Synchronize)
}

// Record records the event behind the work that is on the stream now.
func (s *Stream) Record(e *Event) error {
	return s.device.do("cuEventRecord", func() error { return e.event.Record(s.stream) })
}

// Wait lets work that comes later on the stream wait for the event as it is recorded now, on whatever stream.
func (s *Stream) Wait(e *Event) error {
	return s.device.do("cuStreamWaitEvent", func() error { return s.stream.Wait(e.event, 0) })
}

// Close gives the stream up. The driver finishes what is on it.
func (s *Stream) Close() error {
	if s.stream == cu.NoStream {
		return nil
	}
	s.device.live.streams.Add(-1)
	return s.device.do("cuStreamDestroy", s.stream.Destroy)
}

// Event marks a point in a stream. One that has not been recorded counts as having happened.
type Event struct {
	device *Device
	event  cu.Event
	handle C.CUevent
}

// NewEvent returns an event on which threads sleep while they wait. Only a timed one knows when it happened, and it costs the device a little more.
func (d *Device) NewEvent(timed bool) (*Event, error) {
	flags := cu.BlockingSyncEvent
	if !timed {
		flags |= cu.DisableTiming
	}
	e := &Event{device: d}
	err := d.do("cuEventCreate", func() (err error) {
		e.event, err = cu.MakeEvent(flags)
		return err
	})
	if err != nil {
		return nil, err
	}
	e.handle = C.CUevent(handle(e.event))
	d.live.events.Add(1)
	return e, nil
}

// Query reports whether the event has happened. An error is one of the work before it.
func (e *Event) Query() (bool, error) {
	code := C.inferd_cuda_event_query(e.device.context, e.handle)
	if code == C.CUDA_ERROR_NOT_READY {
		return false, nil
	}
	return code == C.CUDA_SUCCESS, e.device.failure("cuEventQuery", code)
}

// Wait waits for the event: for the time of spin it keeps asking, which costs a processor and answers within a microsecond; then the thread sleeps, which
// costs some tens of microseconds to wake. It allocates nothing.
func (e *Event) Wait(spin time.Duration) error {
	return e.device.failure("cuEventSynchronize", C.inferd_cuda_event_wait(e.device.context, e.handle, C.int64_t(spin)))
}

// Since returns the time from an earlier event to this one; both are timed and have happened. The driver measures in steps of half a microsecond.
func (e *Event) Since(earlier *Event) (time.Duration, error) {
	var milliseconds float64
	err := e.device.do("cuEventElapsedTime", func() (err error) {
		milliseconds, err = earlier.event.Elapsed(e.event)
		return err
	})
	return time.Duration(milliseconds * float64(time.Millisecond)), err
}

// Close gives the event up.
func (e *Event) Close() error {
	if e.handle == nil {
		return nil
	}
	e.handle = nil
	e.device.live.events.Add(-1)
	return e.device.do("cuEventDestroy", func() error { return cu.DestroyEvent(&e.event) })
}

// failure is newError for calls that bypass Do.
func (d *Device) failure(call string, code C.CUresult) error {
	if code == C.CUDA_SUCCESS {
		return nil
	}
	return d.note(newError(call, code))
}

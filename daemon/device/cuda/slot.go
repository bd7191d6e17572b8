//go:build cuda

package cuda

import (
	"errors"
	"time"
	"unsafe"

	"github.com/inferd/inferd/cgo/cuda"
)

// spin is how long a completion is polled for before the thread sleeps: sleeping and waking costs some tens of microseconds.
const spin = 50 * time.Microsecond

// slot is a stream with memory on both sides, for one run at a time.
type slot struct {
	device *Device
	stream *cuda.Stream
	event  *cuda.Event
	// free holds the slot itself while nobody uses it. Who takes it owns everything below.
	free chan struct{}
	// work wakes the goroutine that waits for the device.
	work chan *run

	arena       cuda.Address
	arenaBytes  int64
	pinned      unsafe.Pointer
	pinnedBytes int64
	generation  int // of the memory: programs that were prepared for an older one are prepared anew
}

func (d *Device) newSlot() (*slot, error) {
	s := &slot{device: d, free: make(chan struct{}, 1), work: make(chan *run, 1)}
	var err error
	if s.stream, err = d.driver.NewStream(0); err != nil {
		return nil, err
	}
	if s.event, err = d.driver.NewEvent(false); err != nil {
		return nil, errors.Join(err, s.stream.Close())
	}
	s.free <- struct{}{}
	go s.serve()
	return s, nil
}

// serve waits for the runs that were submitted, one at a time.
func (s *slot) serve() {
	for r := range s.work {
		r.complete(r.wait())
	}
}

// tryTake makes the caller the owner where the slot is free.
func (s *slot) tryTake() bool {
	select {
	case <-s.free:
		return true
	default:
		return false
	}
}

func (s *slot) release() { s.free <- struct{}{} }

// grow makes the slot's memory at least so large. The caller owns it.
func (s *slot) grow(arenaBytes, pinnedBytes int64) error {
	if arenaBytes <= s.arenaBytes && pinnedBytes <= s.pinnedBytes {
		return nil
	}
	// From here on nothing that was prepared is valid.
	s.generation++
	arenaBytes, pinnedBytes = max(arenaBytes, s.arenaBytes), max(pinnedBytes, s.pinnedBytes)
	if err := s.freeMemory(); err != nil {
		return err
	}
	arena, err := s.device.driver.Allocate(arenaBytes)
	if err != nil {
		return err
	}
	s.arena, s.arenaBytes = arena, arenaBytes
	if s.pinned, err = s.device.driver.AllocatePinned(pinnedBytes); err != nil {
		return err
	}
	s.pinnedBytes = pinnedBytes
	return nil
}

func (s *slot) freeMemory() error {
	err := errors.Join(s.device.driver.Free(s.arena), s.device.driver.FreePinned(s.pinned))
	s.arena, s.arenaBytes, s.pinned, s.pinnedBytes = 0, 0, nil, 0
	return err
}

// close ends the slot, which must be free.
func (s *slot) close() error {
	close(s.work)
	return errors.Join(s.freeMemory(), s.event.Close(), s.stream.Close())
}

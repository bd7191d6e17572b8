//go:build cuda

package cuda

// #include "loader.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"gorgonia.org/cu"
)

// Address is a place in device memory. It is a number, because the host must not follow it.
type Address uint64

// Usage is what a device's owner holds, for tests and metrics.
type Usage struct {
	DeviceBytes, PinnedBytes                    int64
	Modules, Streams, Events, Sequences, Graphs int64
}

// live counts what has been allocated and not freed.
type live struct {
	mutex     sync.Mutex
	addresses map[Address]int64
	pinned    map[unsafe.Pointer]int64

	deviceBytes, pinnedBytes                    atomic.Int64
	modules, streams, events, sequences, graphs atomic.Int64
}

// Usage returns what is held at present.
func (d *Device) Usage() Usage {
	return Usage{
		DeviceBytes: d.live.deviceBytes.Load(), PinnedBytes: d.live.pinnedBytes.Load(), Modules: d.live.modules.Load(), Streams: d.live.streams.Load(),
		Events: d.live.events.Load(), Sequences: d.live.sequences.Load(), Graphs: d.live.graphs.Load(),
	}
}

// Memory returns the device's free and total memory in bytes, counting all processes.
func (d *Device) Memory() (free, total int64, err error) {
	err = d.do("cuMemGetInfo", func() (err error) {
		free, total, err = cu.MemInfo()
		return err
	})
	return free, total, err
}

// Allocate returns device memory, aligned to at least 256 bytes. Its contents are undefined.
func (d *Device) Allocate(bytes int64) (Address, error) {
	if bytes <= 0 {
		return 0, fmt.Errorf("cuMemAlloc: %d bytes", bytes)
	}
	var address cu.DevicePtr
	err := d.do("cuMemAlloc", func() (err error) {
		address, err = cu.MemAlloc(bytes)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("allocate %d bytes on CUDA device %d: %w", bytes, d.info.Ordinal, err)
	}
	d.live.mutex.Lock()
	defer d.live.mutex.Unlock()
	d.live.addresses[Address(address)] = bytes
	d.live.deviceBytes.Add(bytes)
	return Address(address), nil
}

// Free gives device memory back. The driver waits for all work of the context first. Address 0 is nothing. What the driver may report is an error of work
// before; the memory is given back nevertheless.
func (d *Device) Free(address Address) error {
	if address == 0 {
		return nil
	}
	if !forget(&d.live, d.live.addresses, address, &d.live.deviceBytes) {
		return fmt.Errorf("cuMemFree: %#x was not allocated on this device", uint64(address))
	}
	return d.do("cuMemFree", func() error { return cu.MemFree(cu.DevicePtr(address)) })
}

// AllocatePinned returns host memory that the device copies from and to without the driver's help. It belongs to C: it does not move, and holds no Go
// pointers.
func (d *Device) AllocatePinned(bytes int64) (unsafe.Pointer, error) {
	if bytes <= 0 {
		return nil, fmt.Errorf("cuMemHostAlloc: %d bytes", bytes)
	}
	var memory unsafe.Pointer
	err := d.note(d.Do(func() error {
		return newError("cuMemHostAlloc", C.cuMemHostAlloc(&memory, C.size_t(bytes), C.CU_MEMHOSTALLOC_PORTABLE))
	}))
	if err != nil {
		return nil, fmt.Errorf("pin %d bytes of host memory: %w", bytes, err)
	}
	d.live.mutex.Lock()
	defer d.live.mutex.Unlock()
	d.live.pinned[memory] = bytes
	d.live.pinnedBytes.Add(bytes)
	return memory, nil
}

// FreePinned gives pinned memory back; nil is nothing.
func (d *Device) FreePinned(memory unsafe.Pointer) error {
	if memory == nil {
		return nil
	}
	if !forget(&d.live, d.live.pinned, memory, &d.live.pinnedBytes) {
		return errors.New("cuMemFreeHost: the memory was not allocated on this device")
	}
	return d.do("cuMemFreeHost", func() error { return cu.MemFreeHost(memory) })
}

// forget takes an allocation off the books, whether the driver then frees it or not: there is nothing else to be done with it.
func forget[K comparable](l *live, allocations map[K]int64, key K, sum *atomic.Int64) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	bytes, ok := allocations[key]
	delete(allocations, key)
	sum.Add(-bytes)
	return ok
}

// freeAll frees what its owners left, on the device's thread.
func (d *Device) freeAll() error {
	d.live.mutex.Lock()
	defer d.live.mutex.Unlock()
	var failures []error
	for address := range d.live.addresses {
		failures = append(failures, wrap("cuMemFree", cu.MemFree(cu.DevicePtr(address))))
	}
	for memory := range d.live.pinned {
		failures = append(failures, wrap("cuMemFreeHost", cu.MemFreeHost(memory)))
	}
	clear(d.live.addresses)
	clear(d.live.pinned)
	d.live.deviceBytes.Store(0)
	d.live.pinnedBytes.Store(0)
	return errors.Join(failures...)
}

// CopyTo copies to device memory and waits. It is for loading: requests copy within a Sequence.
func (d *Device) CopyTo(to Address, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	return d.do("cuMemcpyHtoD", func() error { return cu.MemcpyHtoD(cu.DevicePtr(to), unsafe.Pointer(&from[0]), int64(len(from))) })
}

// CopyFrom copies from device memory and waits. Streams do not wait for it, nor it for them: synchronise what wrote the memory before.
func (d *Device) CopyFrom(to []byte, from Address) error {
	if len(to) == 0 {
		return nil
	}
	return d.do("cuMemcpyDtoH", func() error { return cu.MemcpyDtoH(unsafe.Pointer(&to[0]), cu.DevicePtr(from), int64(len(to))) })
}

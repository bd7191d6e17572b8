//go:build cuda

package cuda

// #include "loader.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"gorgonia.org/cu"
)

// Device is an open device: its primary context, which the process shares with cuBLAS. Its methods are safe for concurrent use.
type Device struct {
	info       Info
	attributes Attributes
	device     cu.Device
	context    C.CUcontext
	work       chan job
	closing    sync.Once
	closed     chan struct{}
	closeErr   error
	lost       atomic.Bool
	live       live
}

// Attributes are limits of a device that planners and launches need.
type Attributes struct {
	Multiprocessors      int
	ThreadsPerBlock      int // at most
	SharedPerBlock       int // bytes of shared memory that a block may have without asking
	SharedPerBlockOptIn  int // bytes that it may have after asking, which Module.Function does
	SharedPerProcessor   int // bytes
	RegistersPerBlock    int
	L2Bytes              int
	MemoryBusBits        int
	MemoryClockKilohertz int // 0 where the driver does not tell any more
	AsyncEngines         int // copies that can run beside kernels
	Integrated           bool
}

// ErrClosed says that the device has been closed.
var ErrClosed = errors.New("the CUDA device is closed")

type job struct {
	run   func() error
	reply chan error
}

// Open opens the device that a selector names (see Find) and makes its context current on a thread of its own.
func Open(selector string) (*Device, error) {
	info, err := Find(selector)
	if err != nil {
		return nil, err
	}
	device, err := cu.GetDevice(info.Ordinal)
	if err != nil {
		return nil, wrap("cuDeviceGet", err)
	}
	d := &Device{info: info, device: device, work: make(chan job), closed: make(chan struct{})}
	d.live.addresses = map[Address]int64{}
	d.live.pinned = map[unsafe.Pointer]int64{}
	if err := d.readAttributes(); err != nil {
		return nil, err
	}
	ready := make(chan error)
	go d.serve(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("open CUDA device %d (%s): %w", info.Ordinal, info.Name, err)
	}
	return d, nil
}

// serve owns the context. The thread is never unlocked, so that it ends with the goroutine and nobody inherits its current context.
func (d *Device) serve(ready chan<- error) {
	runtime.LockOSThread()
	if err := d.enter(); err != nil {
		ready <- err
		return
	}
	close(ready)
	for {
		select {
		case j := <-d.work:
			j.reply <- j.run()
		case <-d.closed:
			return
		}
	}
}

// enter retains the primary context and makes it current.
func (d *Device) enter() error {
	// Waiting threads sleep: the processor's cores belong to the requests. A context that somebody else made active before keeps its own way of waiting.
	if err := d.device.SetPrimaryCtxFlags(cu.SchedBlockingSync); err != nil && err != cu.PrimaryContextActive {
		return wrap("cuDevicePrimaryCtxSetFlags", err)
	}
	context, err := d.device.RetainPrimaryCtx()
	if err != nil {
		return wrap("cuDevicePrimaryCtxRetain", err)
	}
	if err := cu.SetCurrentContext(context); err != nil {
		return errors.Join(wrap("cuCtxSetCurrent", err), wrap("cuDevicePrimaryCtxRelease", d.device.ReleasePrimaryCtx()))
	}
	d.context = C.CUcontext(handle(context))
	return nil
}

// Do runs a function on the device's own thread, where its context is current, and returns its error. It must not be called from within such a function.
func (d *Device) Do(f func() error) error {
	reply := make(chan error, 1)
	select {
	case d.work <- job{f, reply}:
		return <-reply
	case <-d.closed:
		return ErrClosed
	}
}

// Close frees what is left of the device's memory and gives up the context. Sequences, events, streams and modules must have been closed. After a sticky
// error it resets the primary context, so that the device can be opened anew; its memory and whatever else cuBLAS keeps there are gone.
func (d *Device) Close() error {
	d.closing.Do(func() {
		d.closeErr = d.Do(func() error {
			err := errors.Join(d.freeAll(), wrap("cuDevicePrimaryCtxRelease", d.device.ReleasePrimaryCtx()))
			if d.lost.Load() {
				return d.reset() // what freeing said is the error that everybody knows already
			}
			return err
		})
		close(d.closed)
	})
	return d.closeErr
}

func (d *Device) reset() error { return wrap("cuDevicePrimaryCtxReset", d.device.ResetPrimaryCtx()) }

// Info describes the device.
func (d *Device) Info() Info { return d.info }

// Attributes returns the device's limits.
func (d *Device) Attributes() Attributes { return d.attributes }

// Lost reports whether a sticky error has occurred: nothing works any more until the device is closed and opened again.
func (d *Device) Lost() bool { return d.lost.Load() }

// note remembers that an error lost the context.
func (d *Device) note(err error) error {
	if IsSticky(err) {
		d.lost.Store(true)
	}
	return err
}

// do is Do for one call of gorgonia.org/cu.
func (d *Device) do(call string, f func() error) error {
	return d.note(d.Do(func() error { return wrap(call, f()) }))
}

func (d *Device) readAttributes() error {
	var integrated int
	a := &d.attributes
	for _, attribute := range []struct {
		to    *int
		which C.CUdevice_attribute
	}{
		{&a.Multiprocessors, C.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT},
		{&a.ThreadsPerBlock, C.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK},
		{&a.SharedPerBlock, C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK},
		{&a.SharedPerBlockOptIn, C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN},
		{&a.SharedPerProcessor, C.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR},
		{&a.RegistersPerBlock, C.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK},
		{&a.L2Bytes, C.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE},
		{&a.MemoryBusBits, C.CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH},
		{&a.MemoryClockKilohertz, C.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE},
		{&a.AsyncEngines, C.CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT},
		{&integrated, C.CU_DEVICE_ATTRIBUTE_INTEGRATED},
	} {
		value, err := d.device.Attribute(cu.DeviceAttribute(attribute.which))
		if err != nil {
			return wrap("cuDeviceGetAttribute", err)
		}
		*attribute.to = value
	}
	a.Integrated = integrated != 0
	return nil
}

// handle reads the driver's handle out of a value of gorgonia.org/cu, whose types wrap one pointer each and do not hand it out.
func handle[T any](value T) unsafe.Pointer {
	if unsafe.Sizeof(value) != unsafe.Sizeof(unsafe.Pointer(nil)) {
		panic(fmt.Sprintf("%T is not a handle", value))
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&value))
}

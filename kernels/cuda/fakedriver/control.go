package fakedriver

// #cgo CFLAGS: -I${SRCDIR}/source -I${SRCDIR}/../../../cgo/cuda/include
// #cgo LDFLAGS: -ldl
// #include <control.h>
// #include <dlfcn.h>
// #include <stdlib.h>
//
// typedef void (*fail_function)(const char *, long, CUresult, int);
//
// static void call_fail(void *f, const char *function, long nth, int code, int sticky) { ((fail_function)f)(function, nth, (CUresult)code, sticky); }
// static const char *call_text(void *f) { return ((const char *(*)(void))f)(); }
// static long call_count(void *f) { return ((long (*)(void))f)(); }
// static void call_set(void *f, long value) { ((void (*)(long))f)(value); }
// static void call_report(void *f, struct inferd_fake_report *report) { ((void (*)(struct inferd_fake_report *))f)(report); }
import "C"

import (
	"fmt"
	"time"
	"unsafe"
)

// Control steers the fake driver of this process.
type Control struct {
	handle                                          unsafe.Pointer
	fail, failed, calls, latency, memory, getReport unsafe.Pointer
}

// Any stands for every function of the driver in Fail, and Kernel for a kernel while it runs.
const (
	Any    = ""
	Kernel = "kernel"
)

// Report is what is alive in the driver, and what was left to a context that was destroyed.
type Report struct {
	Contexts, Modules, Streams, Events, Graphs, Executables, DeviceAllocations, PinnedAllocations int64
	DeviceBytes, PinnedBytes                                                                      int64
	Abandoned                                                                                     int64 // objects that their context took with it
	Corruptions                                                                                   int64 // allocations written to beyond their ends
	Library                                                                                       int64 // objects of the fake cuBLASLt
}

func open(path string) (*Control, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	c := &Control{handle: C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)}
	if c.handle == nil {
		return nil, fmt.Errorf("load the fake driver: %s", C.GoString(C.dlerror()))
	}
	for symbol, to := range map[string]*unsafe.Pointer{
		"inferd_fake_fail": &c.fail, "inferd_fake_failed": &c.failed, "inferd_fake_calls": &c.calls, "inferd_fake_set_latency": &c.latency,
		"inferd_fake_set_memory": &c.memory, "inferd_fake_get_report": &c.getReport,
	} {
		if *to = c.symbol(symbol); *to == nil {
			return nil, fmt.Errorf("%s has no %s", path, symbol)
		}
	}
	return c, nil
}

func (c *Control) symbol(name string) unsafe.Pointer {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.dlsym(c.handle, text)
}

// Fail lets the nth call from now of a function fail with a code, a CUresult. A sticky failure loses the context. Functions that give something up do so
// and fail afterwards.
func (c *Control) Fail(function string, nth int64, code int, sticky bool) {
	var name *C.char
	if function != Any {
		name = C.CString(function)
		defer C.free(unsafe.Pointer(name))
	}
	stuck := C.int(0)
	if sticky {
		stuck = 1
	}
	C.call_fail(c.fail, name, C.long(nth), C.int(code), stuck)
}

// Recover takes back an order of Fail whose turn has not come.
func (c *Control) Recover() { c.Fail(Any, 0, 0, false) }

// Failed is the function that failed by the last order, empty where none has.
func (c *Control) Failed() string {
	if text := C.call_text(c.failed); text != nil {
		return C.GoString(text)
	}
	return ""
}

// Calls is the number of calls of the driver so far, without those that asked in vain whether an event has happened.
func (c *Control) Calls() int64 { return int64(C.call_count(c.calls)) }

// SetLatency sets how long every kernel takes at least.
func (c *Control) SetLatency(d time.Duration) { C.call_set(c.latency, C.long(d)) }

// SetMemory sets how much memory each device has, in bytes.
func (c *Control) SetMemory(bytes int64) { C.call_set(c.memory, C.long(bytes)) }

// Report tells what is alive.
func (c *Control) Report() Report {
	var r C.struct_inferd_fake_report
	C.call_report(c.getReport, &r)
	return Report{
		Contexts: int64(r.contexts), Modules: int64(r.modules), Streams: int64(r.streams), Events: int64(r.events), Graphs: int64(r.graphs),
		Executables: int64(r.executables), DeviceAllocations: int64(r.device_allocations), PinnedAllocations: int64(r.pinned_allocations),
		DeviceBytes: int64(r.device_bytes), PinnedBytes: int64(r.pinned_bytes), Abandoned: int64(r.abandoned), Corruptions: int64(r.corruptions),
		Library: int64(r.library),
	}
}

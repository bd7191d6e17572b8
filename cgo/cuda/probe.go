//go:build cuda

package cuda

// #cgo CFLAGS: -I${SRCDIR}/include
// #cgo LDFLAGS: -L${SRCDIR}/lib -ldl -lpthread -Wl,--as-needed
// #include "loader.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
)

// RequiredVersion is the CUDA version that the driver must implement at least, as cuDriverGetVersion gives it.
//
// The compiler that makes the kernels' fat binaries decides it. Drivers load machine code of any compiler of their own major version or an earlier one,
// and the cubins of CUDA 13.0's nvcc have the format 8, which drivers for CUDA 12 (format 7) do not know; its PTX has the version 9.0, which they cannot
// translate either. With fat binaries of CUDA 12.9's nvcc this would be 12000: any driver of the 12 series loads its machine code, and only PTX, for
// devices newer than the compiler, needs a driver as new as the compiler.
const RequiredVersion = 13000

// requiredRelease is the first release of the driver that implements RequiredVersion.
const requiredRelease = "580"

// Problem is what keeps the driver from being used.
type Problem int

// The problems, in the order in which they are found.
const (
	None           Problem = iota
	NoLibrary              // the driver is not installed
	BrokenLibrary          // something is installed that is not a whole driver
	TooOld                 // the driver is older than the kernels need
	NoDevice               // the driver works and sees no device
	NotInitialised         // the driver refuses to start
)

// Status tells whether there is a driver and whether it can be used.
type Status struct {
	Library string // path of the library, as the loader found it
	Version int    // of CUDA that the driver implements, 1000 * major + 10 * minor; 0 where unknown
	Release string // of the kernel module, for instance 580.65.06; empty where there is none
	Devices int    // that the driver sees, those that kernels cannot run on included
	Problem Problem
	Reason  string // what is wrong and what to do about it, in one line; empty where nothing is
}

// Usable reports whether there is at least one device behind a driver that can run the kernels.
func (s Status) Usable() bool { return s.Problem == None }

// Err is the reason as an error, nil where the driver is usable.
func (s Status) Err() error {
	if s.Usable() {
		return nil
	}
	return errors.New(s.Reason)
}

// Probe loads and initialises the driver at the first call and tells how that went. Without a driver it costs well under a millisecond. It never fails.
var Probe = sync.OnceValue(probe)

func probe() Status {
	driver := C.inferd_cuda_load()
	s := Status{Library: C.GoString(&driver.path[0]), Version: int(driver.version)}
	if driver.handle == nil {
		s.Problem, s.Reason = NoLibrary, noLibrary(C.GoString(&driver.failure[0]), driver.chosen != 0)
		return s
	}
	s.Release = release()
	if s.Version != 0 && s.Version < RequiredVersion {
		s.Problem, s.Reason = TooOld, fmt.Sprintf("the NVIDIA driver%s implements CUDA %s, the kernels need %s: install driver %s or newer",
			prefixed(" ", s.Release), versionString(s.Version), versionString(RequiredVersion), requiredRelease)
		return s
	}
	if driver.status != C.CUDA_SUCCESS {
		s.Problem, s.Reason = explain(driver.status, s.Library)
		return s
	}
	var count C.int
	if code := C.cuDeviceGetCount(&count); code != C.CUDA_SUCCESS {
		s.Problem, s.Reason = explain(code, s.Library)
		return s
	}
	if s.Devices = int(count); count == 0 {
		s.Problem, s.Reason = explain(C.CUDA_ERROR_NO_DEVICE, s.Library)
	}
	return s
}

func noLibrary(failure string, chosen bool) string {
	if chosen {
		return "the CUDA driver that INFERD_CUDA_LIBRARY names cannot be loaded: " + failure
	}
	return fmt.Sprintf("no NVIDIA driver: %s: install driver %s or newer, or run on the CPU", failure, requiredRelease)
}

// explain says what a failure of cuInit means to an operator.
func explain(code C.CUresult, library string) (Problem, string) {
	switch code {
	case C.CUDA_ERROR_NO_DEVICE:
		return NoDevice, "the NVIDIA driver sees no device: check nvidia-smi, CUDA_VISIBLE_DEVICES and the service's access to /dev/nvidia*"
	case C.CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND:
		return BrokenLibrary, library + " is not a CUDA driver: it lacks cuInit; unset INFERD_CUDA_LIBRARY or reinstall the driver"
	case C.CUDA_ERROR_STUB_LIBRARY:
		return BrokenLibrary, library + " is the CUDA toolkit's stub for linking: take it off the library path, or install the NVIDIA driver"
	}
	err := newError("cuInit", code)
	for _, known := range initialisation {
		if known.code == code {
			return NotInitialised, fmt.Sprintf("the NVIDIA driver does not start: %v: %s", err, known.advice)
		}
	}
	return NotInitialised, fmt.Sprintf("the NVIDIA driver does not start: %v: see dmesg for messages of NVRM", err)
}

// initialisation lists what cuInit is known to return, with what helps.
var initialisation = []struct {
	code   C.CUresult
	advice string
}{
	{C.CUDA_ERROR_OUT_OF_MEMORY, "the host is out of memory"},
	{C.CUDA_ERROR_DEVICE_UNAVAILABLE, "another process holds the device exclusively: see nvidia-smi -q -d COMPUTE"},
	{C.CUDA_ERROR_DEVICE_NOT_LICENSED, "a virtual GPU needs its licence: see nvidia-smi -q"},
	{C.CUDA_ERROR_OPERATING_SYSTEM, "the service has no access to /dev/nvidia*, or nvidia-uvm is not loaded: run nvidia-modprobe -u -c=0"},
	{C.CUDA_ERROR_UNKNOWN, "nvidia-uvm is probably not loaded: run nvidia-modprobe -u -c=0, or reboot after an upgrade of the kernel"},
	{C.CUDA_ERROR_SYSTEM_NOT_READY, "start nvidia-fabricmanager and nvidia-persistenced"},
	{C.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "the library and the loaded kernel module are of different releases: reboot, or reload the module"},
	{C.CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, "the forward compatibility package does not support this device: remove cuda-compat"},
	{C.CUDA_ERROR_MPS_CONNECTION_FAILED, "the MPS control daemon does not answer: restart nvidia-cuda-mps-control, or unset CUDA_MPS_PIPE_DIRECTORY"},
}

// versionString formats 13000 as 13.0.
func versionString(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }

// prefixed puts a prefix before a text that is not empty.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

var releasePattern = regexp.MustCompile(`Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s`)

// release reads the release of the driver's kernel module.
func release() string {
	text, err := os.ReadFile("/proc/driver/nvidia/version")
	if err != nil {
		return ""
	}
	if match := releasePattern.FindSubmatch(text); match != nil {
		return string(match[1])
	}
	return ""
}

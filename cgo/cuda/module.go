//go:build cuda

package cuda

// #include "module.h"
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Module is a loaded image of kernels.
type Module struct {
	device *Device
	module C.CUmodule
}

// Function is a kernel that can be launched, with what the compiler decided about it.
type Function struct {
	Name           string
	MostThreads    int // in a block
	Registers      int // of a thread
	StaticShared   int // bytes
	DynamicShared  int // bytes that a launch may ask for at most
	BinaryCompiled int // capability that its machine code is for, 10 * major + minor
	function       C.CUfunction
}

const jitLogBytes = 4096

// LoadModule loads a fat binary, a cubin or PTX. Where the image has no machine code for the device, the driver translates its PTX, which can take seconds.
func (d *Device) LoadModule(image []byte) (*Module, error) {
	if len(image) == 0 {
		return nil, errors.New("cuModuleLoadDataEx: an empty image")
	}
	text := C.CBytes(append(image[:len(image):len(image)], 0)) // PTX must end with a zero
	defer C.free(text)
	log := (*C.char)(C.calloc(jitLogBytes, 1))
	defer C.free(unsafe.Pointer(log))
	m := &Module{device: d}
	err := d.note(d.Do(func() error {
		return newError("cuModuleLoadDataEx", C.inferd_cuda_load_module(&m.module, text, log, jitLogBytes))
	}))
	if err != nil {
		return nil, explainImage(err, d.info, strings.TrimSpace(C.GoString(log)))
	}
	d.live.modules.Add(1)
	return m, nil
}

// explainImage says what is behind an image that the driver does not load.
func explainImage(err error, device Info, log string) error {
	if log != "" {
		err = fmt.Errorf("%w: %s", err, log)
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch C.CUresult(e.Code) {
	case C.CUDA_ERROR_NO_BINARY_FOR_GPU, C.CUDA_ERROR_INVALID_IMAGE, C.CUDA_ERROR_INVALID_PTX, C.CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
		status := Probe()
		return fmt.Errorf("the kernels do not suit %s (compute capability %v) with this driver%s, which implements CUDA %s: %w",
			device.Name, device.Capability, prefixed(" ", status.Release), versionString(status.Version), err)
	case C.CUDA_ERROR_JIT_COMPILER_NOT_FOUND, C.CUDA_ERROR_JIT_COMPILATION_DISABLED:
		return fmt.Errorf("the kernels hold no machine code for compute capability %v, and the driver's compiler (libnvidia-ptxjitcompiler) is not available: %w",
			device.Capability, err)
	}
	return err
}

// Function finds a kernel and lets it use all the shared memory that the device has. It is loaded now, because the driver loads lazily and cannot do so while a
// stream is captured.
func (m *Module) Function(name string) (*Function, error) {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	f := &Function{Name: name}
	var found C.struct_inferd_cuda_function
	err := m.device.note(m.device.Do(func() error {
		code := C.inferd_cuda_find_function(m.module, text, C.int(m.device.attributes.SharedPerBlockOptIn), &found)
		if code == C.CUDA_SUCCESS {
			return nil
		}
		return newError(C.GoString(found.call), code)
	}))
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	f.function = found.function
	f.MostThreads, f.Registers = int(found.most_threads), int(found.registers)
	f.StaticShared, f.DynamicShared = int(found.static_shared), int(found.dynamic_shared)
	f.BinaryCompiled = int(found.binary_version)
	return f, nil
}

// Close unloads the module. No work that uses its kernels may be under way, and no sequence that holds them may be used again.
func (m *Module) Close() error {
	if m.module == nil {
		return nil
	}
	module := m.module
	m.module = nil
	m.device.live.modules.Add(-1)
	return m.device.note(m.device.Do(func() error { return newError("cuModuleUnload", C.cuModuleUnload(module)) }))
}

// Package emulation runs the CUDA kernels on the CPU, for tests: it builds their sources with g++ and a header that stands in for CUDA's language.
//
// In: launches and memory. Out: what the kernels write. source/ holds the header and the scheduler of its fibers.
package emulation

// #cgo LDFLAGS: -ldl
// #include <dlfcn.h>
// #include <stdint.h>
// #include <stdlib.h>
//
// typedef int (*launcher)(void *kernel, const uint32_t grid[3], const uint32_t threads[3], uint32_t shared_bytes, const void *arguments);
//
// static int call(void *launch, void *kernel, const uint32_t grid[3], const uint32_t threads[3], uint32_t shared_bytes, const void *arguments)
// {
// 	return ((launcher)launch)(kernel, grid, threads, shared_bytes, arguments);
// }
import "C"

import (
	"errors"
	"fmt"
	"testing"
	"unsafe"

	"github.com/inferd/inferd/kernels/cuda"
)

// Library is the kernels' sources built for the CPU.
type Library struct {
	handle unsafe.Pointer
	launch unsafe.Pointer
}

// Open builds the kernels and loads them. Without a C++ compiler the test is skipped.
func Open(t testing.TB) *Library {
	t.Helper()
	return open(t, Build)
}

// OpenSource builds kernels that are a test's own, in one file, and loads them.
func OpenSource(t testing.TB, source string) *Library {
	t.Helper()
	return open(t, func() (string, error) { return buildOf(Folder(), Cache(), "test", []string{source}) })
}

func open(t testing.TB, build func() (string, error)) *Library {
	t.Helper()
	path, err := build()
	if errors.Is(err, ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func load(path string) (*Library, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	handle := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if handle == nil {
		return nil, fmt.Errorf("load the emulated kernels: %s", C.GoString(C.dlerror()))
	}
	l := &Library{handle: handle}
	l.launch = l.symbol("emulation_launch")
	return l, nil
}

// symbol returns the address of a symbol, nil where there is none.
func (l *Library) symbol(name string) unsafe.Pointer {
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	return C.dlsym(l.handle, text)
}

// Run runs a launch. bases[i] is where operands of base i lie, base 0 being absolute addresses. All memory must be outside Go's heap or pinned.
func (l *Library) Run(launch cuda.Launch, bases ...uintptr) error {
	kernel := l.symbol(launch.Kernel)
	if kernel == nil {
		return fmt.Errorf("there is no kernel %q", launch.Kernel)
	}
	size, most := l.symbol(launch.Kernel+"_arguments_size"), l.symbol(launch.Kernel+"_most_threads")
	if size == nil || most == nil {
		return fmt.Errorf("%q was not made with KERNEL", launch.Kernel)
	}
	if want := *(*uint32)(size); int(want) != len(launch.Arguments) {
		return fmt.Errorf("%s: the planner gives %d bytes of arguments, the kernel takes %d", launch.Kernel, len(launch.Arguments), want)
	}
	if threads := launch.Block[0] * launch.Block[1] * launch.Block[2]; threads > *(*uint32)(most) {
		return fmt.Errorf("%s: %d threads, at most %d", launch.Kernel, threads, *(*uint32)(most))
	}
	arguments := C.CBytes(launch.Resolve(bases))
	defer C.free(arguments)
	grid, block := launch.Grid, launch.Block
	if C.call(l.launch, kernel, (*C.uint32_t)(&grid[0]), (*C.uint32_t)(&block[0]), C.uint32_t(launch.SharedBytes), arguments) != 0 {
		return fmt.Errorf("%s: impossible launch of %v blocks of %v threads", launch.Kernel, launch.Grid, launch.Block)
	}
	return nil
}

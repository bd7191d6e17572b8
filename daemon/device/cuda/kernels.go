//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"sync"

	"github.com/inferd/inferd/cgo/cuda"
	images "github.com/inferd/inferd/kernels/cuda"
)

// kernels loads modules and looks functions up, each once.
type kernels struct {
	driver    *cuda.Device
	mutex     sync.Mutex
	modules   map[string]*cuda.Module
	functions map[string]*cuda.Function
}

func newKernels(driver *cuda.Device) kernels {
	return kernels{driver: driver, modules: make(map[string]*cuda.Module), functions: make(map[string]*cuda.Function)}
}

// function returns a kernel, and loads its module at the first call.
func (k *kernels) function(module, name string) (*cuda.Function, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if f := k.functions[name]; f != nil {
		return f, nil
	}
	m := k.modules[module]
	if m == nil {
		image, err := images.Image(module)
		if err != nil {
			return nil, err
		}
		if m, err = k.driver.LoadModule(image); err != nil {
			return nil, fmt.Errorf("module %s: %w", module, err)
		}
		k.modules[module] = m
	}
	f, err := m.Function(name)
	if err != nil {
		return nil, err
	}
	k.functions[name] = f
	return f, nil
}

func (k *kernels) close() error {
	var failures []error
	for _, m := range k.modules {
		failures = append(failures, m.Close())
	}
	return errors.Join(failures...)
}

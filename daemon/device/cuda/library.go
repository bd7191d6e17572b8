//go:build cuda

package cuda

import (
	"errors"
	"path/filepath"

	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// libraryWorkspace is the memory that an algorithm of cuBLASLt may use at most: what NVIDIA recommends for the largest devices.
const libraryWorkspace = 32 << 20

// openLibrary opens cuBLASLt where it is wanted and there. It is not needed: our own kernels serve.
func (d *Device) openLibrary(o Options) error {
	if o.Deterministic {
		return nil
	}
	if status := cublas.Probe(); !status.Usable() {
		d.log.Warn("matrix products run on inferd's own kernels", "device", d.name, "reason", status.Reason)
		return nil
	}
	options := cublas.Options{Logger: d.log}
	if o.CacheFolder != "" {
		options.File = filepath.Join(o.CacheFolder, "cublaslt-"+d.driver.Info().UUID+".jsonl")
	}
	var err error
	d.library, err = cublas.Open(d.driver, options)
	return err
}

// libraryCall is a product of cuBLASLt as an operation.
type libraryCall struct {
	choice                           *cublas.Choice
	a, b, c, output, bias, workspace step.Operand
	offsets                          offsets
}

func (l libraryCall) issue(d *Device, q *cuda.Sequence, bases []uintptr) error {
	at := func(o step.Operand, offset int64) cuda.Address {
		if o == (step.Operand{}) {
			return 0
		}
		return addressOf(o, bases) + cuda.Address(offset)
	}
	return d.library.Append(q, l.choice, cublas.Addresses{
		A: at(l.a, l.offsets.a), B: at(l.b, l.offsets.b), C: at(l.c, 0), D: at(l.output, l.offsets.d), Bias: at(l.bias, 0), Workspace: at(l.workspace, 0),
	})
}

func (l libraryCall) raises() bool { return false }

// chooseAlgorithm asks the library how to compute a product. What it cannot do, something else does.
func (d *Device) chooseAlgorithm(m cublas.Matmul) (*cublas.Choice, error) {
	choice, err := d.library.Choose(m, libraryWorkspace)
	var library *cublas.Error
	var driver *cuda.Error
	if err == nil || errors.As(err, &driver) || !errors.As(err, &library) {
		return choice, err
	}
	if !library.NotSupported() {
		d.log.Warn("cuBLASLt fails at a matrix product: something else computes it", "device", d.name, "error", err)
	}
	return nil, node.NoKernel("%v", err)
}

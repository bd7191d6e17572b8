//go:build cuda

package cuda

import (
	"fmt"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// plain implements weights.Plain: the elements as they are, in device memory.
func (d *Device) plain(t *tensor.Tensor) (step.Operand, weights.Form, error) {
	if t.DType == tensor.String {
		return step.Operand{}, weights.Form{}, fmt.Errorf("strings do not go to a GPU")
	}
	return d.upload(t.Data)
}

// upload copies bytes to memory of their own on the device.
func (d *Device) upload(data []byte) (step.Operand, weights.Form, error) {
	// A tensor without elements has a place all the same, so that its address is not that of an absent one.
	address, err := d.driver.Allocate(max(int64(len(data)), 1))
	if err != nil {
		return step.Operand{}, weights.Form{}, d.fault(err)
	}
	if err := d.driver.CopyTo(address, data); err != nil {
		d.free(address)
		return step.Operand{}, weights.Form{}, d.fault(err)
	}
	return step.Operand{Base: step.BaseAbsolute, Offset: int64(address)}, weights.Form{Bytes: int64(len(data)), Free: func() { d.free(address) }}, nil
}

// free gives memory back. On a lost device there is nothing to give back.
func (d *Device) free(address cuda.Address) {
	if err := d.driver.Free(address); err != nil && !d.driver.Lost() {
		d.log.Warn("freeing memory of a GPU", "device", d.name, "error", err)
	}
}

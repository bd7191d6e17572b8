//go:build linux && amd64 && cgo && !cuda

package main

import "github.com/inferd/inferd/daemon/device"

// openGPUs says that this program cannot use a GPU.
func openGPUs(string, gpuOptions) ([]device.Device, error) {
	return nil, &noDriverError{"this inferd was built without the tag cuda; make build has it"}
}

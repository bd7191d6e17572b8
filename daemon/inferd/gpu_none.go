//go:build linux && amd64 && cgo && !cuda

package main

import "github.com/inferd/inferd/daemon/device"

// openGPUs opens a GPU by its ordinal or UUID, or all of them where the name is empty.
func openGPUs(string, gpuOptions) ([]device.Device, error) { return nil, errNoCUDA }

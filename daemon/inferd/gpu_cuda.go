//go:build linux && amd64 && cgo && cuda

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	driver "github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cuda"
)

// openGPUs opens a GPU by its ordinal or UUID, or all of them where the name is empty. Where some of all cannot be used, the others are.
func openGPUs(selector string, o gpuOptions) (list []device.Device, err error) {
	options := cuda.Options{
		Slots: o.slots, Deterministic: o.deterministic, CacheFolder: cacheFolder(), Logger: o.logger,
	}
	if selector != "" {
		d, err := cuda.Open(selector, options)
		if err != nil {
			return nil, err
		}
		return []device.Device{d}, nil
	}
	found, err := driver.Devices()
	if err != nil {
		if driver.Probe().Problem == driver.NoLibrary {
			err = &noDriverError{err.Error()}
		}
		return nil, err
	}
	var failures []error
	for _, info := range found {
		if info.Unsupported != "" {
			failures = append(failures, fmt.Errorf("%s: %s", info.Name, info.Unsupported))
			continue
		}
		d, err := cuda.Open(info.UUID, options)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		list = append(list, d)
	}
	return list, errors.Join(failures...)
}

// cacheFolder is the folder that systemd gives the service for what may be lost; empty where it gives none.
func cacheFolder() string {
	first, _, _ := strings.Cut(os.Getenv("CACHE_DIRECTORY"), ":")
	return first
}

//go:build cuda

package cuda

// #include "loader.h"
import "C"

import (
	"fmt"
	"strconv"
	"strings"

	"gorgonia.org/cu"
)

// Capability is a device's compute capability, which decides what code it runs.
type Capability struct{ Major, Minor int }

// String formats the capability as NVIDIA writes it, for instance 8.6.
func (c Capability) String() string { return fmt.Sprintf("%d.%d", c.Major, c.Minor) }

// Less orders capabilities.
func (c Capability) Less(other Capability) bool {
	return c.Major < other.Major || c.Major == other.Major && c.Minor < other.Minor
}

// RequiredCapability is the oldest that the kernels are compiled for.
var RequiredCapability = Capability{7, 5}

// Info describes a device.
type Info struct {
	Ordinal         int    // the driver's number, which CUDA_VISIBLE_DEVICES changes
	UUID            string // as nvidia-smi -L prints it: GPU-... or, for a part of a device, MIG-...
	Name            string
	Capability      Capability
	Memory          int64 // bytes, those in use included
	Multiprocessors int
	PCIBus          string // domain:bus:device.function
	Unsupported     string // why the kernels cannot run on it; empty where they can
}

// Devices lists what the driver sees, in the order of its ordinals. Without a usable driver the error is Probe's reason.
func Devices() ([]Info, error) {
	status := Probe()
	if err := status.Err(); err != nil {
		return nil, err
	}
	list := make([]Info, status.Devices)
	for ordinal := range list {
		info, err := describe(ordinal)
		if err != nil {
			return nil, fmt.Errorf("device %d: %w", ordinal, err)
		}
		list[ordinal] = info
	}
	return list, nil
}

// Find returns the device that a selector names: an ordinal, a UUID or the unambiguous beginning of one, or, for the empty selector, the first device that
// can run the kernels.
func Find(selector string) (Info, error) {
	list, err := Devices()
	if err != nil {
		return Info{}, err
	}
	info, err := match(list, selector)
	if err == nil && info.Unsupported != "" {
		err = fmt.Errorf("CUDA device %d (%s): %s", info.Ordinal, info.Name, info.Unsupported)
	}
	return info, err
}

func match(list []Info, selector string) (Info, error) {
	var found []Info
	ordinal, err := strconv.Atoi(selector)
	for _, info := range list {
		switch {
		case selector == "" && info.Unsupported == "", err == nil && info.Ordinal == ordinal:
			return info, nil
		case selector != "" && err != nil && strings.HasPrefix(strings.ToLower(info.UUID), strings.ToLower(selector)):
			found = append(found, info)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case selector == "":
		return list[0], nil // refused by Find, which says why
	case len(found) > 1:
		return Info{}, fmt.Errorf("%q names %d CUDA devices: give more of the UUID", selector, len(found))
	}
	names := make([]string, len(list))
	for i, info := range list {
		names[i] = fmt.Sprintf("%d (%s)", info.Ordinal, info.UUID)
	}
	return Info{}, fmt.Errorf("there is no CUDA device %q, only %s", selector, strings.Join(names, ", "))
}

func describe(ordinal int) (Info, error) {
	device, err := cu.GetDevice(ordinal)
	if err != nil {
		return Info{}, wrap("cuDeviceGet", err)
	}
	info := Info{Ordinal: ordinal}
	if info.Name, err = device.Name(); err != nil {
		return Info{}, wrap("cuDeviceGetName", err)
	}
	if info.Memory, err = device.TotalMem(); err != nil {
		return Info{}, wrap("cuDeviceTotalMem", err)
	}
	for _, attribute := range []struct {
		to    *int
		which cu.DeviceAttribute
	}{
		{&info.Capability.Major, cu.ComputeCapabilityMajor}, {&info.Capability.Minor, cu.ComputeCapabilityMinor},
		{&info.Multiprocessors, cu.MultiprocessorCount},
	} {
		if *attribute.to, err = device.Attribute(attribute.which); err != nil {
			return Info{}, wrap("cuDeviceGetAttribute", err)
		}
	}
	if info.UUID, err = uuidOf(C.CUdevice(device)); err != nil {
		return Info{}, err
	}
	if info.PCIBus, err = busOf(C.CUdevice(device)); err != nil {
		return Info{}, err
	}
	if info.Capability.Less(RequiredCapability) {
		info.Unsupported = fmt.Sprintf("compute capability %v is too old, the kernels need %v (Turing, 2018) or newer: the CPU serves instead",
			info.Capability, RequiredCapability)
	}
	return info, nil
}

// uuidOf asks twice, because the driver says only this way whether a device is a part of one (MIG): the first version of the function tells the UUID of the
// whole device, the second that of the part.
func uuidOf(device C.CUdevice) (string, error) {
	var whole, part C.CUuuid
	if code := C.cuDeviceGetUuid(&whole, device); code != C.CUDA_SUCCESS {
		return "", newError("cuDeviceGetUuid", code)
	}
	switch code := C.cuDeviceGetUuid_v2(&part, device); {
	case code == C.CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND || code == C.CUDA_SUCCESS && part == whole:
		return formatUUID("GPU-", whole), nil
	case code != C.CUDA_SUCCESS:
		return "", newError("cuDeviceGetUuid_v2", code)
	}
	return formatUUID("MIG-", part), nil
}

func formatUUID(prefix string, uuid C.CUuuid) string {
	var b [16]byte
	for i, c := range uuid.bytes {
		b[i] = byte(c)
	}
	return fmt.Sprintf("%s%x-%x-%x-%x-%x", prefix, b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func busOf(device C.CUdevice) (string, error) {
	var text [32]C.char
	if code := C.cuDeviceGetPCIBusId(&text[0], C.int(len(text)), device); code != C.CUDA_SUCCESS {
		return "", newError("cuDeviceGetPCIBusId", code)
	}
	return C.GoString(&text[0]), nil
}

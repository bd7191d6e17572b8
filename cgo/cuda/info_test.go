//go:build cuda

package cuda_test

import (
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cuda"
)

func TestDevices(t *testing.T) {
	needFake(t)
	list, err := cuda.Devices()
	must(t, err)
	if len(list) != 2 {
		t.Fatalf("%d devices", len(list))
	}
	for i, info := range list {
		if info.Ordinal != i || info.Capability != (cuda.Capability{Major: 8}) || info.Memory != 8<<30 || info.Multiprocessors != 4 || info.Unsupported != "" {
			t.Errorf("device %d: %+v", i, info)
		}
		if !strings.HasPrefix(info.UUID, "GPU-") || len(info.UUID) != 40 || !strings.HasPrefix(info.PCIBus, "0000:4") {
			t.Errorf("device %d: %+v", i, info)
		}
	}
}

func TestFind(t *testing.T) {
	needFake(t)
	list, err := cuda.Devices()
	must(t, err)
	whole := list[1].UUID
	for _, c := range []struct {
		selector string
		ordinal  int
		failure  string // empty: found
	}{
		{"", 0, ""}, {"0", 0, ""}, {"1", 1, ""}, {whole, 1, ""}, {strings.ToUpper(whole), 1, ""},
		{"2", 0, `there is no CUDA device "2", only 0 (GPU-`}, {"-1", 0, "there is no CUDA device"},
		{"GPU-a", 0, "names 2 CUDA devices: give more of the UUID"}, {"MIG-", 0, "there is no CUDA device"}, {"cuda", 0, "there is no CUDA device"},
	} {
		info, err := cuda.Find(c.selector)
		switch {
		case c.failure == "" && (err != nil || info.Ordinal != c.ordinal):
			t.Errorf("%q finds %+v, %v", c.selector, info, err)
		case c.failure != "" && (err == nil || !strings.Contains(err.Error(), c.failure)):
			t.Errorf("%q finds %+v, %v", c.selector, info, err)
		}
	}
}

// TestFindParts selects parts of a device (MIG).
func TestFindParts(t *testing.T) {
	const part = "MIG-b0b1b2b3-b4b5-b6b7-b8b9-babbbcbdbe01"
	for _, selector := range []string{"1", part} {
		if printed := inAnotherProcess(t, "find "+selector, "MIG=1", "DEVICES=2"); printed != "1 "+part+" <nil>" {
			t.Errorf("%q finds %s", selector, printed)
		}
	}
}

func TestFindOldDevices(t *testing.T) {
	for _, selector := range []string{"", "0"} {
		printed := inAnotherProcess(t, "find "+selector, "CAPABILITY=61")
		if !strings.Contains(printed, "compute capability 6.1 is too old, the kernels need 7.5") {
			t.Errorf("%q finds %s", selector, printed)
		}
	}
}

func TestCapabilities(t *testing.T) {
	if old := (cuda.Capability{Major: 7, Minor: 5}); !old.Less(cuda.Capability{Major: 8}) || !old.Less(cuda.Capability{Major: 7, Minor: 6}) || old.Less(old) || old.String() != "7.5" {
		t.Error("capabilities are not in order")
	}
}

func TestOpenWhatIsNotThere(t *testing.T) {
	if d, err := cuda.Open("17"); err == nil {
		t.Errorf("device 17 was opened: %+v", d.Info())
	}
}

//go:build cuda

package cuda_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/kernels/cuda/fakedriver"
)

// TestProbeOfLibraries looks at what may be found in place of a driver.
func TestProbeOfLibraries(t *testing.T) {
	needFake(t)
	libraries, err := fakedriver.Build()
	must(t, err)
	text := filepath.Join(t.TempDir(), "libcuda.so.1")
	must(t, os.WriteFile(text, []byte("no library"), 0o644))
	for _, c := range []struct {
		name, library string
		problem       cuda.Problem
		parts         []string
	}{
		{"none installed", "", cuda.NoLibrary, []string{"no NVIDIA driver", "libcuda.so.1", "install driver 580", "CPU"}},
		{"one that is not there", "/nowhere/libcuda.so", cuda.NoLibrary, []string{"INFERD_CUDA_LIBRARY", "/nowhere/libcuda.so"}},
		{"a file that is none", text, cuda.NoLibrary, []string{"INFERD_CUDA_LIBRARY", text}},
		{"another library", libraries.Kernels, cuda.BrokenLibrary, []string{libraries.Kernels, "lacks cuInit", "unset INFERD_CUDA_LIBRARY"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantProbe(t, run(t, printing+"=probe", "INFERD_CUDA_LIBRARY="+c.library), c.problem, c.parts)
		})
	}
}

// TestProbeOfDrivers lets the driver say what keeps it from working.
func TestProbeOfDrivers(t *testing.T) {
	for _, c := range []struct {
		setting string
		problem cuda.Problem
		parts   []string
	}{
		{"DEVICES=1", cuda.None, nil},
		{"VERSION=12080", cuda.TooOld, []string{"implements CUDA 12.8", "need 13.0", "install driver 580"}},
		{"DEVICES=0", cuda.NoDevice, []string{"sees no device", "nvidia-smi", "CUDA_VISIBLE_DEVICES"}},
		{"INIT=100", cuda.NoDevice, []string{"sees no device"}},
		{"INIT=34", cuda.BrokenLibrary, []string{"stub"}},
		{"INIT=2", cuda.NotInitialised, []string{"CUDA_ERROR_OUT_OF_MEMORY", "the host is out of memory"}},
		{"INIT=802", cuda.NotInitialised, []string{"CUDA_ERROR_SYSTEM_NOT_READY", "nvidia-fabricmanager"}},
		{"INIT=803", cuda.NotInitialised, []string{"different releases"}},
		{"INIT=999", cuda.NotInitialised, []string{"CUDA_ERROR_UNKNOWN", "nvidia-modprobe"}},
		{"INIT=201", cuda.NotInitialised, []string{"CUDA_ERROR_INVALID_CONTEXT", "dmesg"}},
	} {
		t.Run(c.setting, func(t *testing.T) { wantProbe(t, inAnotherProcess(t, "probe", c.setting), c.problem, c.parts) })
	}
}

func wantProbe(t *testing.T, printed string, problem cuda.Problem, parts []string) {
	t.Helper()
	if want := fmt.Sprintf("%d %v ", problem, problem == cuda.None); !strings.HasPrefix(printed, want) {
		t.Errorf("printed %q, want %q first", printed, want)
	}
	if strings.Contains(printed, "\n") {
		t.Errorf("%q is more than one line", printed)
	}
	for _, part := range parts {
		if !strings.Contains(printed, part) {
			t.Errorf("%q does not say %q", printed, part)
		}
	}
}

func TestProbeOfThisProcess(t *testing.T) {
	status := cuda.Probe()
	if !status.Usable() || status.Err() != nil || status.Version < cuda.RequiredVersion || status.Devices < 1 || status.Library == "" {
		t.Errorf("%+v", status)
	}
}

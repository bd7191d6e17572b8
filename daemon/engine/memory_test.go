package engine

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/inferd/inferd/daemon/tensor"
)

// TestMemoryAfterABurst sends 64 requests of 8x32 tokens to MiniLM at once and looks at what stays resident.
func TestMemoryAfterABurst(t *testing.T) {
	const overhead = 80 << 20
	if raceEnabled {
		t.Skip("the race detector's own memory would be counted")
	}
	file, err := os.Open(filepath.Join(sharedModels, "minilm", "model.onnx"))
	if err != nil {
		t.Skipf("%v: the memory after a burst was not measured", err)
	}
	defer file.Close()
	root := t.TempDir()
	// Copied without a detour through this process's heap, whose size is measured.
	target, err := os.Create(filepath.Join(root, "minilm.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, file); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	e := newEngine(t, root, nil)
	v, err := e.Describe([]byte("minilm"), 0)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			r, err := e.Acquire([]byte("minilm"), 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Release()
			for _, info := range v.Inputs() {
				staging, err := r.Input([]byte(info.Name), info.DType, []int64{8, 32})
				if err != nil {
					t.Error(err)
					return
				}
				clear(staging)
				fillInput(staging, tensor.Int64, 1)
			}
			if err := r.Infer(nil); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	resident, weights := residentBytes(t), v.WeightBytes()
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	t.Logf("Go's heap: %d MB in use, %d MB idle and not returned", heap.HeapInuse>>20, (heap.HeapIdle-heap.HeapReleased)>>20)
	inUse, kept := e.StagingBytes()
	t.Logf("%d MB resident, %d MB of weights, %d MB of staging kept", resident>>20, weights>>20, kept>>20)
	if inUse != 0 || resident > weights+overhead {
		t.Errorf("%d bytes resident with %d of weights, %d of staging in use", resident, weights, inUse)
	}
}

// residentBytes is the process's resident memory.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := bytes.Cut(status, []byte("VmRSS:"))
	var kilobytes int64
	if _, err := fmt.Sscan(string(line), &kilobytes); !found || err != nil {
		t.Fatalf("no VmRSS in /proc/self/status: %v", err)
	}
	return kilobytes << 10
}

package hostile

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/device/devicetest"
)

// realModels are the committed samples, and the shared reference models where they are present and small enough to be compiled often.
func realModels(t *testing.T) map[string][]byte {
	models := make(map[string][]byte)
	for _, pattern := range []string{"../../../bench/samples/*/1/model.onnx", "../../../../shared/models/*/model.onnx"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Logf("%s holds no models: not tried", pattern)
		}
		for _, file := range files {
			info, err := os.Stat(file)
			if err != nil || info.Size() > 2<<20 {
				continue
			}
			if models[file], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(models) < 2 {
		t.Fatal("the samples are missing")
	}
	return models
}

// TestTruncated cuts real models at every fiftieth of their length. Hardly any cut falls between two fields of the file itself, and
// there an opset or the graph is missing.
func TestTruncated(t *testing.T) {
	o := options(t)
	for file, data := range realModels(t) {
		for part := range 50 {
			cut := data[:len(data)*part/50]
			bounded(t, file, maxAllocated, func() {
				at, err := attempt(cut, o, nil)
				if err == nil {
					t.Errorf("%s: %d of %d bytes were served", file, len(cut), len(data))
				} else if at != load || len(err.Error()) > 1000 {
					t.Errorf("%s: %d of %d bytes: %s: %v", file, len(cut), len(data), at, err)
				}
			})
		}
	}
}

// TestRandom reads noise.
func TestRandom(t *testing.T) {
	o := options(t)
	random := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		data := make([]byte, 1+random.IntN(4096))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		bounded(t, "noise", maxAllocated, func() {
			if _, err := attempt(data, o, nil); err == nil || !strings.Contains(err.Error(), "onnx: ") {
				t.Errorf("noise: %v", err)
			}
		})
	}
	if _, err := attempt(nil, o, nil); err == nil || !strings.Contains(err.Error(), "no graph") {
		t.Errorf("empty file: %v", err)
	}
}

// TestFlippedBits damages the model of every operator case. It may be served, with other numbers, or refused; nothing else.
func TestFlippedBits(t *testing.T) {
	cases, err := devicetest.Cases()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	random := rand.New(rand.NewPCG(2, 2))
	count := make(map[stage]int)
	for i := range cases {
		c := &cases[i]
		for range 4 {
			data := append([]byte{}, c.Model...)
			at, bit := random.IntN(len(data)), random.IntN(8)
			data[at] ^= 1 << bit
			bounded(t, c.Name, maxAllocated, func() {
				reached, _ := attempt(data, o, nil)
				count[reached]++
			})
		}
	}
	t.Logf("damaged models ended at %v", count)
}

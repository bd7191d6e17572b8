package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/inferd/inferd/daemon/tensor"
)

// sharedModels is where the reference models lie, beside the checkout.
const sharedModels = "../../../shared/models"

// TestReferenceModels serves every reference model, sends two different rows alone and then together with others, and
// expects the same bits in any company.
func TestReferenceModels(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sharedModels, "*", "model.onnx"))
	if err != nil || len(files) == 0 {
		t.Skipf("%s holds no models: the reference models were not served", sharedModels)
	}
	root := t.TempDir()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		writeModel(t, root, filepath.Join(filepath.Base(filepath.Dir(file)), "1", "model.onnx"), data)
	}
	e := newEngine(t, root, nil)
	for _, v := range e.Versions("") {
		t.Run(v.Name(), func(t *testing.T) {
			shapes := v.guessShapes(8)
			first, second := answer(t, e, v, shapes, 1), answer(t, e, v, shapes, 2)
			if len(first) == 0 || len(second) == 0 {
				t.Fatal("no outputs")
			}
			var group sync.WaitGroup
			start := time.Now()
			for worker := range 6 {
				group.Go(func() {
					// Until there was company: programs for batches are made while requests run singly.
					for n := 0; n < 3 || n < 300 && !batched(v) && time.Since(start) < time.Second; n++ {
						want, seed := first, 1
						if worker%2 == 1 {
							want, seed = second, 2
						}
						for i, got := range answer(t, e, v, shapes, seed) {
							if !bytes.Equal(got, want[i]) {
								t.Errorf("output %d has other bits in company", i)
							}
						}
					}
				})
			}
			group.Wait()
			t.Logf("batchable %v %s, %+v", v.Batching().Batchable, v.Batching().Reason, v.Statistics().Batches)
		})
	}
}

// batched reports whether requests ran together.
func batched(v *Version) bool {
	batches := v.Statistics().Batches
	return len(batches) > 0 && batches[len(batches)-1].Rows > 1
}

// answer sends a request whose elements depend on the seed, and returns copies of the outputs.
func answer(t *testing.T, e *Engine, v *Version, shapes [][]int64, seed int) [][]byte {
	r, err := e.Acquire([]byte(v.Name()), 0)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer r.Release()
	for i, info := range v.Inputs() {
		if info.DType == tensor.String {
			// Empty strings, which StringInput leaves.
			if _, _, err := r.StringInput([]byte(info.Name), shapes[i], 0); err != nil {
				t.Error(err)
				return nil
			}
			continue
		}
		staging, err := r.Input([]byte(info.Name), info.DType, shapes[i])
		if err != nil {
			t.Error(err)
			return nil
		}
		clear(staging)
		fillInput(staging, info.DType, seed+i)
	}
	err = r.Infer(nil)
	if v.Name() == "tabular_mixed" {
		// The empty string is none of its categories.
		if KindOf(err) != InvalidArgument {
			t.Errorf("an unknown category: %v", err)
		}
		return [][]byte{{}}
	}
	if err != nil {
		t.Error(err)
		return nil
	}
	var outputs [][]byte
	for i := range r.Outputs() {
		outputs = append(outputs, bytes.Clone(r.Output(i).Data))
	}
	return outputs
}

// fillInput writes small numbers that every model takes: indices stay in range.
func fillInput(staging []byte, dtype tensor.DType, seed int) {
	view := &tensor.Tensor{DType: dtype, Shape: []int64{int64(len(staging)) / dtype.Size()}, Data: staging}
	switch dtype {
	case tensor.Float32:
		for i := range tensor.Slice[float32](view) {
			tensor.Slice[float32](view)[i] = float32((i*7+seed*13)%29)/29 - 0.3
		}
	case tensor.Int64:
		for i := range tensor.Slice[int64](view) {
			tensor.Slice[int64](view)[i] = int64((i + seed) % 2)
		}
	}
}

package devicetest

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/onnx"
	"github.com/inferd/inferd/daemon/compiler/optimize"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// ModelFolders lists case folders: the repository's own samples, and reference models where they lie beside the repository.
func ModelFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	for _, pattern := range []string{"../../../bench/samples/*/1", "../../../../shared/models/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Logf("no models in %s", pattern)
		}
		folders = append(folders, found...)
	}
	return folders
}

// ModelName is the name of a model in its case folder.
func ModelName(folder string) string { return filepath.Base(strings.TrimSuffix(folder, "/1")) }

// leastFloat16 is the least normal number of type Float16.
const leastFloat16 = 0x1p-14

// CheckOutputs runs a model on its first stored inputs. An element of an output may be off by the tolerance times the output's largest element; integers and
// strings are exact.
func CheckOutputs(t *testing.T, folder string, options compiler.Options, tolerance float64) {
	t.Helper()
	m := loadModel(t, folder, options)
	defer m.Close()
	set := filepath.Join(folder, "test_data_set_0")
	want := readTensors(t, set, "output", len(m.OutputNames()))
	for i, got := range runModel(t, m, readTensors(t, set, "input", len(m.Inputs()))) {
		limit := compare.Tolerance{}
		if got.DType == tensor.Float32 {
			largest := 0.0
			for _, x := range tensor.Slice[float32](want[i]) {
				largest = max(largest, math.Abs(float64(x)))
			}
			if largest < leastFloat16 && options.Precision == optimize.Float16 {
				t.Skipf("no element of output %q is as large as the least normal float16: %g", m.OutputNames()[i], largest)
			}
			limit.Absolute = tolerance * largest
		}
		if err := compare.Tensors(got, want[i], limit); err != nil {
			t.Errorf("output %q: %v", m.OutputNames()[i], err)
		}
	}
}

func loadModel(t *testing.T, folder string, options compiler.Options) *compiler.Model {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := compiler.Load(data, options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readTensors(t *testing.T, folder, prefix string, count int) []*tensor.Tensor {
	t.Helper()
	list := make([]*tensor.Tensor, count)
	for i := range list {
		data, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("%s_%d.pb", prefix, i)))
		if err != nil {
			t.Fatal(err)
		}
		if list[i], _, err = onnx.ParseTensor(data); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// CheckRows proves on a whole model that a request's bits do not depend on its company: the rows of a batch are the same, bit for bit, as each row alone,
// and different rows have different answers.
func CheckRows(t *testing.T, folder string, options compiler.Options) {
	t.Helper()
	m := loadModel(t, folder, options)
	defer m.Close()
	if b := m.Batching(); !b.Batchable {
		t.Fatalf("not batchable: %s", b.Reason)
	}
	batch := batchOf(t, filepath.Join(folder, "test_data_set_0"), len(m.Inputs()), 3)
	together := runModel(t, m, batch)
	var previous []*tensor.Tensor
	for row := range int64(3) {
		alone := runModel(t, m, rowsOf(batch, row))
		for i, t3 := range rowsOf(together, row) {
			if !bytes.Equal(t3.Data, alone[i].Data) {
				t.Errorf("output %q: row %d of a batch differs from the row alone", m.OutputNames()[i], row)
			}
		}
		if last := len(alone) - 1; previous != nil && bytes.Equal(previous[last].Data, alone[last].Data) {
			t.Errorf("rows %d and %d have different inputs and the same outputs", row-1, row)
		}
		previous = alone
	}
}

// batchOf makes a batch whose rows are drawn from the stored inputs, each row different.
func batchOf(t *testing.T, folder string, inputs, rows int) []*tensor.Tensor {
	t.Helper()
	random := rand.New(rand.NewPCG(3, 5))
	list := make([]*tensor.Tensor, inputs)
	for i, stored := range readTensors(t, folder, "input", inputs) {
		shape := append([]int64{int64(rows)}, stored.Shape[1:]...)
		list[i] = tensor.New(stored.DType, shape...)
		switch count := int(list[i].Elements()); stored.DType {
		case tensor.Float32:
			for k := range count {
				from := tensor.Slice[float32](stored)
				tensor.Slice[float32](list[i])[k] = from[random.IntN(len(from))] + float32(random.NormFloat64())*0.1
			}
		case tensor.Int64:
			for k := range count {
				from := tensor.Slice[int64](stored)
				tensor.Slice[int64](list[i])[k] = from[random.IntN(len(from))]
			}
		case tensor.String:
			for k := range count {
				list[i].Strings[k] = stored.Strings[random.IntN(len(stored.Strings))]
			}
		default:
			t.Fatalf("no inputs of type %v", stored.DType)
		}
	}
	return list
}

// rowsOf returns one row of each tensor, as a batch of one.
func rowsOf(batch []*tensor.Tensor, row int64) []*tensor.Tensor {
	list := make([]*tensor.Tensor, len(batch))
	for i, b := range batch {
		shape := append([]int64{1}, b.Shape[1:]...)
		rows := b.Shape[0]
		list[i] = &tensor.Tensor{DType: b.DType, Shape: shape}
		if b.DType == tensor.String {
			size := int64(len(b.Strings)) / rows
			list[i].Strings = b.Strings[row*size : (row+1)*size]
			continue
		}
		size := int64(len(b.Data)) / rows
		list[i].Data = append([]byte(nil), b.Data[row*size:(row+1)*size]...)
	}
	return list
}

func runModel(t *testing.T, m *compiler.Model, inputs []*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	shapes := make([][]int64, len(inputs))
	for i, in := range inputs {
		shapes[i] = in.Shape
	}
	p, err := m.Specialize(shapes)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r, err := compiler.NewRunner(p)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	outputs, err := r.Run(inputs)
	if err != nil {
		t.Fatal(err)
	}
	return outputs
}

package hostile

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/daemon/tensor"
)

// requestModels are what the requests go to.
func (f *folder) requestModels() {
	f.write("good/1/model.onnx", adder(2))
	f.write("pair/1/model.onnx", model(input("a", "batch", "n"), input("b", "batch", "n"), output("y"), node("Add", list{"a", "b"}, list{"y"})))
	f.write("outer/1/model.onnx", model(input("x", "n"), input("z", "m"), output("y"), constant("axes", integers(1)),
		node("Unsqueeze", list{"x", "axes"}, list{"u"}), node("Mul", list{"u", "z"}, list{"p"}), node("ReduceSum", list{"p", "axes"}, list{"y"})))
	f.write("table/1/model.onnx", model(indices("x", "batch"), output("y"), constant("w", floats(100, 4)), node("Gather", list{"w", "x"}, list{"y"})))
	f.write("text/1/model.onnx", model(declared(11, "x", tensor.String, "batch", 1), output("y"),
		in("ai.onnx.ml", node("LabelEncoder", list{"x"}, list{"y"}, attribute("keys_strings", []string{"a"}), attribute("values_int64s", ints(1))))))
	f.write("grow/1/model.onnx", model(indices("x", 2), input("z", 1), output("y"), node("ConstantOfShape", list{"x"}, list{"c"}), node("Add", list{"c", "z"}, list{"y"})))
	f.write("words/1/model.onnx", model(indices("x", "batch"), output("y"),
		in("ai.onnx.ml", node("LabelEncoder", list{"x"}, list{"y"}, attribute("default_string", strings.Repeat("w", 1<<20)),
			attribute("keys_int64s", ints(1)), attribute("values_strings", []string{"one"})))))
}

// TestHostileRequests sends what makes no sense. Each is refused with its reason, costs bounded memory and leaves the model serving.
func TestHostileRequests(t *testing.T) {
	f := newFolder(t, func(o *engine.Options) { o.StagingBytes = 256 << 20 })
	f.requestModels()
	_ = f.Start() // "grow" is refused: its shape depends on data
	if reason := f.reason("grow"); !strings.Contains(reason, "depends on data") {
		t.Errorf("grow: %q", reason)
	}
	type sent struct {
		name  string
		dtype tensor.DType
		shape []int64
	}
	one := func(name string, dtype tensor.DType, shape ...int64) []sent { return []sent{{name, dtype, shape}} }
	pair := func(a, b []int64) []sent { return []sent{{"a", tensor.Float32, a}, {"b", tensor.Float32, b}} }
	for _, c := range []struct {
		model  string
		inputs []sent
		text   string
	}{
		{"good", nil, `input "x" is missing`},
		{"good", one("X", tensor.Float32, 1, 4), `no input "X"`},
		{"good", one(strings.Repeat("x", 1<<20), tensor.Float32, 1, 4), "no input"},
		{"good", one("x\x00", tensor.Float32, 1, 4), `no input "x\x00"`},
		{"good", append(one("x", tensor.Float32, 1, 4), one("x", tensor.Float32, 1, 4)...), "given twice"},
		{"good", one("x", tensor.Int64, 1, 4), "of type int64"},
		{"good", one("x", tensor.String, 1, 4), "of type string"},
		{"good", one("x", tensor.DType(99), 1, 4), "of type"},
		{"good", one("x", tensor.Float32), "wants 2 dimensions"},
		{"good", one("x", tensor.Float32, make([]int64, 1000)...), "wants 2 dimensions"},
		{"good", one("x", tensor.Float32, 1, 5), "[1 5]"},
		{"good", one("x", tensor.Float32, 0, 4), "batch dimension is 0"},
		{"good", one("x", tensor.Float32, -1, 4), "negative"},
		{"good", one("x", tensor.Float32, math.MinInt64, 4), "negative"},
		{"good", one("x", tensor.Float32, 1<<62, 4), "64 bits"},
		{"good", one("x", tensor.Float32, 1<<50, 4), "more than 67108864 bytes"},
		{"pair", pair([]int64{2, 3}, []int64{3, 3}), "dimension 0 is 3, but 2"},
		{"pair", pair([]int64{2, 3}, []int64{2, 4}), "dimension 1 is 4, but 3"},
		{"pair", pair([]int64{1 << 62, 0}, []int64{1 << 62, 0}), "too many rows"},
		{"pair", pair([]int64{1 << 32, 0}, []int64{1 << 32, 0}), "too many rows"},
		{"outer", []sent{{"x", tensor.Float32, []int64{1 << 20}}, {"z", tensor.Float32, []int64{1 << 20}}}, "bytes"},
		{"outer", []sent{{"x", tensor.Float32, []int64{1 << 14}}, {"z", tensor.Float32, []int64{1 << 14}}}, "bytes"},
		{"text", one("x", tensor.Float32, 1, 1), "of type float32"},
		{"words", one("x", tensor.Int64, 1<<12), "bytes"},
	} {
		inTime(t, c.model, maxAllocated, func() {
			err := f.send(c.model, func(r *engine.Request) error {
				for _, x := range c.inputs {
					staging, err := r.Input([]byte(x.name), x.dtype, x.shape)
					if err != nil {
						return err
					}
					clear(staging)
				}
				return r.Infer(nil)
			})
			if engine.KindOf(err) != engine.InvalidArgument || !strings.Contains(err.Error(), c.text) || len(err.Error()) > 20000 {
				t.Errorf("%s: kind %v: %.300v, want %q", c.model, engine.KindOf(err), err, c.text)
			}
		})
		f.serves("good", 3)
	}
	for _, size := range []int64{-1, math.MinInt64, math.MaxInt64, 1 << 40} {
		err := f.send("text", func(r *engine.Request) error {
			_, _, err := r.StringInput([]byte("x"), []int64{1, 1}, size)
			return err
		})
		if engine.KindOf(err) != engine.InvalidArgument || !strings.Contains(err.Error(), "bytes") {
			t.Errorf("a text of %d bytes: %v", size, err)
		}
	}
	if inUse, _ := f.StagingBytes(); inUse != 0 {
		t.Errorf("%d bytes of staging are still in use", inUse)
	}
}

// send acquires the model for a request and releases it.
func (f *folder) send(name string, request func(r *engine.Request) error) error {
	r, err := f.Acquire([]byte(name), 0)
	if err != nil {
		return err
	}
	defer r.Release()
	return request(r)
}

// TestBadIndexInCompany sends good and bad indices at once, so that they meet in batches: each has its own answer.
func TestBadIndexInCompany(t *testing.T) {
	f := newFolder(t, nil)
	f.requestModels()
	_ = f.Start()
	lookup := func(index int64) error {
		return f.send("table", func(r *engine.Request) error {
			staging, err := r.Input([]byte("x"), tensor.Int64, []int64{1})
			if err != nil {
				return err
			}
			binary.LittleEndian.PutUint64(staging, uint64(index))
			return r.Infer(nil)
		})
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for n := range 300 {
				index := int64(n % 100)
				if worker == 0 {
					index = []int64{100, -101, 1 << 40, math.MaxInt64, math.MinInt64}[n%5]
				}
				err := lookup(index)
				var data *program.DataError
				if worker > 0 && err != nil || worker == 0 && (engine.KindOf(err) != engine.InvalidArgument || !errors.As(err, &data)) {
					t.Errorf("index %d: %v", index, err)
				}
			}
		})
	}
	group.Wait()
}

package op_test

import (
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

func weight(shape ...int64) *graph.Value {
	return graph.NewConstant("w", tensor.New(tensor.Float32, shape...))
}

func axis(a int64) attrs { return attrs{"axis": a} }

func perm(p ...int64) attrs { return attrs{"perm": p} }

// integers makes a constant of uint8.
func integers(shape ...int64) *graph.Value {
	return graph.NewConstant("integers", tensor.New(tensor.Uint8, shape...))
}

// batchCases build an output from x float32[shape]; want is part of the reason why rows may not be batched, empty where they may.
var batchCases = map[string]struct {
	shape string
	build func(b *builder, x *graph.Value) *graph.Value
	want  string
}{
	"elementwise": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Add", nil, b.node("Relu", nil, x), weight(8))
	}, ""},
	"rows and rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Add", nil, x, b.float("batch,1")) }, ""},
	"crossed":       {"batch,1", func(b *builder, x *graph.Value) *graph.Value { return b.node("Add", nil, x, b.float("batch")) }, "along axis"},
	"softmax":       {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Softmax", axis(-1), x) }, ""},
	"softmax rows":  {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Softmax", axis(0), x) }, "along the batch axis 0"},
	"reduce":        {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("ReduceMean", nil, x, list(1)) }, ""},
	"reduce rows":   {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("ReduceMean", nil, x, list(0)) }, "reduces the batch axis"},
	"reduce all":    {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("ReduceSum", nil, x) }, "reduces the batch axis"},
	"argmax rows":   {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("ArgMax", axis(0), x) }, "reduces the batch axis"},
	"matmul":        {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("MatMul", nil, x, weight(8, 4)) }, ""},
	"matmul sums": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("MatMul", nil, weight(3, 8), b.node("Transpose", nil, x))
	}, "its rows are not the requests' rows"},
	"gram matrix": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("MatMul", nil, x, b.node("Transpose", nil, x))
	}, "axis 0 of A and axis 1 of B"},
	"sum over rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("MatMul", nil, b.node("Transpose", nil, x), x)
	}, "sums along the batch axis"},
	"attention": {"batch,s,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("MatMul", nil, x, b.node("Transpose", perm(0, 2, 1), x))
	}, ""},
	"gemm": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Gemm", nil, x, weight(8, 4), weight(4)) }, ""},
	"gemm with rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Gemm", nil, x, weight(8, 4), b.float("batch,4"))
	}, ""},
	"merged": {"batch,s,8", func(b *builder, x *graph.Value) *graph.Value {
		flat := b.node("Softmax", axis(-1), b.node("Reshape", nil, x, list(-1, 8)))
		return b.node("Reshape", nil, flat, content("batch,s,8"))
	}, ""},
	"merged softmax": {"batch,s,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Reshape", nil, b.node("Softmax", axis(0), b.node("Reshape", nil, x, list(-1, 8))), content("batch,s,8"))
	}, "along the batch axis 0"},
	"batch inside": {"batch,s,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Reshape", nil, b.node("Transpose", perm(1, 0, 2), x), content("s*batch,8"))
	}, "no axis of the result"},
	"there and back": {"batch,s,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Transpose", perm(1, 0, 2), b.node("Transpose", perm(1, 0, 2), x))
	}, ""},
	"transposed": {"batch,s", func(b *builder, x *graph.Value) *graph.Value { return b.node("Transpose", nil, x) }, "its rows are not the requests' rows"},
	"mixed rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Reshape", nil, x, list(8, -1)) }, "no axis of the result"},
	"slice": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Slice", nil, x, list(0), list(4), list(1))
	}, ""},
	"slice rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Slice", nil, x, list(0), list(4), list(0))
	}, "cuts the batch axis"},
	"slice by batch": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Slice", nil, x, content("batch"), b.node("Add", nil, content("batch"), list(1)), list(1))
	}, "depends on the size of the batch"},
	"whole slice": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Slice", nil, x, list(0), list(1<<63-1), list(0))
	}, ""},
	"reversed": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Slice", nil, x, list(-1), list(-1<<63), list(0), list(-1))
	}, "cuts the batch axis"},
	"concat":      {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Concat", axis(1), x, x) }, ""},
	"concat rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Concat", axis(0), x, x) }, "joins along the batch axis"},
	"class token": {"batch,4,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Concat", axis(1), b.node("Expand", nil, weight(1, 1, 8), content("batch,1,1")), x)
	}, ""},
	"expand rows":    {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Expand", nil, x, content("batch,8")) }, ""},
	"stacked copies": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Tile", nil, x, list(2, 1)) }, "repeats the batch axis"},
	"embedding": {"batch", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Gather", nil, weight(9, 4), b.node("Cast", attrs{"to": int64(7)}, x))
	}, ""},
	"gather columns": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Gather", axis(1), x, list(0, 3)) }, ""},
	"gather rows":    {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Gather", axis(0), x, list(0)) }, "gathers along the batch axis"},
	"positions": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		row := b.node("Cast", attrs{"to": int64(1)}, b.node("Range", nil, scalar(0), content("batch"), scalar(1)))
		return b.node("Add", nil, x, b.node("Unsqueeze", nil, row, list(1)))
	}, "depends on the size of the batch"},
	"mean over batch size": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Div", nil, x, b.node("Cast", attrs{"to": int64(1)}, content("batch")))
	}, "depends on the size of the batch"},
	"divided by length": {"batch,s", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Div", nil, x, b.node("Cast", attrs{"to": int64(1)}, content("s")))
	}, ""},
	"conv": {"batch,3,8,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Conv", nil, x, weight(4, 3, 3, 3)) }, ""},
	"flat conv": {"batch,3,8,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("Flatten", axis(1), b.node("Conv", nil, x, weight(4, 3, 3, 3)))
	}, ""},
	"norm rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("LayerNormalization", axis(0), x, weight(1, 8))
	}, "along the batch axis"},
	"cumulative": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("CumSum", nil, x, scalar(0)) }, "sums along the batch axis"},
	"pad rows":   {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Pad", nil, x, list(1, 0, 0, 0)) }, "pads the batch axis"},
	"one vector": {"batch", func(b *builder, x *graph.Value) *graph.Value { return b.node("ai.onnx.ml:Normalizer", nil, x) }, "no matrix of rows"},
	"lstm": {"batch,s,4", func(b *builder, x *graph.Value) *graph.Value {
		y := b.node("LSTM", nil, b.node("Transpose", perm(1, 0, 2), x), weight(1, 8, 4), weight(1, 8, 2))
		return b.node("Transpose", perm(2, 0, 1, 3), y)
	}, ""},
	"lstm over rows": {"batch,s,4", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("LSTM", nil, x, weight(1, 8, 4), weight(1, 8, 2))
	}, "has its batch along axis 0, want 1"},
	"fused": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("inferd:LayerNormalization", nil, b.node("inferd:Linear", nil, x, weight(8, 8), nil, x), x, weight(8))
	}, ""},
	"quantised": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		q := b.node("QuantizeLinear", nil, x, weight(8))
		product := b.node("MatMulInteger", nil, q, integers(8, 4), integers(), integers(4))
		return b.node("DequantizeLinear", nil, product, weight())
	}, ""},
	"quantised rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QuantizeLinear", axis(0), x, b.float("batch"))
	}, "input 1"},
	"quantised by all": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		n, err := b.add("DynamicQuantizeLinear", 3, nil, x)
		if err != nil {
			b.t.Fatal(err)
		}
		return n.Outputs[0]
	}, "its scale comes from all rows"},
	"quantised layers": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		q := b.node("QuantizeLinear", nil, x, weight())
		return b.node("inferd:QuantizedLinear", nil, q, integers(8, 8), weight(), nil, weight(), nil, nil, x)
	}, ""},
	"constant output": {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Relu", nil, weight(3)) }, "its rows are not the requests' rows"},
	"shape output":    {"batch,8", func(b *builder, x *graph.Value) *graph.Value { return b.node("Shape", nil, x) }, "its rows are not the requests' rows"},
	"two batches":     {"batch,batch", func(b *builder, x *graph.Value) *graph.Value { return x }, "axis 1"},
	"other symbol":    {"n,8", func(b *builder, x *graph.Value) *graph.Value { return x }, "is not batch"},
}

// TestBatchProof builds graphs over x float32[batch, ...] and asks whether rows may be batched; want is part of the reason why not.
func TestBatchProof(t *testing.T) {
	for name, test := range batchCases {
		checkBatchProof(t, name, test.shape, test.build, test.want)
	}
}

// checkBatchProof wants the proof to fail for the reason, or to hold where that is empty.
func checkBatchProof(t *testing.T, name, shape string, build func(b *builder, x *graph.Value) *graph.Value, want string) {
	b := newBuilder(t)
	y := build(b, b.float(shape))
	b.g.Outputs, b.g.OutputNames = []*graph.Value{y}, []string{"y"}
	err := op.BatchProof(b.g, "batch")
	if want == "" && err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: got %v, want ...%s...", name, err, want)
	}
}

// TestTable checks that every operator is described completely.
func TestTable(t *testing.T) {
	kinds := map[string]bool{"int": true, "float": true, "text": true, "ints": true, "floats": true, "texts": true, "tensor": true, "chain": true}
	operators := op.Operators()
	if len(operators) < 120 {
		t.Errorf("%d operators", len(operators))
	}
	seen := make(map[string]bool)
	for _, o := range operators {
		name := o.Domain + "." + o.Name
		if o.Infer == nil || o.Batch == nil {
			t.Errorf("%s has no Infer or no Batch", name)
		}
		if o.MinVersion > o.MaxVersion || o.MinInputs > o.MaxInputs && o.MaxInputs != op.Variadic || o.MinOutputs < 1 || seen[name] {
			t.Errorf("%s: %+v", name, o)
		}
		seen[name] = true
		for _, attribute := range strings.Fields(o.Attributes) {
			if _, kind, _ := strings.Cut(attribute, ":"); !kinds[kind] {
				t.Errorf("%s: attribute %s has no kind", name, attribute)
			}
		}
		if found, ok := op.Lookup(o.Domain, o.Name); !ok || found.Name != o.Name {
			t.Errorf("%s is not found", name)
		}
	}
}

func TestCost(t *testing.T) {
	b := newBuilder(t)
	for _, test := range []struct {
		v    *graph.Value
		want op.Cost
	}{
		{b.node("MatMul", nil, b.float("2,3,8"), b.float("8,4")), op.Cost{FLOP: 2 * 2 * 3 * 8 * 4, Bytes: 4 * (48 + 32 + 24)}},
		{b.node("Gemm", attrs{"transA": int64(1)}, b.float("8,3"), b.float("8,4")), op.Cost{FLOP: 2 * 3 * 8 * 4, Bytes: 4 * (24 + 32 + 12)}},
		{b.node("Conv", attrs{"group": int64(2)}, b.float("1,4,5,5"), b.float("6,2,3,3")), op.Cost{FLOP: 2 * 6 * 9 * 18, Bytes: 4 * (100 + 108 + 54)}},
		{b.node("inferd:Attention", attrs{"heads": int64(2), "packed": int64(1)}, b.float("1,5,24")), op.Cost{FLOP: 5 * 5 * (32 + 16), Bytes: 4 * (120 + 40)}},
		{b.node("Relu", nil, b.float("7")), op.Cost{FLOP: 7, Bytes: 56}},
		{b.node("Relu", nil, b.float("batch,7")), op.Cost{FLOP: 7, Bytes: 56}},
	} {
		if got := op.CostOf(test.v.Producer); got != test.want {
			t.Errorf("%v: got %+v, want %+v", test.v.Producer, got, test.want)
		}
	}
}

package op_test

import (
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// typed makes inputs such as "uint8 n,8", of unknown rank where the shape is "?", absent where the text is "-".
func typed(b *builder, texts ...string) []*graph.Value {
	names := map[string]tensor.DType{"uint8": tensor.Uint8, "int8": tensor.Int8, "uint16": tensor.Uint16, "int32": tensor.Int32, "int64": tensor.Int64,
		"float32": tensor.Float32, "float16": tensor.Float16, "float64": tensor.Float64}
	var inputs []*graph.Value
	for _, text := range texts {
		if text == "-" {
			inputs = append(inputs, nil)
			continue
		}
		name, shape, _ := strings.Cut(text, " ")
		dtype, ok := names[name]
		if !ok {
			b.t.Fatalf("no type %q", name)
		}
		inputs = append(inputs, b.input(dtype, shape))
	}
	return inputs
}

// fold makes a list of inputs from one text, separated by "; ".
func fold(text string) []string { return strings.Split(text, "; ") }

// TestInferQuantized compares types and shapes of results.
func TestInferQuantized(t *testing.T) {
	for name, test := range map[string]struct {
		op         string
		attributes attrs
		inputs     string
		want       string
	}{
		"quantize":          {"QuantizeLinear", nil, "float32 n,8; float32", "uint8[n,8]"},
		"quantize to int8":  {"QuantizeLinear", nil, "float32 n,8; float32; int8", "int8[n,8]"},
		"quantize type":     {"QuantizeLinear", attrs{"output_dtype": int64(tensor.Uint16)}, "float16 n,8; float16", "uint16[n,8]"},
		"quantize axis":     {"QuantizeLinear", axis(-3), "float32 n,4,h,w; float32 4; uint8 4", "uint8[n,4,h,w]"},
		"quantize one":      {"QuantizeLinear", axis(7), "float32 n; float32 1; uint8", "uint8[n]"},
		"quantize blocks":   {"QuantizeLinear", attrs{"block_size": int64(3)}, "float32 2,8; float32 2,3", "uint8[2,8]"},
		"quantize unranked": {"QuantizeLinear", nil, "float32 ?; float32 4", "uint8[?]"},
		"dequantize":        {"DequantizeLinear", nil, "int32 n,8; float32 8", "float32[n,8]"},
		"dequantize type":   {"DequantizeLinear", attrs{"output_dtype": int64(tensor.Float16)}, "uint8 n,8; float32; uint8", "float16[n,8]"},
		"sums":              {"MatMulInteger", nil, "uint8 b,m,8; int8 8,n; uint8; int8 n", "int32[b,m,n]"},
		"sums of rows":      {"MatMulInteger", nil, "int8 2,m,8; int8 2,8,n; int8 2,m,1; int8 2,1,n", "int32[2,m,n]"},
		"sums of a vector":  {"MatMulInteger", nil, "uint8 8; int8 8,n; -; int8 1", "int32[n]"},
		"product":           {"QLinearMatMul", nil, "uint8 m,8; float32 m; uint8 m; int8 8,n; float32 n; int8 n; float32; int8", "int8[m,n]"},
		"convolution sums":  {"ConvInteger", attrs{"pads": ints(1, 1, 1, 1)}, "uint8 n,3,h,w; int8 8,3,3,3; uint8; int8 8", "int32[n,8,h,w]"},
		"convolution": {"QLinearConv", attrs{"strides": ints(2, 2), "group": int64(2)},
			"uint8 n,4,9,9; float32; uint8; int8 8,2,3,3; float32 8; int8 8; float32; int8; int32 8", "int8[n,8,4,4]"},
	} {
		b := newBuilder(t)
		if got := describe(b.node(test.op, test.attributes, typed(b, fold(test.inputs)...)...)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	b := newBuilder(t)
	n, err := b.add("DynamicQuantizeLinear", 3, nil, b.float("n,8"))
	if err != nil {
		t.Fatal(err)
	}
	if got := describe(n.Outputs[0]) + describe(n.Outputs[1]) + describe(n.Outputs[2]); got != "uint8[n,8]float32[]uint8[]" {
		t.Errorf("dynamic: got %s", got)
	}
}

// TestInferQuantizedErrors wants errors that name the input or attribute at fault.
func TestInferQuantizedErrors(t *testing.T) {
	const conv = "uint8 n,4,9,9; float32; uint8; int8 8,4,3,3; float32; int8; float32; uint8"
	for name, test := range map[string]struct {
		op         string
		attributes attrs
		inputs     string
		want       string
	}{
		"type":              {"QuantizeLinear", nil, "float64 n,8; float32", `input 0 ("in0") has element type float64`},
		"scale type":        {"QuantizeLinear", nil, "float32 n,8; int32", `input 1 ("in1") has element type int32`},
		"zero type":         {"QuantizeLinear", nil, "float32 n,8; float32; int32", `input 2 ("in2") has element type int32`},
		"types":             {"DequantizeLinear", nil, "uint8 n,8; float32; int8", `input 0 ("in0") is uint8, input 2 ("in2") is int8`},
		"int4":              {"QuantizeLinear", attrs{"output_dtype": int64(22)}, "float32 n,8; float32", "attribute output_dtype: element type 22 (int4) is not supported"},
		"float output":      {"QuantizeLinear", attrs{"output_dtype": int64(1)}, "float32 n,8; float32", "attribute output_dtype is float32"},
		"integer output":    {"DequantizeLinear", attrs{"output_dtype": int64(3)}, "uint8 n,8; float32", "attribute output_dtype is int8"},
		"two outputs":       {"QuantizeLinear", attrs{"output_dtype": int64(3)}, "float32 n,8; float32; uint8", `is int8, input 2 ("in2") is uint8`},
		"precision":         {"QuantizeLinear", attrs{"precision": int64(17)}, "float32 n,8; float32", "attribute precision is 17 (float8e4m3fn)"},
		"scale count":       {"QuantizeLinear", nil, "float32 n,8; float32 7", "input 1 (in1 float32[7]) should have shape [8]"},
		"scale rank":        {"QuantizeLinear", nil, "float32 n,8; float32 1,8", "input 1 (in1 float32[1,8]) has rank 2"},
		"zero count":        {"QuantizeLinear", nil, "float32 n,8; float32 8; uint8", "input 2 (in2 uint8[]) has rank 0"},
		"axis":              {"QuantizeLinear", axis(2), "float32 n,8; float32 8", "axis 2 is out of range for rank 2"},
		"block size":        {"DequantizeLinear", attrs{"block_size": int64(-1)}, "int8 n,8; float32 n,4", "attribute block_size is -1"},
		"blocks":            {"DequantizeLinear", attrs{"block_size": int64(3)}, "int8 2,8; float32 2,2", "input 1 (in1 float32[2,2]) should have shape [2 3]"},
		"dynamic":           {"DynamicQuantizeLinear", nil, "float16 n", `input 0 ("in0") has element type float16`},
		"sums type":         {"MatMulInteger", nil, "float32 n,8; uint8 8,4", `input 0 ("in0") has element type float32`},
		"sums zero type":    {"MatMulInteger", nil, "uint8 n,8; int8 8,4; int8", `input 0 ("in0") is uint8, input 2 ("in2") is int8`},
		"sums inner":        {"MatMulInteger", nil, "uint8 n,8; int8 7,4", "do not multiply"},
		"zeros of rows":     {"MatMulInteger", nil, "uint8 3,8; int8 8,4; uint8 2", "input 2 (in2 uint8[2]) should have shape [3]"},
		"zeros of columns":  {"MatMulInteger", nil, "uint8 3,8; int8 8,4; -; int8 8,1", "input 3 (in2 int8[8,1]) should have shape [1 4]"},
		"zeros of a vector": {"MatMulInteger", nil, "uint8 8; int8 8,4; uint8 8", "input 2 (in2 uint8[8]) has more than one element for the vector"},
		"product scale":     {"QLinearMatMul", nil, "uint8 3,8; float32; uint8; int8 8,4; float32 3; int8; float32; int8", "input 4 (in4 float32[3]) should have shape [4]"},
		"product type":      {"QLinearMatMul", nil, "uint8 3,8; float32; uint8; int8 8,4; float32; uint8; float32; int8", `input 3 ("in3") is int8, input 5 ("in5") is uint8`},
		"conv zero":         {"ConvInteger", nil, "uint8 n,4,9,9; int8 8,4,3,3; uint8 4", "input 2 (in2 uint8[4]) must have one element"},
		"conv filter zeros": {"ConvInteger", nil, "uint8 n,4,9,9; int8 8,4,3,3; -; int8 4", "input 3 (in2 int8[4]) does not fit the weights"},
		"conv bias":         {"QLinearConv", nil, conv + "; int32 7", "input 8 (in8 int32[7]) does not fit the weights"},
		"conv bias type":    {"QLinearConv", nil, conv + "; float32 8", `input 8 ("in8") has element type float32`},
		"conv channels":     {"QLinearConv", attrs{"group": int64(2)}, conv, "do not fit 4 channels in 2 groups"},
	} {
		b := newBuilder(t)
		outputs := 1
		if test.op == "DynamicQuantizeLinear" {
			outputs = 3
		}
		_, err := b.add(test.op, outputs, test.attributes, typed(b, fold(test.inputs)...)...)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

// bytes makes a constant of uint8 zeros.
func bytes(shape ...int64) *graph.Value {
	return graph.NewConstant("q", tensor.New(tensor.Uint8, shape...))
}

// quantizedCases are like batchCases.
var quantizedCases = map[string]struct {
	shape string
	build func(b *builder, x *graph.Value) *graph.Value
	want  string
}{
	"tensor": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("DequantizeLinear", nil, b.node("QuantizeLinear", axis(0), x, weight(), bytes()), weight(1), bytes(1))
	}, ""},
	"channels": {"batch,8,4", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QuantizeLinear", nil, x, weight(8), bytes(8))
	}, ""},
	"channels of rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QuantizeLinear", axis(-2), x, weight(8), bytes(8))
	}, "its scales lie along the batch axis 0"},
	"blocks": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QuantizeLinear", attrs{"block_size": int64(4)}, x, weight(2, 2))
	}, "scales for each row of the batch"},
	"scale of the requests": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QuantizeLinear", nil, x, b.node("ReduceMax", attrs{"keepdims": int64(0)}, x, list(0)))
	}, "reduces the batch axis"},
	"dynamic": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		n, err := b.add("DynamicQuantizeLinear", 3, nil, x)
		if err != nil {
			b.t.Fatal(err)
		}
		return n.Outputs[0]
	}, "its scale comes from all rows"},
	"sums": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("MatMulInteger", nil, b.node("QuantizeLinear", nil, x, weight()), bytes(8, 4), bytes(), bytes(4))
	}, ""},
	"sums with zeros of rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("MatMulInteger", nil, b.node("QuantizeLinear", nil, x, weight()), bytes(8, 4), bytes(3), bytes(4))
	}, `input 2 ("q") is not one number for all rows`},
	"sums of both": {"batch,3,8", func(b *builder, x *graph.Value) *graph.Value {
		q := b.node("QuantizeLinear", nil, x, weight())
		return b.node("MatMulInteger", nil, q, b.node("Transpose", perm(0, 2, 1), q), bytes(), bytes())
	}, ""},
	"sums of both with zeros of columns": {"batch,3,8", func(b *builder, x *graph.Value) *graph.Value {
		q := b.node("QuantizeLinear", nil, x, weight())
		return b.node("MatMulInteger", nil, q, b.node("Transpose", perm(0, 2, 1), q), bytes(), bytes(3))
	}, `input 3 ("q") is not one number for all of B`},
	"product": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QLinearMatMul", nil, b.node("QuantizeLinear", nil, x, weight()), weight(), bytes(), bytes(8, 4), weight(4), bytes(4), weight(), bytes())
	}, ""},
	"product with scales of rows": {"batch,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("QLinearMatMul", nil, b.node("QuantizeLinear", nil, x, weight()), weight(), bytes(), bytes(8, 4), weight(4), bytes(4), weight(3), bytes(3))
	}, `input 6 ("w") is not one number for all rows`},
	"convolution": {"batch,3,8,8", func(b *builder, x *graph.Value) *graph.Value {
		q := b.node("QuantizeLinear", nil, x, weight())
		return b.node("QLinearConv", nil, q, weight(), bytes(), bytes(4, 3, 3, 3), weight(4), bytes(4), weight(), bytes())
	}, ""},
	"convolution sums": {"batch,3,8,8", func(b *builder, x *graph.Value) *graph.Value {
		return b.node("ConvInteger", nil, b.node("QuantizeLinear", nil, x, weight()), bytes(4, 3, 3, 3), bytes())
	}, ""},
}

func TestBatchProofQuantized(t *testing.T) {
	for name, test := range quantizedCases {
		checkBatchProof(t, name, test.shape, test.build, test.want)
	}
}

func TestCostQuantized(t *testing.T) {
	b := newBuilder(t)
	product := typed(b, fold("uint8 3,8; float32; uint8; int8 8,4; float32; int8; float32; int8")...)
	conv := typed(b, fold("uint8 1,4,5,5; float32; uint8; int8 6,2,3,3; float32; int8; float32; uint8")...)
	for _, test := range []struct {
		v    *graph.Value
		want op.Cost
	}{
		{b.node("QLinearMatMul", nil, product...), op.Cost{FLOP: 2 * 3 * 8 * 4, Bytes: 24 + 32 + 12 + 3*(4+1)}},
		{b.node("QLinearConv", attrs{"group": int64(2)}, conv...), op.Cost{FLOP: 2 * 6 * 9 * 18, Bytes: 100 + 108 + 54 + 3*(4+1)}},
		{b.node("inferd:QuantizedConv", attrs{"group": int64(2)}, typed(b, "uint8 1,5,5,4", "int8 6,2,3,3")...), op.Cost{FLOP: 2 * 6 * 9 * 18, Bytes: 100 + 108 + 4*54}},
	} {
		if got := op.CostOf(test.v.Producer); got != test.want {
			t.Errorf("%v: got %+v, want %+v", test.v.Producer, got, test.want)
		}
	}
}

package op_test

import (
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// attrs abbreviates a node's attributes.
type attrs = graph.Attributes

func ints(values ...int64) []int64 { return values }

// symbolicCases are small graphs and what is inferred of their result.
var symbolicCases = map[string]struct {
	build func(b *builder) *graph.Value
	want  string
}{
	"broadcast":         {func(b *builder) *graph.Value { return b.node("Add", nil, b.float("batch,1,8"), b.float("seq,1")) }, "float32[batch,seq,8]"},
	"broadcast known":   {func(b *builder) *graph.Value { return b.node("Mul", nil, b.float("batch,8"), b.float("n,8")) }, "float32[unknown_1,8]"},
	"broadcast to size": {func(b *builder) *graph.Value { return b.node("Mul", nil, b.float("n,8"), b.float("3,8")) }, "float32[3,8]"},
	"unranked":          {func(b *builder) *graph.Value { return b.node("Mul", nil, b.float("?"), b.float("3,8")) }, "float32[?]"},
	"compare":           {func(b *builder) *graph.Value { return b.node("Less", nil, b.float("a,1"), b.float("b")) }, "bool[a,b]"},
	"shape":             {func(b *builder) *graph.Value { return b.node("Shape", nil, b.float("batch,3,7")) }, "int64[3] = [batch 3 7]"},
	"shape part": {func(b *builder) *graph.Value {
		return b.node("Shape", attrs{"start": int64(-2), "end": int64(-1)}, b.float("batch,3,7"))
	}, "int64[1] = [3]"},
	"size": {func(b *builder) *graph.Value { return b.node("Size", nil, b.float("batch,3,seq")) }, "int64[] = [3*batch*seq]"},
	"content arithmetic": {func(b *builder) *graph.Value {
		return b.node("Sub", nil, b.node("Mul", nil, content("batch,4"), list(2)), list(1))
	}, "int64[2] = [2*batch-1 7]"},
	"content division": {func(b *builder) *graph.Value { return b.node("Div", nil, content("4*batch,7,seq"), list(2)) }, "int64[3] = [2*batch 3 floor((seq)/(2))]"},
	"content negative": {func(b *builder) *graph.Value { return b.node("Div", nil, list(-7), list(2)) }, "int64[1] = [-3]"},
	"division by zero": {func(b *builder) *graph.Value { return b.node("Div", nil, content("n"), list(0)) }, "int64[1]"},
	"content minimum":  {func(b *builder) *graph.Value { return b.node("Min", nil, content("n,n"), list(5, 0)) }, "int64[2] = [min(5,n) 0]"},
	"content modulo":   {func(b *builder) *graph.Value { return b.node("Mod", nil, content("6*n,7"), list(2)) }, "int64[2] = [0 1]"},
	"content gather":   {func(b *builder) *graph.Value { return b.node("Gather", nil, content("batch,3,seq"), scalar(-1)) }, "int64[] = [seq]"},
	"content slice": {func(b *builder) *graph.Value {
		return b.node("Slice", nil, content("a,b,c"), list(-1), list(-100), list(0), list(-2))
	}, "int64[2] = [c a]"},
	"content concat": {func(b *builder) *graph.Value {
		return b.node("Concat", attrs{"axis": int64(0)}, content("batch"), list(-1, 4))
	}, "int64[3] = [batch -1 4]"},
	"content product": {func(b *builder) *graph.Value {
		return b.node("ReduceProd", attrs{"keepdims": int64(0)}, content("batch,3"))
	}, "int64[] = [3*batch]"},
	"content cast overflow": {func(b *builder) *graph.Value { return b.node("Cast", attrs{"to": int64(6)}, list(1<<40)) }, "int32[1]"},
	"content where": {func(b *builder) *graph.Value {
		want := b.node("Concat", attrs{"axis": int64(0)}, content("batch"), list(-1))
		ones := b.node("ConstantOfShape", attrs{"value": tensor.FromSlice([]int64{1}, 1)}, list(2))
		return b.node("Where", nil, b.node("Equal", nil, want, b.node("Neg", nil, ones)), ones, want)
	}, "int64[2] = [batch 1]"},
	"where undecided": {func(b *builder) *graph.Value {
		return b.node("Where", nil, b.node("Equal", nil, content("batch"), list(3)), list(1), list(2))
	}, "int64[1]"},
	"where constant": {func(b *builder) *graph.Value {
		condition := graph.NewConstant("c", tensor.FromSlice([]bool{true, false}, 2))
		return b.node("Where", nil, condition, content("a,b"), list(7))
	}, "int64[2] = [a 7]"},
	"reshape rest": {func(b *builder) *graph.Value {
		return b.node("Reshape", nil, b.float("batch,seq,384"), content("batch,seq,12,32"))
	}, "float32[batch,seq,12,32]"},
	"reshape -1": {func(b *builder) *graph.Value {
		return b.node("Reshape", nil, b.float("batch,seq,384"), list(0, -1, 12))
	}, "float32[batch,32*seq,12]"},
	"reshape flat": {func(b *builder) *graph.Value { return b.node("Reshape", nil, b.float("batch,seq"), list(-1)) }, "float32[batch*seq]"},
	"reshape allowzero": {func(b *builder) *graph.Value {
		return b.node("Reshape", attrs{"allowzero": int64(1)}, b.float("0,5"), list(3, 0))
	}, "float32[3,0]"},
	"reshape unknown": {func(b *builder) *graph.Value {
		return b.node("Reshape", nil, b.float("batch,8"), b.input(tensor.Int64, "2"))
	}, "float32[unknown_1,unknown_2]"},
	"flatten": {func(b *builder) *graph.Value {
		return b.node("Flatten", attrs{"axis": int64(2)}, b.float("batch,3,seq,2"))
	}, "float32[3*batch,2*seq]"},
	"squeeze":         {func(b *builder) *graph.Value { return b.node("Squeeze", nil, b.float("1,batch,1"), list(0)) }, "float32[batch,1]"},
	"squeeze unknown": {func(b *builder) *graph.Value { return b.node("Squeeze", nil, b.float("1,batch,1")) }, "float32[?]"},
	"unsqueeze":       {func(b *builder) *graph.Value { return b.node("Unsqueeze", nil, b.float("batch,3"), list(0, -1)) }, "float32[1,batch,3,1]"},
	"transpose": {func(b *builder) *graph.Value {
		return b.node("Transpose", attrs{"perm": ints(2, 0, 1)}, b.float("a,b,c"))
	}, "float32[c,a,b]"},
	"transpose default": {func(b *builder) *graph.Value { return b.node("Transpose", nil, b.float("a,b,c")) }, "float32[c,b,a]"},
	"expand":            {func(b *builder) *graph.Value { return b.node("Expand", nil, b.float("1,1,192"), content("batch,1,1")) }, "float32[batch,1,192]"},
	"tile":              {func(b *builder) *graph.Value { return b.node("Tile", nil, b.float("batch,3"), content("1,seq")) }, "float32[batch,3*seq]"},
	"pad":               {func(b *builder) *graph.Value { return b.node("Pad", nil, b.float("batch,seq"), list(0, 1, 0, 2)) }, "float32[batch,seq+3]"},
	"pad axes": {func(b *builder) *graph.Value {
		return b.node("Pad", nil, b.float("batch,5"), list(1, 2), nil, list(-1))
	}, "float32[batch,8]"},
	"fill": {func(b *builder) *graph.Value { return b.node("ConstantOfShape", nil, content("4,batch")) }, "float32[4,batch]"},
	"slice of table": {func(b *builder) *graph.Value {
		return b.node("Slice", nil, b.float("1,512"), list(0), content("seq"), list(1))
	}, "float32[1,min(512,seq)]"},
	"table plus input": {func(b *builder) *graph.Value {
		return b.node("Add", nil, b.float("b,seq"), b.node("Slice", nil, b.float("1,512"), list(0), content("seq"), list(1)))
	}, "float32[b,seq]"},
	"slice to the end": {func(b *builder) *graph.Value {
		return b.node("Slice", nil, b.float("n,seq"), list(1), list(1<<63-1), list(1))
	}, "float32[n,max(0,seq-1)]"},
	"slice but the last": {func(b *builder) *graph.Value {
		return b.node("Slice", nil, b.float("n,seq"), list(0), list(-1), list(1))
	}, "float32[n,max(0,seq-1)]"},
	"slice backwards": {func(b *builder) *graph.Value {
		return b.node("Slice", nil, b.float("n,7"), list(-1), list(-1<<63), list(1), list(-2))
	}, "float32[n,4]"},
	"concat": {func(b *builder) *graph.Value {
		return b.node("Concat", attrs{"axis": int64(-1)}, b.float("batch,1"), b.float("batch,n"))
	}, "float32[batch,n+1]"},
	"gather": {func(b *builder) *graph.Value {
		return b.node("Gather", attrs{"axis": int64(1)}, b.float("7,batch,3"), b.input(tensor.Int32, "a,b"))
	}, "float32[7,a,b,3]"},
	"range":       {func(b *builder) *graph.Value { return b.node("Range", nil, scalar(0), content("n"), scalar(1)) }, "int64[n] ~ 0[1]"},
	"range step":  {func(b *builder) *graph.Value { return b.node("Range", nil, scalar(5), scalar(-1), scalar(-2)) }, "int64[3] = [5 3 1] ~ 5[-2]"},
	"range empty": {func(b *builder) *graph.Value { return b.node("Range", nil, scalar(5), scalar(0), scalar(2)) }, "int64[0] = [] ~ 5[2]"},
	"affine": {func(b *builder) *graph.Value {
		rows := b.node("Unsqueeze", nil, b.node("Range", nil, scalar(0), content("batch"), scalar(1)), list(1))
		columns := b.node("Range", nil, scalar(0), content("seq"), scalar(1))
		return b.node("Add", nil, b.node("Mul", nil, rows, content("seq")), columns)
	}, "int64[batch,seq] ~ 0[seq 1]"},
	"affine transposed": {func(b *builder) *graph.Value {
		x := b.node("Reshape", nil, b.node("Range", nil, scalar(0), content("n"), scalar(1)), content("n,1"))
		return b.node("Sub", nil, scalar(1), b.node("Transpose", nil, x))
	}, "int64[1,n] ~ 1[0 -1]"},
	"affine sliced": {func(b *builder) *graph.Value {
		return b.node("Slice", nil, b.node("Range", nil, scalar(3), scalar(99), scalar(2)), list(1), list(10), list(0), list(3))
	}, "int64[3] = [5 11 17] ~ 5[6]"},
	"matmul": {func(b *builder) *graph.Value {
		return b.node("MatMul", nil, b.float("batch,12,seq,32"), b.float("32,seq"))
	}, "float32[batch,12,seq,seq]"},
	"matmul vec": {func(b *builder) *graph.Value { return b.node("MatMul", nil, b.float("32"), b.float("batch,32,7")) }, "float32[batch,7]"},
	"gemm": {func(b *builder) *graph.Value {
		return b.node("Gemm", attrs{"transB": int64(1)}, b.float("batch,8"), b.float("4,8"), b.float("4"))
	}, "float32[batch,4]"},
	"conv": {func(b *builder) *graph.Value {
		return b.node("Conv", attrs{"strides": ints(2, 2), "pads": ints(1, 1, 1, 1)}, b.float("batch,3,224,w"), b.float("8,3,3,3"))
	}, "float32[batch,8,112,floor((w-1)/(2))+1]"},
	"conv same": {func(b *builder) *graph.Value {
		return b.node("Conv", attrs{"auto_pad": "SAME_UPPER", "strides": ints(2, 2), "group": int64(2)}, b.float("n,4,7,8"), b.float("8,2,3,3"))
	}, "float32[n,8,4,4]"},
	"pool ceil": {func(b *builder) *graph.Value {
		return b.node("MaxPool", attrs{"kernel_shape": ints(3, 3), "strides": ints(2, 2), "ceil_mode": int64(1)}, b.float("n,4,6,7"))
	}, "float32[n,4,3,3]"},
	"global pool": {func(b *builder) *graph.Value { return b.node("GlobalAveragePool", nil, b.float("n,4,h,w")) }, "float32[n,4,1,1]"},
	"reduce": {func(b *builder) *graph.Value {
		return b.node("ReduceMean", attrs{"keepdims": int64(0)}, b.float("n,4,h,w"), list(-1, -2))
	}, "float32[n,4]"},
	"reduce all": {func(b *builder) *graph.Value { return b.node("ReduceSum", nil, b.float("n,4")) }, "float32[1,1]"},
	"reduce none": {func(b *builder) *graph.Value {
		return b.node("ReduceSum", attrs{"noop_with_empty_axes": int64(1)}, b.float("n,4"), list())
	}, "float32[n,4]"},
	"argmax": {func(b *builder) *graph.Value {
		return b.node("ArgMax", attrs{"axis": int64(1), "keepdims": int64(0)}, b.float("n,4,2"))
	}, "int64[n,2]"},
	"one-hot": {func(b *builder) *graph.Value {
		return b.node("ai.onnx.ml:OneHotEncoder", attrs{"cats_strings": []string{"a", "b"}}, b.input(tensor.String, "n,1"))
	}, "float32[n,1,2]"},
	"encoder": {func(b *builder) *graph.Value {
		return b.node("ai.onnx.ml:LabelEncoder", attrs{"keys_strings": []string{"a"}, "values_floats": []float32{1}}, b.input(tensor.String, "n"))
	}, "float32[n]"},
	"fused linear": {func(b *builder) *graph.Value {
		return b.node("inferd:Linear", nil, b.float("n,s,8"), b.float("8,4"), b.float("4"), b.float("n,s,4"))
	}, "float32[n,s,4]"},
	"fused conv": {func(b *builder) *graph.Value {
		return b.node("inferd:Conv", attrs{"pads": ints(1, 1, 1, 1)}, b.float("n,5,5,3"), b.float("8,3,3,3"), nil, b.float("n,5,5,8"))
	}, "float32[n,5,5,8]"},
	"quantized convolution": {func(b *builder) *graph.Value {
		zero := b.input(tensor.Uint8, "")
		return b.node("QLinearConv", attrs{"pads": ints(1, 1, 1, 1), "strides": ints(2, 2)}, b.input(tensor.Uint8, "n,3,h,8"), b.float(""), zero,
			b.input(tensor.Int8, "6,3,3,3"), b.float("6"), b.input(tensor.Int8, "6"), b.float(""), zero, b.input(tensor.Int32, "6"))
	}, "uint8[n,6,floor((h-1)/(2))+1,4]"},
	"quantized product": {func(b *builder) *graph.Value {
		return b.node("MatMulInteger", nil, b.input(tensor.Uint8, "n,s,8"), b.input(tensor.Int8, "8,4"), b.input(tensor.Uint8, ""), b.input(tensor.Int8, "4"))
	}, "int32[n,s,4]"},
	"blocked scales": {func(b *builder) *graph.Value {
		return b.node("DequantizeLinear", attrs{"axis": int64(0), "block_size": int64(4)}, b.input(tensor.Uint8, "9,n"), b.float("3,n"))
	}, "float32[9,n]"},
	"quantized linear": {func(b *builder) *graph.Value {
		return b.node("inferd:QuantizedLinear", attrs{"transpose_b": int64(1)}, b.input(tensor.Uint8, "n,s,8"), b.input(tensor.Int8, "4,8"), b.float(""),
			b.input(tensor.Uint8, ""), b.float("4"), b.input(tensor.Int8, "4"), b.input(tensor.Int32, "4"), b.float("n,s,4"))
	}, "float32[n,s,4]"},
	"quantized sums": {func(b *builder) *graph.Value {
		return b.node("inferd:QuantizedLinear", nil, b.input(tensor.Uint8, "n,8"), b.input(tensor.Int8, "8,4"))
	}, "int32[n,4]"},
	"quantized conv": {func(b *builder) *graph.Value {
		return b.node("inferd:QuantizedConv", attrs{"kernel_shape": ints(3, 3), "pads": ints(1, 1, 1, 1), "group": int64(3)}, b.input(tensor.Uint8, "n,5,5,3"),
			b.input(tensor.Int8, "6,1,3,3"), b.float(""), nil, b.float("6"), nil, b.float("6"), nil, b.float("1"), b.input(tensor.Int8, ""))
	}, "int8[n,5,5,6]"},
	"attention": {func(b *builder) *graph.Value {
		return b.node("inferd:Attention", attrs{"heads": int64(4), "packed": int64(1)}, b.float("n,s,96"), nil, nil, b.float("n,1,s,s"))
	}, "float32[n,s,32]"},
	"chain": {func(b *builder) *graph.Value {
		chain := op.Chain{{Op: "Mul", Args: []int{0, 1}}, {Op: "Less", Args: []int{2, 0}}}
		return b.node("inferd:Elementwise", attrs{"chain": chain}, b.float("n,4"), b.float("4"))
	}, "bool[n,4]"},
}

func TestInferSymbolic(t *testing.T) {
	for name, test := range symbolicCases {
		if got := describe(test.build(newBuilder(t))); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestInferSeveralOutputs(t *testing.T) {
	b := newBuilder(t)
	for _, test := range []struct {
		node func() (*graph.Node, error)
		want string
	}{
		{func() (*graph.Node, error) { return b.add("Split", 2, nil, content("batch,3")) }, "int64[1] = [batch]; int64[1] = [3]"},
		{func() (*graph.Node, error) { return b.add("Split", 3, attrs{"num_outputs": int64(3)}, b.float("7,n")) }, "float32[3,n]; float32[3,n]; float32[1,n]"},
		{func() (*graph.Node, error) {
			return b.add("Split", 2, attrs{"axis": int64(1)}, b.float("n,8"), list(6, 2))
		}, "float32[n,6]; float32[n,2]"},
		{func() (*graph.Node, error) { return b.add("TopK", 2, nil, b.float("n,8"), list(3)) }, "float32[n,3]; int64[n,3]"},
		{func() (*graph.Node, error) {
			return b.add("MaxPool", 2, attrs{"kernel_shape": []int64{2}}, b.float("n,8,4"))
		}, "float32[n,8,3]; int64[n,8,3]"},
		{func() (*graph.Node, error) {
			return b.add("LSTM", 3, attrs{"direction": "bidirectional", "hidden_size": int64(96)}, b.float("seq,batch,64"), b.float("2,384,64"), b.float("2,384,96"))
		}, "float32[seq,2,batch,96]; float32[2,batch,96]; float32[2,batch,96]"},
		{func() (*graph.Node, error) {
			return b.add("GRU", 2, attrs{"layout": int64(1)}, b.float("batch,seq,4"), b.float("1,6,4"), b.float("1,6,2"))
		},
			"float32[batch,seq,1,2]; float32[batch,1,2]"},
		{func() (*graph.Node, error) {
			return b.add("LayerNormalization", 3, nil, b.float("n,s,8"), b.float("8"))
		}, "float32[n,s,8]; float32[n,s,1]; float32[n,s,1]"},
		{func() (*graph.Node, error) {
			return b.add("inferd:LayerNormalization", 2, nil, b.float("n,8"), nil, b.float("8"))
		}, "float32[n,8]; float32[n,8]"},
		{func() (*graph.Node, error) {
			return b.add("ai.onnx.ml:LinearClassifier", 2, attrs{"classlabels_strings": []string{"a", "b"}, "coefficients": []float32{1, 2, 3}, "intercepts": []float32{0}}, b.float("n,3"))
		}, "string[n]; float32[n,2]"},
	} {
		n, err := test.node()
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, v := range n.Outputs {
			got = append(got, describe(v))
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%v: got %s, want %s", n, strings.Join(got, "; "), test.want)
		}
	}
}

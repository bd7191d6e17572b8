package op_test

import (
	"math"
	"strings"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// errorCases are nodes that inference refuses, and a part of its reason.
var errorCases = map[string]struct {
	build func(b *builder) error
	want  string
}{
	"unknown operator":   {failing("Magic", nil, "n"), "operator not supported yet"},
	"too few inputs":     {failing("Add", nil, "n"), `node "n0" (Add): 1 inputs, want 2`},
	"too many":           {failing("Relu", nil, "n", "n"), "2 inputs, want 1"},
	"attribute kind":     {failing("Softmax", attrs{"axis": float32(1)}, "n"), `attribute "axis" is float, want int`},
	"attribute unknown":  {failing("Softmax", attrs{"axes": int64(1)}, "n"), `attribute "axes" is unknown`},
	"no broadcast":       {failing("Add", nil, "n,3", "n,4"), "axis 1 is 3 and 4"},
	"axis":               {failing("Softmax", attrs{"axis": int64(2)}, "n,3"), "axis 2 is out of range for rank 2"},
	"matmul":             {failing("MatMul", nil, "n,3", "4,2"), "do not multiply"},
	"matmul scalar":      {failing("MatMul", nil, "", "4,2"), "scalars cannot be multiplied"},
	"gemm rank":          {failing("Gemm", nil, "2,n,3", "3,2"), "has rank 3, want 2"},
	"gemm c":             {failing("Gemm", nil, "n,3", "3,2", "4"), "does not broadcast"},
	"conv channels":      {failing("Conv", nil, "n,4,8,8", "8,3,3,3"), "do not fit 4 channels in 1 groups"},
	"conv window":        {failing("Conv", nil, "n,3,2,2", "8,3,3,3"), "window spans 3 of 2"},
	"conv strides":       {failing("Conv", attrs{"strides": []int64{0, 1}}, "n,3,4,4", "8,3,3,3"), "stride 0"},
	"conv strides count": {failing("Conv", attrs{"strides": []int64{1}}, "n,3,4,4", "8,3,3,3"), "do not fit 2 spatial axes"},
	"conv pads":          {failing("Conv", attrs{"pads": []int64{1 << 62, 0, 0, 0}}, "n,3,4,4", "8,3,3,3"), "out of range"},
	"conv no axes":       {failing("Conv", nil, "n,3", "8,3"), "do not fit a convolution"},
	"concat axis":        {failing("Concat", nil, "n,3"), "attribute axis is missing"},
	"concat rank":        {failing("Concat", attrs{"axis": int64(0)}, "n,3", "n"), "another rank"},
	"concat size":        {failing("Concat", attrs{"axis": int64(0)}, "n,3", "n,4"), "axis 1: dimensions 3 and 4 differ"},
	"transpose":          {failing("Transpose", attrs{"perm": []int64{0, 0}}, "n,3"), "permutes no 2 axes"},
	"flatten":            {failing("Flatten", attrs{"axis": int64(3)}, "n,3"), "out of range"},
	"cast":               {failing("Cast", attrs{"to": int64(77)}, "n"), "element type 77 is not supported"},
	"norm":               {failing("LayerNormalization", nil, "n,8", "7"), "does not broadcast"},
	"batch norm":         {failing("BatchNormalization", nil, "n,8", "7", "8", "8", "8"), "does not fit the channels"},
	"lstm":               {failing("LSTM", attrs{"hidden_size": int64(3)}, "s,n,4", "1,8,4", "1,8,2"), "hidden_size 3 does not fit"},
	"lstm shape":         {failing("LSTM", nil, "s,n,4", "1,8,5", "1,8,2"), "should have shape [1 8 4]"},
	"overflow":           {failing("Add", nil, "9223372036854775807,1", "1,2"), "more elements than 64 bits"},
	"trees":              {failing("ai.onnx.ml:TreeEnsembleRegressor", attrs{"nodes_nodeids": []int64{1}}, "n,3"), "nodes_treeids has 0 entries"},
	"classes":            {failing("ai.onnx.ml:TreeEnsembleClassifier", nil, "n,3"), "no class labels"},
	"coefficients":       {failing("ai.onnx.ml:LinearRegressor", attrs{"coefficients": []float32{1, 2}}, "n,3"), "2 coefficients for 1 targets of 3 features"},
	"rows":               {failing("ai.onnx.ml:Normalizer", nil, "n,3,4"), "has rank 3, want 1 or 2"},
	"split negative": {func(b *builder) error {
		_, err := b.add("Split", 3, nil, content("a,b,c"), list(-1, math.MaxInt64, math.MinInt64+5))
		return err
	}, "size -1 is not between 0 and dimension 3"},
	"quantized shape": {func(b *builder) error {
		_, err := b.add("QuantizeLinear", 1, attrs{"axis": int64(1)}, b.float("n,8"), b.float("7"))
		return err
	}, "should have shape [8]"},
	"quantized type": {func(b *builder) error {
		_, err := b.add("QuantizeLinear", 1, attrs{"output_dtype": int64(21)}, b.float("n,8"), b.float(""))
		return err
	}, "attribute output_dtype: element type 21 (uint4) is not supported"},
	"quantized zero": {func(b *builder) error {
		_, err := b.add("MatMulInteger", 1, nil, b.input(tensor.Uint8, "n,8"), b.input(tensor.Int8, "8,4"), b.input(tensor.Int8, ""))
		return err
	}, "they must agree"},
	"quantized scale": {failing("inferd:QuantizedLinear", nil, "n,3", "3,4"), "has element type float32"},
	"fused residual":  {failing("inferd:Linear", nil, "n,3", "3,4", "4", "n,5"), "should have shape [n 4]"},
	"fused chain":     {failing("inferd:Elementwise", attrs{"chain": op.Chain{{Op: "Relu", Args: []int{3}}}}, "n"), "reads register 3 of 1"},
	"reshape": {func(b *builder) error {
		_, err := b.add("Reshape", 1, nil, b.float("2,3"), list(4, -1))
		return err
	}, "does not fit shape [4 -1]"},
	"reshape twice": {func(b *builder) error {
		_, err := b.add("Reshape", 1, nil, b.float("2,3"), list(-1, -1))
		return err
	}, "more than one -1"},
	"reshape zero": {func(b *builder) error {
		_, err := b.add("Reshape", 1, nil, b.float("2"), list(2, 0))
		return err
	}, "which has none"},
	"squeeze": {func(b *builder) error {
		_, err := b.add("Squeeze", 1, nil, b.float("2,3"), list(0))
		return err
	}, "axis 0 of in0 float32[2,3] is not 1"},
	"axes twice": {func(b *builder) error {
		_, err := b.add("Unsqueeze", 1, nil, b.float("2,3"), list(0, -4))
		return err
	}, "axis 0 is given twice"},
	"gather": {func(b *builder) error {
		_, err := b.add("Gather", 1, nil, b.float("2,3"), list(2))
		return err
	}, "index 2 is out of range for dimension 2"},
	"slice step": {func(b *builder) error {
		_, err := b.add("Slice", 1, nil, b.float("2"), list(0), list(1), list(0), list(0))
		return err
	}, "step 0"},
	"types": {func(b *builder) error {
		_, err := b.add("Add", 1, nil, b.float("n"), b.input(tensor.Int64, "n"))
		return err
	}, `input 0 ("in0") is float32, input 1 ("in1") is int64; they must agree`},
	"type": {func(b *builder) error {
		_, err := b.add("Sqrt", 1, nil, b.input(tensor.String, "n"))
		return err
	}, "element type string"},
	"negative fill": {func(b *builder) error {
		_, err := b.add("ConstantOfShape", 1, nil, list(3, -4))
		return err
	}, "dimension 1 is -4"},
	"range": {func(b *builder) error {
		_, err := b.add("Range", 1, nil, scalar(0), scalar(4), scalar(0))
		return err
	}, "delta is 0"},
	"missing input": {func(b *builder) error {
		_, err := b.add("Where", 1, nil, b.input(tensor.Bool, "n"), nil, b.float("n"))
		return err
	}, "input 1 is missing"},
	"outputs": {func(b *builder) error {
		_, err := b.add("Relu", 2, nil, b.float("n"))
		return err
	}, "2 outputs, want 1"},
}

func TestInferErrors(t *testing.T) {
	for name, test := range errorCases {
		err := test.build(newBuilder(t))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want ...%s...", name, err, test.want)
		}
	}
}

// failing infers a node with float32 inputs of the shapes.
func failing(name string, attributes graph.Attributes, shapes ...string) func(b *builder) error {
	return func(b *builder) error {
		var inputs []*graph.Value
		for _, shape := range shapes {
			inputs = append(inputs, b.float(shape))
		}
		_, err := b.add(name, 1, attributes, inputs...)
		return err
	}
}

// TestInferListsMissingOperators wants every operator once, with its first node.
func TestInferListsMissingOperators(t *testing.T) {
	g := &graph.Graph{Nodes: []*graph.Node{{Name: "a", Op: "Foo"}, {Name: "b", Op: "Foo"}, {Name: "c", Op: "Relu"}, {Name: "d", Domain: "mine", Op: "Bar"}}}
	want := `operators not supported yet: Foo (node "a"), mine.Bar (node "d")`
	if err := op.Infer(g); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestInferVersions refuses nodes of operator sets that the table does not describe.
func TestInferVersions(t *testing.T) {
	g := &graph.Graph{}
	x := &graph.Value{Name: "x", DType: tensor.Float32, Ranked: true}
	for version, fails := range map[int]bool{19: true, 20: false, 28: false, 29: true} {
		n := &graph.Node{Name: "n", Op: "Gelu", Version: version, Inputs: []*graph.Value{x}, Outputs: []*graph.Value{{}}}
		if err := op.InferNode(g, n); (err != nil) != fails {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

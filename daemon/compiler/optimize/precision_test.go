package optimize

import (
	"math"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// run optimises for a device with every fused operator.
func (b *builder) run(precision Precision, narrow bool) {
	b.t.Helper()
	target := Target{Fuses: fusesAll, Evaluate: evaluate, FoldLimit: 1 << 20, Narrow: narrow, Precision: precision}
	if err := Run(b.g, target, Prepare, nil); err != nil {
		b.t.Fatal(err)
	}
	if err := b.g.Verify(); err != nil {
		b.t.Fatal(err)
	}
}

// types returns the element types of what nodes make, by operator.
func (b *builder) types() map[string]tensor.DType {
	list := make(map[string]tensor.DType)
	for _, n := range b.g.Nodes {
		list[n.QualifiedOp()] = n.Output(0).DType
	}
	return list
}

// block is a linear layer, GELU and a normalisation, as exporters write them.
func (b *builder) block(x *graph.Value, dtype tensor.DType) *graph.Value {
	constant := func(v *graph.Value) *graph.Value { return graph.NewConstant(v.Name, tensor.Convert(v.Constant, dtype)) }
	y := b.node("Add", nil, b.node("MatMul", nil, x, constant(b.weights(8, 16))), constant(b.weights(16)))
	y = b.node("Gelu", nil, y)
	return b.node("LayerNormalization", graph.Attributes{"axis": int64(-1)}, y, constant(b.weights(16)), constant(b.weights(16)))
}

func TestNarrowKeepsTensorsNarrowBetweenHeavyOperators(t *testing.T) {
	for _, c := range []struct {
		precision Precision
		narrow    bool
		want      tensor.DType
		operators string
	}{
		{Float16, true, tensor.Float16, "Cast:2 inferd.LayerNormalization:1 inferd.Linear:1"},
		{BFloat16, true, tensor.BFloat16, "Cast:2 inferd.LayerNormalization:1 inferd.Linear:1"},
		{Float32, true, tensor.Float32, "inferd.LayerNormalization:1 inferd.Linear:1"},
		{AsStated, true, tensor.Float32, "inferd.LayerNormalization:1 inferd.Linear:1"},
		{Float16, false, tensor.Float32, "inferd.LayerNormalization:1 inferd.Linear:1"},
	} {
		b := newBuilder(t)
		b.output(b.block(b.floats("x", "batch", 8), tensor.Float32))
		b.run(c.precision, c.narrow)
		b.want(c.operators)
		if got := b.types(); got["inferd.Linear"] != c.want || got["inferd.LayerNormalization"] != c.want {
			t.Errorf("precision %d: types %v", c.precision, got)
		}
		if b.g.Outputs[0].DType != tensor.Float32 {
			t.Errorf("the output is %v now", b.g.Outputs[0])
		}
	}
}

func TestModelsInHalfPrecisionAreFused(t *testing.T) {
	for _, c := range []struct {
		precision Precision
		narrow    bool
		want      tensor.DType
	}{
		{AsStated, false, tensor.Float32}, {AsStated, true, tensor.Float16}, {Float32, true, tensor.Float32}, {BFloat16, true, tensor.BFloat16},
	} {
		b := newBuilder(t)
		b.output(b.block(b.input("x", tensor.Float16, "batch", 8), tensor.Float16))
		b.run(c.precision, c.narrow)
		if got := b.types(); got["inferd.Linear"] != c.want || got["inferd.LayerNormalization"] != c.want {
			t.Errorf("precision %d: types %v\n%s", c.precision, got, dump(b.g))
		}
		if b.g.Outputs[0].DType != tensor.Float16 {
			t.Errorf("the output is %v now", b.g.Outputs[0])
		}
	}
}

func TestNarrowLeavesWhatGrowsWide(t *testing.T) {
	b := newBuilder(t)
	y := b.node("MatMul", nil, b.floats("x", "batch", 8), b.weights(8, 16))
	b.output(b.node("ReduceSum", nil, b.node("Exp", nil, y), b.list(1)), y)
	b.run(Float16, true)
	if got := b.types(); got["ReduceSum"] != tensor.Float32 || got["Exp"] != tensor.Float32 || got["inferd.Linear"] != tensor.Float16 {
		t.Errorf("types %v\n%s", got, dump(b.g))
	}
	b.want("Cast:2 Exp:1 ReduceSum:1 inferd.Linear:1")
}

func TestNarrowConstantsStayFinite(t *testing.T) {
	b := newBuilder(t)
	infinite := float32(math.Inf(-1))
	weights := graph.NewConstant("weights", tensor.FromSlice([]float32{1e6, -1e6, 0.1, infinite}, 2, 2))
	b.output(b.node("MatMul", nil, b.floats("x", "batch", 2), weights))
	b.run(Float16, true)
	halves := tensor.Slice[uint16](b.only("inferd.Linear").Input(1).Constant)
	for i, want := range []float64{tensor.MaxFloat16, -tensor.MaxFloat16, tensor.FromFloat16(tensor.ToFloat16(0.1)), math.Inf(-1)} {
		if got := tensor.FromFloat16(halves[i]); got != want {
			t.Errorf("weight %d is %v, want %v", i, got, want)
		}
	}
}

// TestNarrowResize: what tells the sizes keeps its type.
func TestNarrowResize(t *testing.T) {
	b := newBuilder(t)
	x := b.node("Conv", nil, b.floats("x", "batch", 3, 6, 6), b.weights(4, 3, 3, 3))
	b.output(b.node("Conv", nil, b.node("Resize", nil, x, nil, b.factors(1, 1, 2, 2)), b.weights(4, 4, 3, 3)))
	b.run(Float16, true)
	b.want("Cast:2 Resize:1 Transpose:2 inferd.Conv:2")
	if n := b.only("Resize"); n.Output(0).DType != tensor.Float16 || n.Input(2).DType != tensor.Float32 {
		t.Errorf("%v makes %v by %v", n, n.Output(0), n.Input(2))
	}
}

func TestTF32IsAllowedOnHeavyOperatorsOnly(t *testing.T) {
	b := newBuilder(t)
	b.output(b.block(b.floats("x", "batch", 8), tensor.Float32))
	b.run(TF32, true)
	b.want("inferd.LayerNormalization:1 inferd.Linear:1")
	if b.only("inferd.Linear").Int("tf32", 0) != 1 {
		t.Error("the linear layer is not marked")
	}
}

func TestWideningKeepsAnswers(t *testing.T) {
	build := func() *builder {
		b := newBuilder(t)
		x := b.input("x", tensor.Float16, 3, 8)
		y := b.block(x, tensor.Float16)
		b.output(b.node("Cast", graph.Attributes{"to": int64(tensor.Float32)}, b.node("Softmax", graph.Attributes{"axis": int64(-1)}, y)), y)
		return b
	}
	x := tensor.Convert(build().weights(3, 8).Constant, tensor.Float16)
	plain := build()
	want, err := interpret(plain.g, []*tensor.Tensor{x})
	if err != nil {
		t.Fatal(err)
	}
	widened := build()
	widened.run(AsStated, false)
	got, err := interpret(widened.g, []*tensor.Tensor{x})
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i].DType != want[i].DType {
			t.Fatalf("output %d is %v, want %v", i, got[i], want[i])
		}
		a, b := tensor.Slice[float32](tensor.Convert(got[i], tensor.Float32)), tensor.Slice[float32](tensor.Convert(want[i], tensor.Float32))
		for k := range a {
			if math.Abs(float64(a[k]-b[k])) > 0.01 {
				t.Errorf("output %d, element %d is %v, want about %v", i, k, a[k], b[k])
			}
		}
	}
}

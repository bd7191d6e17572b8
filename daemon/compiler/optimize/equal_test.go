package optimize

import (
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/daemon/tensor/compare"
)

// checkEqual optimises copies of the graph for devices that fuse everything, nothing and some, and compares the results on
// random inputs with those of the graph as it is.
func checkEqual(t testing.TB, g *graph.Graph, symbols map[string]int64) {
	t.Helper()
	plain := g.Clone()
	if err := op.Specialize(plain, symbols); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var inputs []*tensor.Tensor
	for _, v := range plain.Inputs {
		shape, ok := v.KnownShape()
		if !ok {
			t.Fatalf("the shape of %v is not known", v)
		}
		inputs = append(inputs, randomTensor(random, v.DType, shape))
	}
	want, err := interpret(plain, inputs)
	if err != nil {
		t.Fatal(err)
	}
	convolutions := func(name string) bool { return name == op.FusedConv || name == op.FusedAttention }
	for _, fuses := range []func(string) bool{fusesAll, fusesNone, convolutions} {
		target := Target{Fuses: fuses, Evaluate: evaluate, FoldLimit: 1 << 20}
		optimised := g.Clone()
		if err := op.Infer(optimised); err != nil {
			t.Fatal(err)
		}
		prepare(t, optimised, target)
		special := specialize(t, optimised, target, inputs)
		got, err := interpret(special, inputs)
		if err != nil {
			t.Fatalf("%v\n%s", err, dump(special))
		}
		if err := compare.Lists(got, want, compare.Tolerance{Relative: 1e-4, Absolute: 1e-5}); err != nil {
			t.Errorf("%v\nbefore:\n%s\nafter:\n%s", err, dump(plain), dump(special))
		}
	}
}

func randomTensor(random *rand.Rand, dtype tensor.DType, shape []int64) *tensor.Tensor {
	t := tensor.New(dtype, shape...)
	switch dtype {
	case tensor.Float32:
		for i, elements := 0, tensor.Slice[float32](t); i < len(elements); i++ {
			elements[i] = float32(random.NormFloat64())
		}
	default:
		for i := range t.Data {
			if int64(i)%dtype.Size() == 0 {
				t.Data[i] = byte(random.IntN(2))
			}
		}
	}
	return t
}

package cpu_test

import (
	"reflect"
	"testing"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// places puts constants where the store has them, and all else nowhere.
type places struct {
	node  *graph.Node
	store device.Weights
}

func (p places) Input(i int) (step.Operand, error) {
	if v := p.node.Input(i); v != nil && v.Constant != nil {
		return p.store.Constant(v)
	}
	return step.Operand{}, nil
}
func (p places) Output(int) step.Operand { return step.Operand{} }
func (p places) Workspace() step.Operand { return step.Operand{} }

// quantizedLinear is a product [rows, k] x [k, columns] with a scale for each column.
func quantizedLinear(rows, k, columns int64) *graph.Node {
	value := func(name string, dtype tensor.DType, shape ...int64) *graph.Value {
		return &graph.Value{Name: name, DType: dtype, Ranked: true, Shape: graph.Dims(shape)}
	}
	scales := graph.NewConstant("scales", tensor.New(tensor.Float32, columns))
	return &graph.Node{
		Name: "n", Domain: graph.DomainFused, Op: op.FusedQuantizedLinear,
		Inputs: []*graph.Value{value("a", tensor.Uint8, rows, k), graph.NewConstant("b", tensor.New(tensor.Int8, k, columns)),
			graph.NewConstant("scale", tensor.New(tensor.Float32)), nil, scales},
		Outputs: []*graph.Value{value("y", tensor.Float32, rows, columns)},
	}
}

func emit(t *testing.T, d device.Device, n *graph.Node, store device.Weights) device.Code {
	t.Helper()
	kernel, err := d.Select(n, store)
	if err != nil {
		t.Fatal(err)
	}
	code, err := kernel.Emit(places{n, store})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestQuantizedLinearAfterSeal plans a product again when the elements of its large constants are gone.
func TestQuantizedLinearAfterSeal(t *testing.T) {
	d, err := cpu.New(isa.Scalar, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	store := d.NewWeights()
	defer store.Close()
	n := quantizedLinear(3, 8, 1+device.SealedConstantBytes/4)
	first := emit(t, d, n, store)
	for _, i := range []int{op.QuantizedB, op.QuantizedBScale} {
		if !store.Holds(n.Inputs[i]) {
			t.Fatalf("the store does not hold input %d", i)
		}
		n.Inputs[i].Constant.Data = nil
	}
	if again := emit(t, d, n, store); !reflect.DeepEqual(again, first) {
		t.Errorf("%+v, want %+v", again, first)
	}
}

// TestQuantizedLinearOfNothing plans sums of no products.
func TestQuantizedLinearOfNothing(t *testing.T) {
	d, err := cpu.New(isa.Scalar, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	store := d.NewWeights()
	defer store.Close()
	if code := emit(t, d, quantizedLinear(3, 0, 5), store); len(code.([]step.Step)) != 1 {
		t.Errorf("%+v, want one step", code)
	}
}

package reference

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// fixedOperands puts inputs and outputs at given places.
type fixedOperands struct{ inputs, outputs []step.Operand }

func (o fixedOperands) Input(i int) (step.Operand, error) { return o.inputs[i], nil }
func (o fixedOperands) Output(i int) step.Operand         { return o.outputs[i] }
func (o fixedOperands) Workspace() step.Operand           { return step.Operand{} }

// frameOf returns a frame whose arena holds size bytes of old content.
func frameOf(t *testing.T, size int) (*program.Frame, *memory.Block) {
	t.Helper()
	block, err := memory.Allocate(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(block.Free)
	for i := range block.Bytes() {
		block.Bytes()[i] = 0xa5
	}
	frame := &program.Frame{Bases: []unsafe.Pointer{nil, block.Pointer()}}
	t.Cleanup(frame.Reset)
	return frame, block
}

// emit selects and emits the node's kernel.
func emit(t *testing.T, n *graph.Node, at fixedOperands) device.Code {
	t.Helper()
	kernel, err := New().Select(n, nil)
	if err != nil {
		t.Fatal(err)
	}
	code, err := kernel.Emit(at)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func value(name string, dtype tensor.DType, shape ...int64) *graph.Value {
	return &graph.Value{Name: name, DType: dtype, Shape: graph.Dims(shape), Ranked: true}
}

// TestQuantum runs a chain that stops after every step and goes on where it stopped.
func TestQuantum(t *testing.T) {
	const steps = 5
	frame, block := frameOf(t, 64)
	clear(block.Bytes())
	block.Float32s()[1] = 1
	n := &graph.Node{Op: "Add", Inputs: []*graph.Value{value("x", tensor.Float32), value("one", tensor.Float32)},
		Outputs: []*graph.Value{value("y", tensor.Float32)}}
	at := fixedOperands{[]step.Operand{{Base: step.BaseArena}, {Base: step.BaseArena, Offset: 4}}, []step.Operand{{Base: step.BaseArena}}}
	var code []device.Code
	for range steps {
		code = append(code, emit(t, n, at))
	}
	segment, err := New().Link(code)
	if err != nil {
		t.Fatal(err)
	}
	defer segment.Close()
	next, calls := int64(0), 0
	for done := false; !done; calls++ {
		var tile int64
		if next, tile, done, err = segment.Run(frame, next, 0, time.Nanosecond); err != nil || tile != 0 {
			t.Fatalf("tile %d, error %v", tile, err)
		}
	}
	if calls != steps || block.Float32s()[0] != steps {
		t.Errorf("%d calls gave %v, want %d and %d", calls, block.Float32s()[0], steps, steps)
	}
	clear(block.Bytes()[:4])
	if _, _, done, err := segment.Run(frame, 0, 0, 0); !done || err != nil || block.Float32s()[0] != steps {
		t.Errorf("without a quantum: done %v, error %v, result %v", done, err, block.Float32s()[0])
	}
}

// TestStrings shows that the bytes of strings that a step makes outlive it, in memory that the frame frees.
func TestStrings(t *testing.T) {
	before := memory.LiveBytes()
	frame, block := frameOf(t, 256)
	text, number := value("text", tensor.String, 3), value("number", tensor.Int64, 3)
	copy(tensor.Slice[int64](&tensor.Tensor{DType: tensor.Int64, Shape: []int64{3}, Data: block.Bytes()[:24]}), []int64{7, -1, 1 << 40})
	numbers, texts, copies := step.Operand{Base: step.BaseArena}, step.Operand{Base: step.BaseArena, Offset: 64},
		step.Operand{Base: step.BaseArena, Offset: 128}
	segment, err := New().Link([]device.Code{
		emit(t, &graph.Node{Op: "Cast", Attributes: graph.Attributes{"to": int64(tensor.String)}, Inputs: []*graph.Value{number},
			Outputs: []*graph.Value{text}}, fixedOperands{[]step.Operand{numbers}, []step.Operand{texts}}),
		emit(t, &graph.Node{Op: "Identity", Inputs: []*graph.Value{text}, Outputs: []*graph.Value{text}},
			fixedOperands{[]step.Operand{texts}, []step.Operand{copies}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, done, err := segment.Run(frame, 0, 0, 0); err != nil || !done {
		t.Fatalf("done %v, error %v", done, err)
	}
	got := tensor.UnpackStrings(block.Bytes()[128 : 128+3*tensor.StringSize])
	if want := "7,-1,1099511627776"; strings.Join(got, ",") != want {
		t.Errorf("got %q, want %s", got, want)
	}
	if len(frame.Keep) != 2 {
		t.Errorf("the frame keeps %d blocks, want 2", len(frame.Keep))
	}
	frame.Reset()
	block.Free()
	if live := memory.LiveBytes(); live != before {
		t.Errorf("%d bytes of C memory are left", live-before)
	}
}

// TestRunErrors shows what a segment does with results that do not fit and with foreign code.
func TestRunErrors(t *testing.T) {
	frame, _ := frameOf(t, 64)
	place := step.Operand{Base: step.BaseArena}
	wrong := emit(t, &graph.Node{Name: "wrong", Op: "Relu", Inputs: []*graph.Value{value("x", tensor.Float32, 2)},
		Outputs: []*graph.Value{value("y", tensor.Float32, 3)}}, fixedOperands{[]step.Operand{place}, []step.Operand{place}})
	segment, err := New().Link([]device.Code{wrong})
	if err != nil {
		t.Fatal(err)
	}
	_, _, done, err := segment.Run(frame, 0, 0, 0)
	if want := `node "wrong" (Relu): output 0 is float32[2], expected float32[3]`; !done || err == nil || err.Error() != want {
		t.Errorf("done %v, error %v, want %s", done, err, want)
	}
	if _, err := New().Link([]device.Code{"foreign"}); err == nil {
		t.Error("foreign code was linked")
	}
	unknown := &graph.Value{Name: "x", DType: tensor.Float32, Ranked: true, Shape: []graph.Dim{graph.Symbol("n")}}
	for _, n := range []*graph.Node{
		{Op: "Relu", Inputs: []*graph.Value{unknown}, Outputs: []*graph.Value{value("y", tensor.Float32, 1)}},
		{Op: "Nonsense"},
	} {
		var none *device.NoKernelError
		if _, err := New().Select(n, nil); !errors.As(err, &none) {
			t.Errorf("%v: got %v, want a NoKernelError", n, err)
		}
	}
}

// TestWeights checks that programs share adopted constants and keep their own.
func TestWeights(t *testing.T) {
	before := memory.LiveBytes()
	shared := graph.NewConstant("shared", tensor.FromSlice([]float32{1, 2}, 2))
	own := graph.NewConstant("own", tensor.FromStrings([]string{"a", "bc"}, 2))
	version := New().NewWeights()
	version.Adopt([]*graph.Value{shared})
	first, second := version.Fork(), version.Fork()
	places := make(map[string]step.Operand)
	for name, w := range map[string]device.Weights{"first": first, "second": second} {
		for _, v := range []*graph.Value{shared, own} {
			at, err := w.Constant(v)
			if err != nil {
				t.Fatal(err)
			}
			places[name+" "+v.Name] = at
		}
	}
	if places["first shared"] != places["second shared"] || places["first own"] == places["second own"] {
		t.Errorf("places %v: the adopted constant must be shared, the other not", places)
	}
	if !version.Holds(shared) || version.Holds(own) || !first.Holds(own) {
		t.Error("a constant is held by the wrong store")
	}
	if version.Bytes() != 8 || first.Bytes() != 2*tensor.StringSize+3 {
		t.Errorf("%d and %d bytes held", version.Bytes(), first.Bytes())
	}
	shared.Constant.Data = nil
	if at, err := second.Constant(shared); err != nil || at != places["first shared"] {
		t.Errorf("after its elements were dropped: %v, %v", at, err)
	}
	late := graph.NewConstant("late", tensor.FromSlice([]float32{1}, 1))
	late.Constant.Data = nil
	if _, err := version.Constant(late); err == nil {
		t.Error("a constant without elements was copied")
	}
	for _, w := range []device.Weights{first, second, version} {
		w.Close()
	}
	if live := memory.LiveBytes(); live != before {
		t.Errorf("%d bytes of C memory are left", live-before)
	}
}

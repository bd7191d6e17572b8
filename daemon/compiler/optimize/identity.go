package optimize

import (
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// removeIdentity bypasses nodes that give their input unchanged, bit for bit.
func removeIdentity(e *editor, n *graph.Node) error {
	if n.Domain != graph.DomainONNX || n.Input(0) == nil || n.Output(0) == nil {
		return nil
	}
	in, out := n.Input(0), n.Output(0)
	same := false
	switch n.Op {
	case "Identity":
		same = in.DType == out.DType
	case "Cast":
		same = in.DType == out.DType && in.Ranked
	case "Dropout":
		training, known := e.elements(n.Input(2))
		same = e.users[n.Output(1)] == 0 && (n.Input(2) == nil || known && len(training.Data) == 1 && training.Data[0] == 0)
	case "Expand":
		same = sameType(in, out)
	case "Concat", "Sum", "Min", "Max", "Mean":
		same = len(n.Inputs) == 1 && sameType(in, out)
	case "Split":
		same = len(n.Outputs) == 1 && sameType(in, out)
	case "Slice":
		steps, known := e.integers(n.Input(4))
		same = sameType(in, out) && (n.Input(4) == nil || known && all(steps, 1))
	case "Tile":
		repeats, known := e.integers(n.Input(1))
		same = known && all(repeats, 1)
	case "Pad":
		pads, known := e.integers(n.Input(1))
		same = known && all(pads, 0)
	case "Resize":
		axes, err := op.ResizeAxes(n)
		same = err == nil && !slices.ContainsFunc(axes, func(a op.ResizeAxis) bool { return !a.Keeps() })
	case "Add", "Sub", "Mul", "Div":
		return removeNeutral(e, n)
	}
	if same {
		e.replace(out, in)
	}
	return nil
}

func all(list []int64, want int64) bool {
	for _, x := range list {
		if x != want {
			return false
		}
	}
	return true
}

// removeNeutral bypasses arithmetic with a neutral element. Adding +0 is not neutral: it turns -0 into +0.
func removeNeutral(e *editor, n *graph.Node) error {
	if len(n.Inputs) != 2 {
		return nil
	}
	for i, v := range n.Inputs {
		if i == 0 && (n.Op == "Sub" || n.Op == "Div") {
			continue
		}
		t, ok := e.uniform(v)
		if !ok || !neutral(n.Op, t) {
			continue
		}
		_, err := e.expandTo(n, n.Inputs[1-i], n.Output(0))
		return err
	}
	return nil
}

// neutral reports whether the single element of t changes no operand of the operator.
func neutral(operator string, t *tensor.Tensor) bool {
	multiply := operator == "Mul" || operator == "Div"
	switch t.DType {
	case tensor.Float32:
		x := tensor.Slice[float32](t)[0]
		switch operator {
		case "Add":
			return x == 0 && math.Signbit(float64(x))
		case "Sub":
			return x == 0 && !math.Signbit(float64(x))
		}
		return x == 1
	case tensor.Int64:
		x := tensor.Slice[int64](t)[0]
		return multiply && x == 1 || !multiply && x == 0
	case tensor.Int32:
		x := tensor.Slice[int32](t)[0]
		return multiply && x == 1 || !multiply && x == 0
	}
	return false
}

package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// Directions returns the number of directions of a recurrent node: 2 where it is bidirectional.
func Directions(n *graph.Node) int64 {
	if n.Text("direction", "forward") == "bidirectional" {
		return 2
	}
	return 1
}

// inferRecurrent: X[seq, batch, in] (layout 1: [batch, seq, in]) -> Y[seq, dirs, batch, hidden], Y_h[dirs, batch, hidden] and with four gates,
// those of LSTM, Y_c like Y_h.
func inferRecurrent(gates int64) inferFunc {
	return func(g *graph.Graph, n *graph.Node) error {
		if err := recurrentTypes(n); err != nil {
			return err
		}
		x, recurrence := n.Input(0), n.Input(2)
		for i := range n.Outputs {
			setType(n, i, x.DType)
		}
		if !ranked(n, 0, 1, 2) {
			return nil
		}
		if err := wantRank(n, 0, 3, 3); err != nil {
			return err
		}
		if err := wantRank(n, 2, 3, 3); err != nil {
			return err
		}
		hidden := recurrence.Shape[2]
		if size, ok := n.Attributes["hidden_size"].(int64); ok {
			merged, err := mergeDim(hidden, graph.Int(size))
			if err != nil {
				return fmt.Errorf("attribute hidden_size %d does not fit %v", size, recurrence)
			}
			hidden = merged
		}
		return recurrentShapes(n, hidden, hidden.Mul(graph.Int(gates)))
	}
}

// recurrentTypes checks element types and the direction.
func recurrentTypes(n *graph.Node) error {
	for i := range n.Inputs {
		types := typeSet(floating)
		if i == 4 { // sequence lengths
			types = func(d tensor.DType) bool { return d == tensor.Int32 }
		} else if err := sameType(n, 0, i); err != nil {
			return err
		}
		if err := accept(n, i, types); err != nil {
			return err
		}
	}
	switch direction := n.Text("direction", "forward"); direction {
	case "forward", "reverse", "bidirectional":
		return nil
	default:
		return fmt.Errorf("attribute direction %q is unknown", direction)
	}
}

// recurrentShapes checks the inputs' shapes and sets the outputs'.
func recurrentShapes(n *graph.Node, hidden, gates graph.Dim) error {
	x := n.Input(0)
	directions := graph.Int(Directions(n))
	sequence, batch := x.Shape[0], x.Shape[1]
	state := []graph.Dim{directions, batch, hidden}
	output := []graph.Dim{sequence, directions, batch, hidden}
	if n.Int("layout", 0) != 0 {
		sequence, batch = batch, sequence
		state = []graph.Dim{batch, directions, hidden}
		output = []graph.Dim{batch, sequence, directions, hidden}
	}
	wanted := [][]graph.Dim{
		1: {directions, gates, x.Shape[2]},
		2: {directions, gates, hidden},
		3: {directions, gates.Mul(graph.Int(2))},
		4: {batch},
		5: state,
		6: state,
		7: {directions, hidden.Mul(graph.Int(3))}, // peepholes
	}
	for i := 1; i < len(n.Inputs); i++ {
		if err := wantShape(n, i, wanted[i]); err != nil {
			return err
		}
	}
	set(n, 0, x.DType, output)
	set(n, 1, x.DType, state)
	set(n, 2, x.DType, state)
	return nil
}

// wantShape fails where input i is known to have another shape.
func wantShape(n *graph.Node, i int, shape []graph.Dim) error {
	v := n.Input(i)
	if v == nil || !v.Ranked {
		return nil
	}
	if len(v.Shape) != len(shape) {
		return fmt.Errorf("input %d (%v) has rank %d, want shape %v", i, v, len(v.Shape), shape)
	}
	for axis, dim := range shape {
		if _, err := mergeDim(v.Shape[axis], dim); err != nil {
			return fmt.Errorf("input %d (%v) should have shape %v", i, v, shape)
		}
	}
	return nil
}

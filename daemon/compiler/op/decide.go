package op

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// decision is what dimensions tell about a boolean element.
type decision byte

const (
	undecided decision = iota
	decidedFalse
	decidedTrue
)

// decideDepth bounds how far back decide looks.
const decideDepth = 4

// decide returns the elements of a small boolean tensor as far as they follow from contents, or nil. Exporters compare shapes with -1
// before they expand, and the shape is only known if that comparison is decided.
func decide(v *graph.Value, depth int) []decision {
	if v.Constant != nil {
		return decideConstant(v.Constant)
	}
	n := v.Producer
	shape, known := v.KnownShape()
	if count, _ := v.ElementCount().Known(); n == nil || !known || count > graph.ContentLimit || depth == 0 || n.Domain != graph.DomainONNX {
		return nil
	}
	switch n.Op {
	case "Identity":
		return decide(n.Inputs[0], depth-1)
	case "Not":
		out := decide(n.Inputs[0], depth-1)
		for i, d := range out {
			if d != undecided {
				out[i] = decidedFalse + decidedTrue - d
			}
		}
		return out
	case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual":
		return decideComparison(n, shape)
	}
	return nil
}

func decideConstant(t *tensor.Tensor) []decision {
	if t.DType != tensor.Bool || t.Elements() > graph.ContentLimit {
		return nil
	}
	out := make([]decision, 0, graph.ContentLimit)
	for _, x := range t.Data {
		out = append(out, decided(x != 0))
	}
	return out
}

func decided(x bool) decision {
	if x {
		return decidedTrue
	}
	return decidedFalse
}

func decideComparison(n *graph.Node, shape []int64) []decision {
	a, b := n.Inputs[0], n.Inputs[1]
	if a.Content == nil || b.Content == nil {
		return nil
	}
	shapeA, okA := a.KnownShape()
	shapeB, okB := b.KnownShape()
	if !okA || !okB {
		return nil
	}
	out := make([]decision, 0, graph.ContentLimit)
	forEach(shape, [][]int64{broadcastStrides(shapeA, shape), broadcastStrides(shapeB, shape)}, func(at []int64) {
		out = append(out, compareDims(n.Op, a.Content[at[0]], b.Content[at[1]]))
	})
	return out
}

func compareDims(op string, a, b graph.Dim) decision {
	below := b.Sub(a).Sub(graph.Int(1)).NonNegative() // a < b for certain
	above := a.Sub(b).Sub(graph.Int(1)).NonNegative()
	notAbove := b.Sub(a).NonNegative()
	notBelow := a.Sub(b).NonNegative()
	pick := func(yes, no bool) decision {
		switch {
		case yes:
			return decidedTrue
		case no:
			return decidedFalse
		}
		return undecided
	}
	switch op {
	case "Equal":
		return pick(a.Equal(b), below || above)
	case "Less":
		return pick(below, notBelow)
	case "LessOrEqual":
		return pick(notAbove, above)
	case "Greater":
		return pick(above, notAbove)
	default:
		return pick(notBelow, below)
	}
}

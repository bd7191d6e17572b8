package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// acceptAll fails where the inputs are not of one floating-point type up to float32, or of unknown rank: passes fuse only what they know.
func acceptAll(n *graph.Node) error {
	for i, v := range n.Inputs {
		if err := accept(n, i, upToFloat32); err != nil {
			return err
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
		if v != nil && !v.Ranked {
			return fmt.Errorf("input %d (%v) has unknown rank", i, v)
		}
	}
	return nil
}

// inferFusedLinear: A[..., K] and B[K, N] -> [..., N].
func inferFusedLinear(g *graph.Graph, n *graph.Node) error {
	if err := acceptAll(n); err != nil {
		return err
	}
	a, bias, residual := n.Input(0), n.Input(2), n.Input(3)
	if err := wantRank(n, 1, 2, 2); err != nil {
		return err
	}
	if len(a.Shape) == 0 {
		return fmt.Errorf("input 0 (%v) is a scalar", a)
	}
	shape, err := linearShape(n)
	if err != nil {
		return err
	}
	columns := shape[len(shape)-1]
	if bias != nil {
		if err := wantShape(n, 2, []graph.Dim{columns}); err != nil {
			return err
		}
	}
	if residual != nil {
		if err := wantShape(n, 3, shape); err != nil {
			return err
		}
	}
	set(n, 0, n.Inputs[0].DType, shape)
	return nil
}

// linearShape is the shape of the product of inputs 0 and 1, the second one transposed where transpose_b is 1.
func linearShape(n *graph.Node) ([]graph.Dim, error) {
	a, b := n.Input(0), n.Input(1)
	inner, columns := b.Shape[0], b.Shape[1]
	if n.Int("transpose_b", 0) != 0 {
		inner, columns = columns, inner
	}
	last := len(a.Shape) - 1
	if _, err := mergeDim(a.Shape[last], inner); err != nil {
		return nil, fmt.Errorf("%v and %v do not multiply: %w", a, b, err)
	}
	return append(append([]graph.Dim{}, a.Shape[:last]...), columns), nil
}

// inferFusedConv: X[N, H, W, C] -> [N, oH, oW, M].
func inferFusedConv(g *graph.Graph, n *graph.Node) error {
	if err := acceptAll(n); err != nil {
		return err
	}
	x := n.Input(0)
	w, spatial, err := windowOf(n)
	if err != nil {
		return err
	}
	if err := checkChannels(n, x.Shape[len(x.Shape)-1]); err != nil {
		return err
	}
	if err := perFilter(n, 2); err != nil {
		return err
	}
	dims, err := w.outputDims(g, n, spatial)
	if err != nil {
		return err
	}
	shape := append(append([]graph.Dim{x.Shape[0]}, dims...), n.Input(1).Shape[0])
	if err := wantShape(n, 3, shape); err != nil {
		return err
	}
	set(n, 0, n.Inputs[0].DType, shape)
	return nil
}

// inferFusedPool: X[N, H, W, C] -> [N, oH, oW, C].
func inferFusedPool(g *graph.Graph, n *graph.Node) error {
	if err := acceptAll(n); err != nil {
		return err
	}
	x := n.Input(0)
	w, spatial, err := windowOf(n)
	if err != nil {
		return err
	}
	dims, err := w.outputDims(g, n, spatial)
	if err != nil {
		return err
	}
	set(n, 0, n.Inputs[0].DType, append(append([]graph.Dim{x.Shape[0]}, dims...), x.Shape[len(x.Shape)-1]))
	return nil
}

// inferFusedGlobalPool: X[N, H, W, C] -> [N, 1, 1, C].
func inferFusedGlobalPool(g *graph.Graph, n *graph.Node) error {
	if err := acceptAll(n); err != nil {
		return err
	}
	if err := wantRank(n, 0, 4, 4); err != nil {
		return err
	}
	x := n.Input(0).Shape
	set(n, 0, n.Inputs[0].DType, []graph.Dim{x[0], graph.Int(1), graph.Int(1), x[3]})
	return nil
}

// inferFusedAttention: Q[B, Sq, H*D] and V[B, Sk, H*E] -> [B, Sq, H*E].
func inferFusedAttention(g *graph.Graph, n *graph.Node) error {
	if err := acceptAll(n); err != nil {
		return err
	}
	if err := wantRank(n, 0, 3, 3); err != nil {
		return err
	}
	heads := n.Int("heads", 0)
	if heads < 1 {
		return fmt.Errorf("attribute heads is %d", heads)
	}
	q := n.Input(0)
	width, keys := q.Shape[2], q.Shape[1]
	if n.Int("packed", 0) != 0 {
		width = q.Shape[2].Div(graph.Int(3))
	} else {
		k, v := n.Input(1), n.Input(2)
		if k == nil || v == nil {
			return fmt.Errorf("input 1 or 2 is missing")
		}
		if err := wantShape(n, 1, []graph.Dim{q.Shape[0], k.Shape[min(1, len(k.Shape)-1)], q.Shape[2]}); err != nil {
			return err
		}
		keys = k.Shape[1]
		if err := wantRank(n, 2, 3, 3); err != nil {
			return err
		}
		width = v.Shape[2]
		if err := wantShape(n, 2, []graph.Dim{q.Shape[0], keys, width}); err != nil {
			return err
		}
	}
	if mask := n.Input(3); mask != nil {
		if err := fitsInto(g, mask, []graph.Dim{q.Shape[0], graph.Int(heads), q.Shape[1], keys}); err != nil {
			return err
		}
	}
	set(n, 0, n.Inputs[0].DType, []graph.Dim{q.Shape[0], q.Shape[1], width})
	return nil
}

// inferFusedLayerNormalization: X, residual?, scale, bias? -> Y and X + residual, both like X.
func inferFusedLayerNormalization(g *graph.Graph, n *graph.Node) error {
	if err := acceptAll(n); err != nil {
		return err
	}
	x := n.Input(0)
	if len(x.Shape) == 0 {
		return fmt.Errorf("input 0 (%v) is a scalar", x)
	}
	if n.Input(2) == nil {
		return fmt.Errorf("input 2 (the scale) is missing")
	}
	if err := wantShape(n, 1, x.Shape); err != nil {
		return err
	}
	for i := 2; i < len(n.Inputs); i++ {
		if err := wantShape(n, i, x.Shape[len(x.Shape)-1:]); err != nil {
			return err
		}
	}
	set(n, 0, n.Inputs[0].DType, x.Shape)
	set(n, 1, n.Inputs[0].DType, x.Shape)
	return nil
}

// inferFusedElementwise follows the types through the chain; the shape is what all inputs broadcast to.
func inferFusedElementwise(g *graph.Graph, n *graph.Node) error {
	chain, _ := n.Attributes["chain"].(Chain)
	if len(chain) == 0 {
		return fmt.Errorf("attribute chain is missing or empty")
	}
	registers := make([]tensor.DType, 0, len(n.Inputs)+len(chain))
	for i, v := range n.Inputs {
		if v == nil {
			return fmt.Errorf("input %d is missing", i)
		}
		registers = append(registers, v.DType)
	}
	for i, instruction := range chain {
		for _, arg := range instruction.Args {
			if arg < 0 || arg >= len(registers) {
				return fmt.Errorf("chain instruction %d (%s) reads register %d of %d", i, instruction.Op, arg, len(registers))
			}
		}
		registers = append(registers, instruction.result(registers))
	}
	_, err := broadcastOutput(g, n, registers[len(registers)-1])
	return err
}

// result is the element type that the instruction writes.
func (c ChainInstruction) result(registers []tensor.DType) tensor.DType {
	switch c.Op {
	case "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Not", "And", "Or", "Xor":
		return tensor.Bool
	case "Cast":
		return c.To
	case "Where":
		if len(c.Args) == 3 {
			return registers[c.Args[1]]
		}
	}
	if len(c.Args) == 0 {
		return tensor.Undefined
	}
	return registers[c.Args[0]]
}

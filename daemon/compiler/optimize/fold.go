package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
)

// unfoldable operators give another result at each run.
var unfoldable = []string{"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial", "Dropout"}

// repeating operators only copy: folding one into a large constant would trade a cheap step for memory. ConstantOfShape is none of them:
// some exporters store weights as one.
var repeating = []string{"Expand", "Tile"}

// growthFactor bounds a folded constant relative to the constants it is made of, so that converted weights may be folded however
// large they are while a hostile model can never grow much.
const growthFactor = 4

// foldBudget is the number of bytes that one run may create by folding.
func foldBudget(g *graph.Graph, limit int64) int64 {
	budget := 16 * limit
	seen := make(map[*tensor.Tensor]bool)
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v != nil && v.Constant != nil && !seen[v.Constant] {
				seen[v.Constant] = true
				budget += growthFactor * int64(len(v.Constant.Data))
			}
		}
	}
	return budget
}

// foldConstants turns values whose elements are known into constants: by their content, or by evaluating a node of constant inputs.
func foldConstants(s *state) (int, error) {
	changes := 0
	count := func(v *graph.Value) {
		if v != nil && materialise(v) {
			changes++
		}
	}
	for _, n := range s.g.Nodes {
		for _, v := range n.Inputs {
			count(v)
		}
		known := true
		for _, v := range n.Outputs {
			count(v)
			known = known && (v == nil || v.Constant != nil)
		}
		if !known && s.evaluate(n) {
			changes++
		}
	}
	for _, v := range s.g.Outputs {
		count(v)
	}
	if changes > 0 {
		s.g.RemoveDead()
	}
	return changes, nil
}

// evaluate computes the node now where all inputs are constants and the outputs are small enough. A node that fails is left to run
// time: it may never be reached, and if it is, the device says what is wrong.
func (s *state) evaluate(n *graph.Node) bool {
	if s.target.Evaluate == nil || slices.Contains(unfoldable, n.Op) || n.Domain == graph.DomainFused || s.failed[n] || s.keepsDequantize(n) {
		return false
	}
	var inputBytes int64
	for _, v := range n.Inputs {
		if v == nil {
			continue
		}
		t, ok := s.elements(v)
		if !ok {
			return false
		}
		inputBytes += int64(len(t.Data))
	}
	for _, attribute := range n.Attributes {
		if _, ok := attribute.(*graph.Graph); ok {
			return false // a loop in a subgraph may never end
		}
	}
	size, ok := outputBytes(n)
	if len(n.Inputs) == 0 || !ok || size > s.budget || size > s.foldLimit(n, inputBytes) {
		return false
	}
	s.budget -= size
	if !s.compute(n) {
		s.failed[n] = true
		return false
	}
	return true
}

// foldLimit is the largest size in bytes for the node's outputs as constants.
func (s *state) foldLimit(n *graph.Node, inputBytes int64) int64 {
	if s.level == Specialize || slices.Contains(repeating, n.Op) {
		return device.SealedConstantBytes
	}
	return max(s.target.FoldLimit, growthFactor*inputBytes)
}

// outputBytes is the size of the outputs where their shapes are known.
func outputBytes(n *graph.Node) (int64, bool) {
	var sum int64
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		shape, ok := v.KnownShape()
		if !ok {
			return 0, false
		}
		size, err := tensor.ByteSize(v.DType, shape)
		if err != nil || sum+size < sum {
			return 0, false
		}
		sum += size
	}
	return sum, true
}

// compute evaluates the node and checks that the results have the inferred types.
func (s *state) compute(n *graph.Node) bool {
	err := s.target.Evaluate(n)
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		shape, _ := v.KnownShape()
		if err != nil || v.Constant == nil || v.Constant.DType != v.DType || !slices.Equal(v.Constant.Shape, shape) {
			for _, v := range n.Outputs {
				if v != nil {
					v.Constant = nil
				}
			}
			return false
		}
	}
	for _, v := range n.Outputs {
		if v != nil {
			v.Content = graph.NewConstant(v.Name, v.Constant).Content
		}
	}
	return true
}

package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// Limits of a chain, so that its registers stay in the first-level cache.
const (
	maxChainInputs       = 12
	maxChainInstructions = 24
)

// chainBinary and chainUnary are the ONNX operators that a chain may hold, besides Pow, Clip and Gelu.
var (
	chainBinary = []string{"Add", "Sub", "Mul", "Div", "Min", "Max"}
	chainUnary  = []string{
		"Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Erf", "HardSwish", "Neg", "Abs", "Reciprocal", "Softplus", "HardSigmoid", "LeakyRelu",
		"Round",
	}
)

// fuseElementwise joins element-wise nodes of equal shape into chains: a value that only the chain reads never reaches memory.
func fuseElementwise(s *state) (int, error) {
	if !s.target.Fuses(op.FusedElementwise) {
		return 0, nil
	}
	c := &chains{state: s, users: s.g.Users(), index: make(map[*graph.Node]int), taken: make(map[*graph.Node]bool)}
	for i, n := range s.g.Nodes {
		c.index[n] = i
	}
	changes := 0
	for i := len(s.g.Nodes) - 1; i >= 0; i-- {
		root := s.g.Nodes[i]
		if c.taken[root] || !c.fits(root) {
			continue
		}
		group := c.grow(root)
		if len(group) < 2 {
			continue
		}
		for _, n := range group {
			c.taken[n] = true
		}
		s.g.Nodes[i] = c.chain(root, group)
		changes++
	}
	if changes > 0 {
		s.g.RemoveDead()
	}
	return changes, nil
}

// chains finds groups of nodes that become one.
type chains struct {
	*state
	users map[*graph.Value]int
	index map[*graph.Node]int
	taken map[*graph.Node]bool
}

// fits reports whether the node can be an instruction.
func (c *chains) fits(n *graph.Node) bool {
	if isONNX(n, "Cast") {
		return isQuantized(n.Input(0)) && isFloat(n.Output(0)) || isFloat(n.Input(0)) && isQuantized(n.Output(0))
	}
	if n.Domain != graph.DomainONNX || len(n.Outputs) != 1 || !isFloat(n.Output(0)) {
		return false
	}
	for i, v := range n.Inputs {
		if v == nil && i == 0 || v != nil && !isFloat(v) {
			return false
		}
	}
	switch n.Op {
	case "Pow":
		return c.isScalar(n.Input(1), 2)
	case "Clip":
		_, _, ok := c.clipLimits(n)
		return ok
	case "Gelu":
		return n.Text("approximate", "none") == "none"
	}
	return slices.Contains(chainBinary, n.Op) && len(n.Inputs) >= 2 && len(n.Inputs) <= maxChainInputs ||
		slices.Contains(chainUnary, n.Op) && len(n.Inputs) == 1
}

// grow collects the nodes that the root can absorb, latest first: those whose result has the root's shape and is read within the group
// alone. Smaller results stay outside: inside they would be computed again for every repetition.
func (c *chains) grow(root *graph.Node) []*graph.Node {
	group := []*graph.Node{root}
	within := map[*graph.Value]int{}
	instructions := c.instructions(root)
	read := func(n *graph.Node) {
		for _, v := range c.tensors(n) {
			within[v]++
		}
	}
	read(root)
	for {
		var best *graph.Node
		for v, readers := range within {
			p := v.Producer
			if p == nil || v.Constant != nil || readers != c.readers(v) || slices.Contains(group, p) || c.taken[p] || !c.fits(p) ||
				!sameDims(v.Shape, root.Output(0).Shape) || instructions+c.instructions(p) > maxChainInstructions {
				continue
			}
			if best == nil || c.index[p] > c.index[best] {
				best = p
			}
		}
		if best == nil || c.inputs(append(group, best)) > maxChainInputs {
			return group
		}
		group = append(group, best)
		instructions += c.instructions(best)
		read(best)
	}
}

// readers is the number of times that nodes read the value as a tensor of a chain, or more where something else reads it too.
func (c *chains) readers(v *graph.Value) int { return c.users[v] }

// tensors are the inputs that instructions read: the limits of Clip and the exponent of Pow are parameters.
func (c *chains) tensors(n *graph.Node) []*graph.Value {
	if n.Op == "Clip" || n.Op == "Pow" {
		return n.Inputs[:1]
	}
	return n.Inputs
}

func (c *chains) instructions(n *graph.Node) int { return max(1, len(c.tensors(n))-1) }

// inputs counts what the group reads from outside.
func (c *chains) inputs(group []*graph.Node) int {
	seen := map[*graph.Value]bool{}
	for _, n := range group {
		for _, v := range c.tensors(n) {
			if v.Producer == nil || !slices.Contains(group, v.Producer) {
				seen[v] = true
			}
		}
	}
	return len(seen)
}

// chain makes one node of the group, in the root's place.
func (c *chains) chain(root *graph.Node, group []*graph.Node) *graph.Node {
	slices.SortFunc(group, func(a, b *graph.Node) int { return c.index[a] - c.index[b] })
	register := make(map[*graph.Value]int)
	var inputs []*graph.Value
	for _, n := range group {
		for _, v := range c.tensors(n) {
			if _, seen := register[v]; !seen && (v.Producer == nil || !slices.Contains(group, v.Producer)) {
				register[v] = len(inputs)
				inputs = append(inputs, v)
			}
		}
	}
	var program op.Chain
	for _, n := range group {
		program = c.instruct(program, n, register, len(inputs))
		register[n.Output(0)] = len(inputs) + len(program) - 1
	}
	fused := newNode(root, graph.DomainFused, op.FusedElementwise, versionFused, graph.Attributes{"chain": program}, inputs...)
	fused.Outputs = root.Outputs
	for _, n := range group {
		n.Output(0).Producer = nil
	}
	root.Output(0).Producer = fused
	for _, n := range group {
		if n != root {
			n.Outputs = nil
		}
	}
	return fused
}

// instruct appends the instructions of a node. Min and Max of many inputs become several.
func (c *chains) instruct(program op.Chain, n *graph.Node, register map[*graph.Value]int, inputs int) op.Chain {
	instruction := op.ChainInstruction{Op: n.Op}
	first := register[n.Input(0)]
	switch n.Op {
	case "Pow":
		return append(program, op.ChainInstruction{Op: "Mul", Args: []int{first, first}})
	case "Clip":
		instruction.Alpha, instruction.Beta, _ = c.clipLimits(n)
	case "HardSigmoid":
		instruction.Alpha, instruction.Beta = n.Float("alpha", 0.2), n.Float("beta", 0.5)
	case "LeakyRelu":
		instruction.Alpha = n.Float("alpha", 0.01)
	case "Cast":
		instruction.To = n.Output(0).DType
	}
	tensors := c.tensors(n)
	if len(tensors) == 1 {
		instruction.Args = []int{first}
		return append(program, instruction)
	}
	for _, v := range tensors[1:] {
		program = append(program, op.ChainInstruction{Op: n.Op, Args: []int{first, register[v]}})
		first = inputs + len(program) - 1
	}
	return program
}

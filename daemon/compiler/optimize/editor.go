package optimize

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// editor rewrites a graph in one sweep over its nodes, in order. It keeps the number of readers of each value exact, so that a rule may
// ask whether a value is read only where it looks.
type editor struct {
	*state
	users       map[*graph.Value]int
	nodes       []*graph.Node // the new list, up to the present node
	dead        map[*graph.Node]bool
	replacement map[*graph.Value]*graph.Value
	changes     int
}

// each makes a pass of a rule that looks at one node at a time.
func each(rule func(e *editor, n *graph.Node) error) func(s *state) (int, error) {
	return func(s *state) (int, error) { return s.sweep(rule) }
}

// sweep calls the rule for every node; the rule may insert nodes before the present one, and substitute or bypass it.
func (s *state) sweep(rule func(e *editor, n *graph.Node) error) (int, error) {
	e := &editor{
		state: s, users: s.g.Users(), nodes: make([]*graph.Node, 0, len(s.g.Nodes)),
		dead: make(map[*graph.Node]bool), replacement: make(map[*graph.Value]*graph.Value),
	}
	for _, n := range s.g.Nodes {
		if e.dead[n] {
			continue
		}
		e.resolveInputs(n)
		if err := rule(e, n); err != nil {
			return e.changes, err
		}
		if !e.dead[n] {
			e.nodes = append(e.nodes, n)
		}
	}
	if e.changes == 0 {
		return 0, nil
	}
	live := e.nodes[:0]
	for _, n := range e.nodes {
		if !e.dead[n] {
			live = append(live, n)
		}
	}
	s.g.Nodes = live
	s.g.ReplaceAll(e.replacement)
	s.g.RemoveDead()
	return e.changes, nil
}

// resolveInputs makes the node read what replaced its inputs.
func (e *editor) resolveInputs(n *graph.Node) {
	for i, v := range n.Inputs {
		if v != nil {
			n.Inputs[i] = e.resolve(v)
		}
	}
}

func (e *editor) resolve(v *graph.Value) *graph.Value {
	for {
		next, ok := e.replacement[v]
		if !ok {
			return v
		}
		v = next
	}
}

// single reports whether the value is produced by a node and read exactly once.
func (e *editor) single(v *graph.Value) bool {
	return v != nil && v.Producer != nil && e.users[v] == 1
}

// replace makes all readers of old, which come after the present node, read new. Types agree.
func (e *editor) replace(old, new *graph.Value) {
	if old == new {
		return
	}
	e.changes++
	e.replacement[old] = new
	e.users[new] += e.users[old]
	e.users[old] = 0
	e.release(old)
}

// release drops the producer of a value that nobody reads any more.
func (e *editor) release(v *graph.Value) {
	if v == nil || v.Producer == nil || e.dead[v.Producer] {
		return
	}
	for _, out := range v.Producer.Outputs {
		if out != nil && e.users[out] > 0 {
			return
		}
	}
	e.kill(v.Producer)
}

// kill drops the node, and the producers that only it read.
func (e *editor) kill(n *graph.Node) {
	e.dead[n] = true
	for _, out := range n.Outputs {
		if out != nil && out.Producer == n {
			out.Producer = nil
		}
	}
	for _, in := range n.Inputs {
		if in != nil {
			e.users[in]--
			if e.users[in] == 0 {
				e.release(in)
			}
		}
	}
}

// setInput makes the present node read another value at an input.
func (e *editor) setInput(n *graph.Node, i int, v *graph.Value) {
	e.changes++
	old := n.Inputs[i]
	n.Inputs[i] = v
	e.users[v]++
	if old != nil {
		e.users[old]--
		if e.users[old] == 0 {
			e.release(old)
		}
	}
}

// substitute puts another node in the place of the present one. The new node takes over its outputs, whose types stay; the old node's
// outputs beyond count outputs must be unread.
func (e *editor) substitute(old, new *graph.Node, outputs int) {
	e.changes++
	new.Outputs = old.Outputs[:min(outputs, len(old.Outputs))]
	for _, v := range new.Outputs {
		if v != nil {
			v.Producer = new
		}
	}
	e.add(new)
	e.kill(old)
}

// add appends a finished node ahead of the present one.
func (e *editor) add(n *graph.Node) {
	for _, v := range n.Inputs {
		if v != nil {
			e.users[v]++
		}
	}
	e.nodes = append(e.nodes, n)
}

// insert adds a new node with one output ahead of the present one and returns the output with its inferred type. Until something reads
// it, its number of readers is 0.
func (e *editor) insert(like *graph.Node, domain, name string, version int, attributes graph.Attributes, inputs ...*graph.Value) (*graph.Value, error) {
	n := newNode(like, domain, name, version, attributes, inputs...)
	v := &graph.Value{Name: fmt.Sprintf("%s:%s%d", n.Name, name, len(e.nodes)), Producer: n}
	n.Outputs = []*graph.Value{v}
	if err := op.InferNode(e.g, n); err != nil {
		return nil, err
	}
	e.add(n)
	return v, nil
}

// newNode returns a node without outputs, named after the one that it serves. Absent inputs at the end are dropped.
func newNode(like *graph.Node, domain, name string, version int, attributes graph.Attributes, inputs ...*graph.Value) *graph.Node {
	return &graph.Node{Name: like.Name, Domain: domain, Op: name, Version: version, Attributes: attributes, Inputs: trimmed(inputs...)}
}

// trimmed drops absent inputs at the end.
func trimmed(inputs ...*graph.Value) []*graph.Value {
	for len(inputs) > 0 && inputs[len(inputs)-1] == nil {
		inputs = inputs[:len(inputs)-1]
	}
	return inputs
}

// Versions of the ONNX operators that passes make: the newest whose form they use.
const (
	versionReshape        = 14
	versionTranspose      = 13
	versionExpand         = 13
	versionSlice          = 13
	versionClip           = 13
	versionElementwise    = 14
	versionGelu           = 20
	versionLayerNorm      = 17
	versionConstantFilled = 9
	versionFused          = 1
)

// reshape inserts a Reshape to a shape that a request's dimensions determine.
func (e *editor) reshape(like *graph.Node, v *graph.Value, shape []graph.Dim) (*graph.Value, error) {
	if sameDims(v.Shape, shape) {
		return v, nil
	}
	return e.insert(like, graph.DomainONNX, "Reshape", versionReshape, graph.Attributes{"allowzero": int64(1)}, v, shapeValue(like, shape))
}

// transpose inserts a Transpose.
func (e *editor) transpose(like *graph.Node, v *graph.Value, perm ...int64) (*graph.Value, error) {
	return e.insert(like, graph.DomainONNX, "Transpose", versionTranspose, graph.Attributes{"perm": perm}, v)
}

// expandTo makes the readers of out read v, broadcast to out's shape. It reports false where the shape is not known well enough.
func (e *editor) expandTo(like *graph.Node, v, out *graph.Value) (bool, error) {
	if v.DType != out.DType || !v.Ranked || !out.Ranked {
		return false, nil
	}
	if sameDims(v.Shape, out.Shape) {
		e.replace(out, v)
		return true, nil
	}
	if !e.grounded(out.Shape) || len(out.Shape) > graph.ContentLimit {
		return false, nil
	}
	e.substitute(like, newNode(like, graph.DomainONNX, "Expand", versionExpand, nil, v, shapeValue(like, out.Shape)), 1)
	return true, nil
}

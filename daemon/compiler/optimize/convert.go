package optimize

import (
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// conversion changes the element type of values from one floating-point type to another, as far as nodes take it, with Casts at the borders.
type conversion struct {
	*editor
	from, to tensor.DType
	// changed holds the values that have the new type now; restored has their casts back, and casted the casts of values that keep the old type.
	changed          map[*graph.Value]bool
	casted, restored map[*graph.Value]*graph.Value
}

// convert changes what the nodes that take it read and write. It returns the number of nodes changed.
func (s *state) convert(from, to tensor.DType, takes func(n *graph.Node) bool) (int, error) {
	c := &conversion{
		from: from, to: to, changed: make(map[*graph.Value]bool), casted: make(map[*graph.Value]*graph.Value), restored: make(map[*graph.Value]*graph.Value),
	}
	changes, err := s.sweep(func(e *editor, n *graph.Node) error {
		c.editor = e
		if takes(n) {
			return c.take(n)
		}
		return c.restoreInputs(n)
	})
	if err != nil || changes == 0 {
		return changes, err
	}
	return changes, c.restoreOutputs(s)
}

// take lets a node read and write the new type.
func (c *conversion) take(n *graph.Node) error {
	for i, v := range n.Inputs {
		if v == nil || v.DType != c.from || op.ReadsShape(n, i) {
			continue
		}
		cast, err := c.cast(n, i, v)
		if err != nil {
			return err
		}
		c.setInput(n, i, cast)
	}
	if n.Op == "Cast" && n.Domain == graph.DomainONNX && n.Int("to", 0) == int64(c.from) {
		n.Attributes = n.Attributes.With("to", int64(c.to))
	}
	for _, v := range n.Outputs {
		if v != nil && v.DType == c.from {
			v.DType = c.to
			c.changed[v] = true
			c.changes++
		}
	}
	return nil
}

// cast returns a value in the new type, for input i of a node.
func (c *conversion) cast(n *graph.Node, i int, v *graph.Value) (*graph.Value, error) {
	if known := c.casted[v]; known != nil {
		return known, nil
	}
	if source := castFrom(v, c.to); source != nil && c.from == tensor.Float32 {
		return source, nil // widening it lost nothing
	}
	var err error
	cast := v
	if v.Constant != nil {
		cast = graph.NewConstant(v.Name, saturated(v.Constant, c.to))
	} else {
		if c.to == tensor.Float16 && n.Is(graph.DomainFused, op.FusedAttention) && i == 3 {
			// Masks hold the least float32, which float16 would make an infinity, and a row of those has no softmax.
			if cast, err = c.clip(n, v); err != nil {
				return nil, err
			}
		}
		if cast, err = c.insert(n, graph.DomainONNX, "Cast", op.VersionCast, graph.Attributes{"to": int64(c.to)}, cast); err != nil {
			return nil, err
		}
	}
	c.casted[v] = cast
	return cast, nil
}

// clip bounds a value to the range of float16.
func (c *conversion) clip(like *graph.Node, v *graph.Value) (*graph.Value, error) {
	low := constantFloats(like.Name+":least", []float32{-tensor.MaxFloat16})
	high := constantFloats(like.Name+":largest", []float32{tensor.MaxFloat16})
	return c.insert(like, graph.DomainONNX, "Clip", versionClip, nil, v, low, high)
}

// saturated rounds a constant to the type; what is finite stays so.
func saturated(t *tensor.Tensor, to tensor.DType) *tensor.Tensor {
	rounded := tensor.Convert(t, to)
	if to != tensor.Float16 || t.DType != tensor.Float32 {
		return rounded
	}
	for i, x := range tensor.Slice[float32](t) {
		if !math.IsInf(float64(x), 0) && math.Abs(float64(x)) > tensor.MaxFloat16 {
			tensor.Slice[uint16](rounded)[i] = tensor.ToFloat16(math.Copysign(tensor.MaxFloat16, float64(x)))
		}
	}
	return rounded
}

// restoreInputs gives a node that does not take the new type the old one.
func (c *conversion) restoreInputs(n *graph.Node) error {
	for i, v := range n.Inputs {
		if v == nil || !c.changed[v] {
			continue
		}
		old := c.restored[v]
		if old == nil {
			var err error
			if old, err = c.insert(n, graph.DomainONNX, "Cast", op.VersionCast, graph.Attributes{"to": int64(c.from)}, v); err != nil {
				return err
			}
			c.restored[v] = old
		}
		c.setInput(n, i, old)
	}
	return nil
}

// restoreOutputs gives the graph's outputs their types back.
func (c *conversion) restoreOutputs(s *state) error {
	for i, v := range s.g.Outputs {
		if !c.changed[v] {
			continue
		}
		if old := c.restored[v]; old != nil {
			s.g.Outputs[i] = old
			continue
		}
		n := &graph.Node{
			Name: s.g.OutputNames[i], Op: "Cast", Version: op.VersionCast, Attributes: graph.Attributes{"to": int64(c.from)}, Inputs: []*graph.Value{v},
		}
		out := &graph.Value{Name: v.Name + ":" + c.from.String(), Producer: n}
		n.Outputs = []*graph.Value{out}
		if err := op.InferNode(s.g, n); err != nil {
			return err
		}
		s.g.Nodes = append(s.g.Nodes, n)
		s.g.Outputs[i], c.restored[v] = out, out
	}
	return nil
}

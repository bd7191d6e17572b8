// Package graph is the compiler's intermediate representation: single-assignment values and one node type.
//
// In: a graph that package onnx built. Out: the same graph, changed by the passes of package optimize and read by the devices.
// Shapes may hold symbols until a request fixes them. Verify holds after every pass.
package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/inferd/inferd/daemon/tensor"
)

// Domains of operators.
const (
	DomainONNX  = ""           // ai.onnx
	DomainML    = "ai.onnx.ml" // classical machine learning
	DomainFused = "inferd"     // operators that only our passes make; see package op
)

// ContentLimit is the number of elements up to which the compiler tracks the symbolic content of an integer tensor.
const ContentLimit = 64

// Value is produced once: by a node, by the caller (a graph input) or by the model file (a constant).
type Value struct {
	Name  string
	DType tensor.DType
	// Shape is meaningful where Ranked is true.
	Shape  []Dim
	Ranked bool
	// Constant holds the elements where they are known completely.
	Constant *tensor.Tensor
	// Content holds the elements of a small int32 or int64 tensor, row-major, as far as dimensions determine them. A value with
	// Content needs no producer at run time once its dimensions are known. Nil where unknown.
	Content []Dim
	// Affine describes an integer tensor whose elements are an affine function of their index. Nil where unknown.
	Affine *Affine
	// Producer is nil for graph inputs and constants.
	Producer *Node
}

// Affine says that element [i0, i1, ...] of an integer tensor is Base + sum(Strides[k] * ik). Range is the simplest source; it lets
// the compiler see through index arithmetic that only reshapes or broadcasts.
type Affine struct {
	Base    Dim
	Strides []Dim
}

// Node applies an operator. Absent optional inputs and outputs are nil.
type Node struct {
	Name       string
	Domain     string
	Op         string
	Version    int // of the operator set of Domain that the model imports
	Attributes Attributes
	Inputs     []*Value
	Outputs    []*Value
}

// Graph is a function from Inputs to Outputs. Nodes are in topological order.
type Graph struct {
	Name    string
	Inputs  []*Value
	Outputs []*Value
	Nodes   []*Node
	// OutputNames are the names that callers use; an output value may be renamed or shared by passes.
	OutputNames []string
	// Symbols numbers fresh symbols.
	Symbols int
}

// NewConstant returns a value that holds the tensor.
func NewConstant(name string, t *tensor.Tensor) *Value {
	v := &Value{Name: name, DType: t.DType, Ranked: true, Constant: t, Shape: Dims(t.Shape)}
	v.Content = contentOf(t)
	return v
}

// Dims converts a known shape.
func Dims(shape []int64) []Dim {
	dims := make([]Dim, len(shape))
	for i, dim := range shape {
		dims[i] = Int(dim)
	}
	return dims
}

// contentOf returns the elements of a small integer tensor as dimensions.
func contentOf(t *tensor.Tensor) []Dim {
	if t.Elements() > ContentLimit {
		return nil
	}
	switch t.DType {
	case tensor.Int64:
		return Dims(tensor.Slice[int64](t))
	case tensor.Int32:
		content := make([]Dim, 0, ContentLimit)
		for _, x := range tensor.Slice[int32](t) {
			content = append(content, Int(int64(x)))
		}
		return content
	}
	return nil
}

// KnownShape returns the shape where every dimension is known.
func (v *Value) KnownShape() ([]int64, bool) {
	if !v.Ranked {
		return nil, false
	}
	shape := make([]int64, len(v.Shape))
	for i, dim := range v.Shape {
		size, ok := dim.Known()
		if !ok {
			return nil, false
		}
		shape[i] = size
	}
	return shape, true
}

// KnownContent returns the elements where each is a known integer.
func (v *Value) KnownContent() ([]int64, bool) {
	if v.Content == nil {
		return nil, false
	}
	content := make([]int64, len(v.Content))
	for i, dim := range v.Content {
		element, ok := dim.Known()
		if !ok {
			return nil, false
		}
		content[i] = element
	}
	return content, true
}

// ElementCount is the product of the dimensions.
func (v *Value) ElementCount() Dim {
	count := Int(1)
	for _, dim := range v.Shape {
		count = count.Mul(dim)
	}
	return count
}

// String describes the value as "name float32[batch,128]".
func (v *Value) String() string {
	if v == nil {
		return "-"
	}
	return v.Name + " " + v.Type()
}

// Type describes the value's element type and shape.
func (v *Value) Type() string {
	if !v.Ranked {
		return v.DType.String() + "[?]"
	}
	text := []byte(v.DType.String() + "[")
	for i, dim := range v.Shape {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, dim.String()...)
	}
	return string(append(text, ']'))
}

// Input returns input i, or nil where it is absent.
func (n *Node) Input(i int) *Value {
	if i < len(n.Inputs) {
		return n.Inputs[i]
	}
	return nil
}

// Output returns output i, or nil where it is absent.
func (n *Node) Output(i int) *Value {
	if i < len(n.Outputs) {
		return n.Outputs[i]
	}
	return nil
}

// Is reports whether the node applies the operator of the domain.
func (n *Node) Is(domain, op string) bool { return n.Op == op && n.Domain == domain }

// QualifiedOp is the operator with its domain in front where that is not ai.onnx.
func (n *Node) QualifiedOp() string {
	if n.Domain == DomainONNX {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// String names the node for errors: node "name" (Conv).
func (n *Node) String() string { return fmt.Sprintf("node %q (%s)", n.Name, n.QualifiedOp()) }

const freshPrefix = "unknown_"

// FreshSymbol returns a dimension that equals no other.
func (g *Graph) FreshSymbol() Dim {
	g.Symbols++
	return Symbol(fmt.Sprintf("%s%d", freshPrefix, g.Symbols))
}

// Users returns the number of node inputs and graph outputs that read each value.
func (g *Graph) Users() map[*Value]int {
	users := make(map[*Value]int, len(g.Nodes)*2)
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v != nil {
				users[v]++
			}
		}
	}
	for _, v := range g.Outputs {
		users[v]++
	}
	return users
}

// Replace makes every reader of old read new instead. Types must agree. It walks the whole graph; passes that replace many
// values collect them and call ReplaceAll once.
func (g *Graph) Replace(old, new *Value) { g.ReplaceAll(map[*Value]*Value{old: new}) }

// ReplaceAll makes every reader of a key read its value instead, following chains of replacements.
func (g *Graph) ReplaceAll(replacement map[*Value]*Value) {
	resolve := func(v *Value) *Value {
		for steps := 0; steps <= len(replacement); steps++ {
			next, ok := replacement[v]
			if !ok {
				return v
			}
			v = next
		}
		panic("graph: replacements form a cycle")
	}
	for _, n := range g.Nodes {
		for i, v := range n.Inputs {
			if v != nil {
				n.Inputs[i] = resolve(v)
			}
		}
	}
	for i, v := range g.Outputs {
		g.Outputs[i] = resolve(v)
	}
}

// Clone copies nodes and values. Constants' tensors and attributes are shared: both are immutable.
func (g *Graph) Clone() *Graph {
	values := make(map[*Value]*Value, len(g.Nodes)*2)
	clone := func(v *Value) *Value {
		if v == nil {
			return nil
		}
		if c, ok := values[v]; ok {
			return c
		}
		c := *v
		c.Shape, c.Content, c.Producer = slices.Clone(v.Shape), slices.Clone(v.Content), nil
		values[v] = &c
		return &c
	}
	cloneAll := func(list []*Value) []*Value {
		out := make([]*Value, len(list))
		for i, v := range list {
			out[i] = clone(v)
		}
		return out
	}
	copied := &Graph{Name: g.Name, OutputNames: slices.Clone(g.OutputNames), Symbols: g.Symbols}
	copied.Inputs = cloneAll(g.Inputs)
	for _, n := range g.Nodes {
		c := *n
		c.Inputs, c.Outputs = cloneAll(n.Inputs), cloneAll(n.Outputs)
		for _, v := range c.Outputs {
			if v != nil {
				v.Producer = &c
			}
		}
		copied.Nodes = append(copied.Nodes, &c)
	}
	copied.Outputs = cloneAll(g.Outputs)
	return copied
}

// IsFreshSymbol reports whether the name could be one of FreshSymbol's.
func IsFreshSymbol(name string) bool { return strings.HasPrefix(name, freshPrefix) }

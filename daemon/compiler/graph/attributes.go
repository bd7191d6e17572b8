package graph

import (
	"fmt"

	"github.com/inferd/inferd/daemon/tensor"
)

// Attributes are the named parameters of a node. The Go type of a value is its kind: int64, float32, string, []int64, []float32,
// []string, *tensor.Tensor, *Graph, or for fused operators any type of package op. They are immutable once set: a pass that changes one
// makes a new map with With.
type Attributes map[string]any

// With returns a copy with one attribute set.
func (a Attributes) With(name string, value any) Attributes {
	copied := make(Attributes, len(a)+1)
	for k, v := range a {
		copied[k] = v
	}
	copied[name] = value
	return copied
}

// Without returns a copy without the named attributes.
func (a Attributes) Without(names ...string) Attributes {
	copied := make(Attributes, len(a))
	for k, v := range a {
		copied[k] = v
	}
	for _, name := range names {
		delete(copied, name)
	}
	return copied
}

// Attribute returns the node's attribute of type T, or fallback where it is absent. It fails where the attribute has another type.
func Attribute[T any](n *Node, name string, fallback T) (T, error) {
	value, ok := n.Attributes[name]
	if !ok {
		return fallback, nil
	}
	typed, ok := value.(T)
	if !ok {
		return fallback, fmt.Errorf("%v: attribute %q is %T, want %T", n, name, value, fallback)
	}
	return typed, nil
}

// The following read an attribute whose type has been checked (by op's Infer or by the pass that made the node).

// Int returns an integer attribute or fallback.
func (n *Node) Int(name string, fallback int64) int64 { return checked(n, name, fallback) }

// Float returns a float attribute or fallback.
func (n *Node) Float(name string, fallback float32) float32 { return checked(n, name, fallback) }

// Text returns a string attribute or fallback.
func (n *Node) Text(name, fallback string) string { return checked(n, name, fallback) }

// Ints returns an integer-list attribute or nil.
func (n *Node) Ints(name string) []int64 { return checked[[]int64](n, name, nil) }

// Floats returns a float-list attribute or nil.
func (n *Node) Floats(name string) []float32 { return checked[[]float32](n, name, nil) }

// Texts returns a string-list attribute or nil.
func (n *Node) Texts(name string) []string { return checked[[]string](n, name, nil) }

// Tensor returns a tensor attribute or nil.
func (n *Node) Tensor(name string) *tensor.Tensor { return checked[*tensor.Tensor](n, name, nil) }

func checked[T any](n *Node, name string, fallback T) T {
	value, err := Attribute(n, name, fallback)
	if err != nil {
		return fallback
	}
	return value
}

package op

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

type inferFunc = func(g *graph.Graph, n *graph.Node) error

// entry is an Operator with its attributes split up.
type entry struct {
	Operator
	kinds map[string]string
}

type operatorKey struct{ domain, name string }

// index holds the table by domain and name. It is built once and read only.
var index = sync.OnceValue(func() map[operatorKey]*entry {
	entries := make(map[operatorKey]*entry)
	for _, operators := range [][]Operator{onnxOperators(), mlOperators(), fusedOperators()} {
		for _, o := range operators {
			e := &entry{Operator: o, kinds: make(map[string]string)}
			for _, attribute := range strings.Fields(o.Attributes) {
				name, kind, _ := strings.Cut(attribute, ":")
				e.kinds[name] = kind
			}
			entries[operatorKey{o.Domain, o.Name}] = e
		}
	}
	return entries
})

func lookup(domain, name string) (*entry, bool) {
	e, ok := index()[operatorKey{domain, name}]
	return e, ok
}

// Lookup returns an operator of the table.
func Lookup(domain, name string) (*Operator, bool) {
	e, ok := lookup(domain, name)
	if !ok {
		return nil, false
	}
	return &e.Operator, true
}

// Operators returns the whole table, sorted by domain and name.
func Operators() []Operator {
	keys := slices.SortedFunc(maps.Keys(index()), func(a, b operatorKey) int {
		return strings.Compare(a.domain+"\x00"+a.name, b.domain+"\x00"+b.name)
	})
	list := make([]Operator, len(keys))
	for i, key := range keys {
		list[i] = index()[key].Operator
	}
	return list
}

// ReadsShape reports whether input i of the node only tells shapes and positions; see Operator.ShapeInputs.
func ReadsShape(n *graph.Node, i int) bool {
	e, ok := lookup(n.Domain, n.Op)
	return ok && slices.Contains(e.ShapeInputs, i)
}

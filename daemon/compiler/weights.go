package compiler

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
)

func newStores(options Options) stores {
	s := stores{device: options.Device.NewWeights()}
	if options.Fallback != nil {
		s.fallback = options.Fallback.NewWeights()
	}
	return s
}

// each calls visit for the stores that exist.
func (s stores) each(visit func(device.Weights)) {
	visit(s.device)
	if s.fallback != nil {
		visit(s.fallback)
	}
}

func (s stores) adopt(g *graph.Graph) {
	list := constants(g)
	s.each(func(w device.Weights) { w.Adopt(list) })
}

func (s stores) fork() stores {
	forked := stores{device: s.device.Fork()}
	if s.fallback != nil {
		forked.fallback = s.fallback.Fork()
	}
	return forked
}

func (s stores) bytes() (sum int64) {
	s.each(func(w device.Weights) { sum += w.Bytes() })
	return sum
}

func (s stores) hold(v *graph.Value) bool {
	return s.device.Holds(v) || s.fallback != nil && s.fallback.Holds(v)
}

func (s stores) close() { s.each(device.Weights.Close) }

// constants lists each constant that a node or an output of the graph reads, once.
func constants(g *graph.Graph) []*graph.Value {
	var list []*graph.Value
	seen := make(map[*graph.Value]bool)
	add := func(v *graph.Value) {
		if v != nil && v.Constant != nil && !seen[v] {
			seen[v] = true
			list = append(list, v)
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			add(v)
		}
	}
	for _, v := range g.Outputs {
		add(v)
	}
	return list
}

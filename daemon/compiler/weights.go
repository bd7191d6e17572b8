package compiler

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
)

// newStores makes a store of weights on each device.
func newStores(devices []device.Device) (stores []device.Weights) {
	for _, d := range devices {
		stores = append(stores, d.NewWeights())
	}
	return stores
}

func fork(stores []device.Weights) (forked []device.Weights) {
	for _, s := range stores {
		forked = append(forked, s.Fork())
	}
	return forked
}

func closeAll(stores []device.Weights) {
	for _, s := range stores {
		s.Close()
	}
}

// hold reports whether any store has the constant.
func hold(stores []device.Weights, v *graph.Value) bool {
	return slices.ContainsFunc(stores, func(s device.Weights) bool { return s.Holds(v) })
}

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

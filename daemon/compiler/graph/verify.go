package graph

import (
	"fmt"
	"io"
	"slices"
)

// Verify checks the invariants that every pass keeps: each value has one producer, is defined before it is read, types are set, and
// Producer links agree with Outputs. It returns an error that names the first offending node.
func (g *Graph) Verify() error {
	defined := make(map[*Value]bool, len(g.Nodes)*2)
	for _, v := range g.Inputs {
		if v == nil || v.Producer != nil || defined[v] {
			return fmt.Errorf("graph %q: input %v is produced by a node or listed twice", g.Name, v)
		}
		defined[v] = true
	}
	for _, n := range g.Nodes {
		for i, v := range n.Inputs {
			if v == nil || defined[v] || v.Constant != nil || v.Producer == nil && v.Content != nil {
				continue
			}
			return fmt.Errorf("%v: input %d (%q) is read before it is produced", n, i, v.Name)
		}
		for i, v := range n.Outputs {
			if v == nil {
				continue
			}
			if defined[v] || v.Producer != n {
				return fmt.Errorf("%v: output %d (%q) has another producer", n, i, v.Name)
			}
			defined[v] = true
		}
	}
	if len(g.OutputNames) != len(g.Outputs) {
		return fmt.Errorf("graph %q: %d output names for %d outputs", g.Name, len(g.OutputNames), len(g.Outputs))
	}
	for i, v := range g.Outputs {
		if v == nil || !defined[v] && v.Constant == nil && v.Content == nil {
			return fmt.Errorf("graph %q: output %q is never produced", g.Name, g.OutputNames[i])
		}
	}
	return nil
}

// Sort puts the nodes into topological order, keeping the present order where it is free. It fails on a cycle.
func (g *Graph) Sort() error {
	state := make(map[*Node]int, len(g.Nodes))
	sorted := make([]*Node, 0, len(g.Nodes))
	type frame struct {
		node *Node
		next int
	}
	for _, root := range g.Nodes {
		stack := []frame{{root, 0}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == 0 {
				if state[top.node] == 2 {
					stack = stack[:len(stack)-1]
					continue
				}
				state[top.node] = 1
			}
			if top.next == len(top.node.Inputs) {
				state[top.node] = 2
				sorted = append(sorted, top.node)
				stack = stack[:len(stack)-1]
				continue
			}
			v := top.node.Inputs[top.next]
			top.next++
			if v == nil || v.Producer == nil || state[v.Producer] == 2 {
				continue
			}
			if state[v.Producer] == 1 {
				return fmt.Errorf("%v: the graph has a cycle through value %q", top.node, v.Name)
			}
			stack = append(stack, frame{v.Producer, 0})
		}
	}
	g.Nodes = sorted
	return nil
}

// RemoveDead drops nodes whose outputs nobody reads, and those whose every read output is known without running them.
func (g *Graph) RemoveDead() {
	users := g.Users()
	kept := make([]*Node, 0, len(g.Nodes))
	for _, n := range slices.Backward(g.Nodes) {
		live := false
		for _, v := range n.Outputs {
			live = live || v != nil && users[v] > 0 && v.Constant == nil
		}
		if live {
			kept = append(kept, n)
			continue
		}
		for _, v := range n.Inputs {
			if v != nil {
				users[v]--
			}
		}
		for _, v := range n.Outputs {
			if v != nil {
				v.Producer = nil
			}
		}
	}
	slices.Reverse(kept)
	g.Nodes = kept
}

// Dump prints the graph, a line a node.
func (g *Graph) Dump(w io.Writer) {
	fmt.Fprintf(w, "graph %q: %d nodes\n", g.Name, len(g.Nodes))
	for _, v := range g.Inputs {
		fmt.Fprintf(w, "  input  %v\n", v)
	}
	for _, n := range g.Nodes {
		fmt.Fprintf(w, "  %s %v <-", n.QualifiedOp(), n.Outputs)
		for _, v := range n.Inputs {
			switch {
			case v == nil:
				fmt.Fprint(w, " -")
			case v.Constant != nil:
				fmt.Fprintf(w, " const(%s)", v.Type())
			default:
				fmt.Fprintf(w, " %s", v.Name)
			}
		}
		names := make([]string, 0, len(n.Attributes))
		for name := range n.Attributes {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			text := fmt.Sprintf("%v", n.Attributes[name])
			if len(text) > 60 {
				text = text[:57] + "..."
			}
			fmt.Fprintf(w, " %s=%s", name, text)
		}
		fmt.Fprintln(w)
	}
	for i, v := range g.Outputs {
		fmt.Fprintf(w, "  output %s = %v\n", g.OutputNames[i], v)
	}
}

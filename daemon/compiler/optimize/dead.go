package optimize

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
)

// removeDead drops nodes that nobody reads, and at level Prepare nodes that only compute what the shapes of a request determine: their
// readers keep the symbolic content, which needs no producer.
func removeDead(s *state) (int, error) {
	before := len(s.g.Nodes)
	users := s.g.Users()
	for _, n := range s.g.Nodes {
		if !s.determined(n, users) {
			continue
		}
		for i, v := range n.Outputs {
			if v != nil && users[v] > 0 {
				v.Producer = nil
				n.Outputs[i] = nil
			}
		}
	}
	s.g.RemoveDead()
	return before - len(s.g.Nodes), nil
}

// determined reports whether every output that is read is known from the request's shapes.
func (s *state) determined(n *graph.Node, users map[*graph.Value]int) bool {
	for _, v := range n.Outputs {
		if v == nil || users[v] == 0 || v.Constant != nil {
			continue
		}
		if v.Content == nil || !s.grounded(v.Content) || !s.grounded(v.Shape) {
			return false
		}
	}
	return true
}

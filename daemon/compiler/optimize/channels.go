package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// channel is one channel of a value [N, C, H, W].
type channel struct {
	source *graph.Value
	index  int
}

// Bounds of the lists that the router keeps: for one value, and for all of them.
const (
	maxChannels       = 4096
	maxRoutedChannels = 1 << 20
)

// router removes channel shuffles. It follows every channel through Concat, Slice, Split and shuffle nodes from the convolution that
// computes it to the convolution that reads it. A reader takes its channels in any order, if its weights are permuted; so it takes them
// as whole runs of the values that hold them, and those hold first what is read first.
type router struct {
	*state
	users map[*graph.Value]int
	// readers lists the nodes that read a value.
	readers map[*graph.Value][]*graph.Node
	// routes says where each channel of a value inside the routing comes from.
	routes map[*graph.Value][]channel
	routed int // channels in routes, about
	// routing holds the nodes that only route; shuffled the values behind a shuffle.
	routing  map[*graph.Node]bool
	shuffled map[*graph.Value]bool
	// clean holds the values whose channels all readers can take in another order.
	clean map[*graph.Value]bool
	// order says which channel of a value lies at each place, where that changed; rows the same for the convolution that makes it.
	order map[*graph.Value][]int
	rows  map[*graph.Node][]int
	// arranged holds the inputs that were put together, by the value that they replace.
	arranged map[*graph.Value]arrangement
}

// arrangement is a value that holds the channels of another one in another order: place i holds channel order[i].
type arrangement struct {
	value *graph.Value
	order []int
}

// routeChannels removes channel shuffles between convolutions.
func routeChannels(s *state) (int, error) {
	r := &router{
		state: s, users: s.g.Users(), readers: make(map[*graph.Value][]*graph.Node), routes: make(map[*graph.Value][]channel),
		routing: make(map[*graph.Node]bool), shuffled: make(map[*graph.Value]bool), clean: make(map[*graph.Value]bool),
		order: make(map[*graph.Value][]int), rows: make(map[*graph.Node][]int),
		arranged: make(map[*graph.Value]arrangement),
	}
	if !slices.ContainsFunc(s.g.Nodes, func(n *graph.Node) bool { in, _ := shuffleSource(n); return in != nil }) {
		return 0, nil
	}
	for _, n := range s.g.Nodes {
		if r.routed > maxRoutedChannels {
			return 0, nil
		}
		for _, v := range n.Inputs {
			if v != nil {
				r.readers[v] = append(r.readers[v], n)
			}
		}
		r.follow(n)
	}
	if len(r.shuffled) == 0 {
		return 0, nil
	}
	for _, n := range slices.Backward(s.g.Nodes) {
		for _, v := range n.Outputs {
			if v != nil {
				r.clean[v] = r.isClean(v)
			}
		}
	}
	if !r.chooseOrders() {
		return 0, nil
	}
	return s.sweep(r.rewrite)
}

// route returns where the channels of a value come from; a value outside the routing is its own source.
func (r *router) route(v *graph.Value) []channel {
	if route, ok := r.routes[v]; ok {
		return route
	}
	if rank(v) != 4 {
		return nil
	}
	count, ok := v.Shape[1].Known()
	if !ok || count < 1 || count > maxChannels {
		return nil
	}
	route := make([]channel, count)
	for i := range route {
		route[i] = channel{v, i}
	}
	return route
}

// follow finds out whether the node only routes channels, and whereto.
func (r *router) follow(n *graph.Node) {
	if n.Domain != graph.DomainONNX || n.Input(0) == nil || rank(n.Output(0)) != 4 {
		return
	}
	out := n.Output(0)
	switch n.Op {
	case "Concat":
		var route []channel
		for _, v := range n.Inputs {
			part := r.route(v)
			if part == nil || len(route)+len(part) > maxChannels || axisOf(n.Int("axis", 0), 4) != 1 {
				return
			}
			route = append(route, part...)
			r.inherit(out, v)
		}
		r.routes[out] = route
	case "Slice":
		axes, okAxes := r.integers(n.Input(3))
		starts, okStarts := r.integers(n.Input(1))
		count, known := out.Shape[1].Known()
		route := r.route(n.Input(0))
		if !okAxes || !okStarts || len(axes) != 1 || axisOf(axes[0], 4) != 1 || n.Input(4) != nil && !r.unitSteps(n) || !known || route == nil {
			return
		}
		start := starts[0]
		if start < 0 {
			start += int64(len(route))
		}
		if start < 0 || start+count > int64(len(route)) || count < 1 {
			return
		}
		r.routes[out] = route[start : start+count]
		r.inherit(out, n.Input(0))
	case "Split":
		route := r.route(n.Input(0))
		if route == nil || axisOf(n.Int("axis", 0), 4) != 1 {
			return
		}
		r.followSplit(n, route)
	case "Reshape":
		in, groups := shuffleSource(n)
		route := r.route(in)
		if route == nil {
			return
		}
		size := len(route) / groups
		permuted := make([]channel, 0, len(route))
		for i := range size {
			for g := range groups {
				permuted = append(permuted, route[g*size+i])
			}
		}
		r.routes[out], r.shuffled[out] = permuted, true
		r.routing[out.Producer.Input(0).Producer] = true
		r.routing[out.Producer.Input(0).Producer.Input(0).Producer] = true
	default:
		return
	}
	if r.routes[out] != nil {
		r.routed += len(r.routes[out])
		r.routing[n] = true
	}
}

// inherit marks a value behind a shuffle if the one that it is made of is.
func (r *router) inherit(out, in *graph.Value) {
	if r.shuffled[in] {
		r.shuffled[out] = true
	}
}

func (r *router) unitSteps(n *graph.Node) bool {
	steps, ok := r.integers(n.Input(4))
	return ok && all(steps, 1)
}

// followSplit routes each output of a Split along the channels.
func (r *router) followSplit(n *graph.Node, route []channel) {
	start := int64(0)
	for _, v := range n.Outputs {
		if v == nil || rank(v) != 4 {
			return
		}
		count, known := v.Shape[1].Known()
		if !known || count < 1 || start+count > int64(len(route)) {
			return
		}
		start += count
	}
	start = 0
	for _, v := range n.Outputs {
		count, _ := v.Shape[1].Known()
		r.routes[v] = route[start : start+count]
		r.inherit(v, n.Input(0))
		start += count
	}
}

// shuffleSource returns what a channel shuffle reads, and its groups, if the node is the Reshape at the end of one. Values within the
// shuffle must have no other reader, which the caller's exact routing relies on.
func shuffleSource(n *graph.Node) (*graph.Value, int) {
	transpose := producer(n.Input(0), "Transpose")
	if transpose == nil || !isONNX(n, "Reshape") {
		return nil, 0
	}
	split := producer(transpose.Input(0), "Reshape")
	perm, ok := permutation(transpose)
	if split == nil || !ok || !slices.Equal(perm, []int64{0, 2, 1, 3, 4}) {
		return nil, 0
	}
	in, grouped, out := split.Input(0), split.Output(0).Shape, n.Output(0).Shape
	if rank(in) != 4 || !sameDims(in.Shape, out) || !grouped[0].Equal(out[0]) || !sameDims(grouped[3:], out[2:]) {
		return nil, 0
	}
	groups, known := grouped[1].Known()
	if !known || groups < 1 || !grouped[1].Mul(grouped[2]).Equal(out[1]) {
		return nil, 0
	}
	return in, int(groups)
}

// isClean reports whether all readers of the value can take its channels in another order. Readers come later and are known already.
func (r *router) isClean(v *graph.Value) bool {
	if r.users[v] != len(r.readers[v]) {
		return false // an output of the graph
	}
	for _, n := range r.readers[v] {
		if !r.permutable(n, v) {
			return false
		}
		if r.routing[n] || isDepthwise(n) {
			for _, out := range n.Outputs {
				if !r.clean[out] {
					return false
				}
			}
		}
	}
	return true
}

// permutable reports whether the node can take the channels of v in another order.
func (r *router) permutable(n *graph.Node, v *graph.Value) bool {
	if r.routing[n] {
		return true
	}
	if !isONNX(n, "Conv") || n.Inputs[0] != v || slices.Contains(n.Inputs[1:], v) || n.Int("group", 1) != 1 && !isDepthwise(n) {
		return false
	}
	_, okWeights := r.floats(n.Inputs[1])
	_, okBias := r.floats(n.Input(2))
	return okWeights && (okBias || n.Input(2) == nil) && r.route(v) != nil
}

// isDepthwise reports whether the node is a convolution of each channel by itself.
func isDepthwise(n *graph.Node) bool {
	if !isONNX(n, "Conv") || rank(n.Input(1)) != 4 {
		return false
	}
	w := n.Inputs[1].Shape
	return w[1].Is(1) && w[0].Is(n.Int("group", 1)) && n.Int("group", 1) > 1
}

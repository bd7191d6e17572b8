package optimize

import (
	"cmp"
	"math"
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
)

// maxPieces bounds the values that one convolution's input is put together from; beyond it a shuffle is cheaper.
const maxPieces = 16

// isSink reports whether the node is a convolution that takes its channels as they lie.
func (r *router) isSink(n *graph.Node) bool {
	return isONNX(n, "Conv") && r.permutable(n, n.Inputs[0]) && (!isDepthwise(n) || r.clean[n.Output(0)])
}

// chooseOrders lets the values behind shuffles hold first what is read first. It reports false where nothing would be gained.
func (r *router) chooseOrders() bool {
	first := make(map[*graph.Value][]int)
	var sources []*graph.Value
	sinks := 0
	for _, n := range r.g.Nodes {
		if !r.isSink(n) || !r.shuffled[n.Inputs[0]] {
			continue
		}
		sinks++
		for _, c := range r.route(n.Inputs[0]) {
			if first[c.source] == nil {
				first[c.source] = slices.Repeat([]int{math.MaxInt}, len(r.route(c.source)))
				sources = append(sources, c.source)
			}
			first[c.source][c.index] = min(first[c.source][c.index], sinks)
		}
	}
	for _, v := range sources {
		conv := r.origin(v)
		if conv == nil || !r.clean[v] {
			continue
		}
		order := make([]int, len(first[v]))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(first[v][a], first[v][b]) })
		if !slices.IsSorted(order) {
			r.order[v], r.rows[conv] = order, order
		}
	}
	for _, n := range r.g.Nodes {
		if r.isSink(n) && r.shuffled[n.Inputs[0]] && len(r.pieces(n.Inputs[0])) > maxPieces {
			return false
		}
	}
	return sinks > 0
}

// origin returns the convolution whose rows decide the order of the value's channels, or nil.
func (r *router) origin(v *graph.Value) *graph.Node {
	for n := v.Producer; n != nil; n = v.Producer {
		if isONNX(n, "Conv") {
			_, okWeights := r.floats(n.Input(1))
			_, okBias := r.floats(n.Input(2))
			if n.Int("group", 1) == 1 && okWeights && (okBias || n.Input(2) == nil) {
				return n
			}
			return nil
		}
		if !isONNX(n, pointwise...) || r.users[n.Input(0)] != 1 || slices.ContainsFunc(n.Inputs[1:], func(v *graph.Value) bool {
			return v != nil && !v.ElementCount().Is(1)
		}) {
			return nil
		}
		v = n.Input(0)
	}
	return nil
}

// piece is a run of channels of one source: count places from start on, which hold the channels with these positions in the route.
type piece struct {
	source    *graph.Value
	start     int
	positions []int
}

// pieces returns the runs that hold the channels of a value.
func (r *router) pieces(v *graph.Value) []piece {
	type entry struct{ source, place, position int }
	var sources []*graph.Value
	number := make(map[*graph.Value]int)
	places := make(map[*graph.Value][]int)
	var entries []entry
	for position, c := range r.route(v) {
		if _, seen := number[c.source]; !seen {
			number[c.source] = len(sources)
			sources = append(sources, c.source)
			places[c.source] = inverse(r.order[c.source])
		}
		place := c.index
		if places[c.source] != nil {
			place = places[c.source][c.index]
		}
		entries = append(entries, entry{number[c.source], place, position})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.source, b.source), cmp.Compare(a.place, b.place), cmp.Compare(a.position, b.position))
	})
	var list []piece
	for _, e := range entries {
		last := len(list) - 1
		if last >= 0 && list[last].source == sources[e.source] && list[last].start+len(list[last].positions) == e.place {
			list[last].positions = append(list[last].positions, e.position)
			continue
		}
		list = append(list, piece{sources[e.source], e.place, []int{e.position}})
	}
	return list
}

func inverse(order []int) []int {
	if order == nil {
		return nil
	}
	places := make([]int, len(order))
	for place, i := range order {
		places[i] = place
	}
	return places
}

// rewrite permutes the weights of a convolution for the order in which its channels lie and in which its result is wanted.
func (r *router) rewrite(e *editor, n *graph.Node) error {
	if !isONNX(n, "Conv") {
		return nil
	}
	rows, in := r.rows[n], arrangement{value: n.Inputs[0]}
	if r.isSink(n) {
		var err error
		if in, err = r.arrange(e, n, n.Inputs[0]); err != nil {
			return err
		}
	}
	columns := in.order
	if isDepthwise(n) {
		rows, columns = in.order, nil
		if in.order != nil {
			r.order[n.Output(0)] = in.order
		}
	}
	if rows == nil && columns == nil && in.value == n.Inputs[0] {
		return nil
	}
	weights, bias := n.Inputs[1], n.Input(2)
	elements, _ := e.floats(weights)
	permuted := permuteWeights(elements, weights.Constant.Shape, rows, columns)
	if bias != nil && rows != nil {
		list, _ := e.floats(bias)
		bias = constantFloats(bias.Name+":routed", permuteWeights(list, []int64{int64(len(list)), 1}, rows, nil), int64(len(list)))
	}
	routed := constantFloats(weights.Name+":routed", permuted, weights.Constant.Shape...)
	e.substitute(n, newNode(n, n.Domain, n.Op, n.Version, n.Attributes, in.value, routed, bias), 1)
	return nil
}

// permuteWeights reorders the first two axes; nil leaves an axis as it is.
func permuteWeights(elements []float32, shape []int64, rows, columns []int) []float32 {
	width := len(elements) / int(shape[0]*shape[1])
	permuted := make([]float32, 0, len(elements))
	for row := range int(shape[0]) {
		if rows != nil {
			row = rows[row]
		}
		for column := range int(shape[1]) {
			if columns != nil {
				column = columns[column]
			}
			at := (row*int(shape[1]) + column) * width
			permuted = append(permuted, elements[at:at+width]...)
		}
	}
	return permuted
}

// arrange puts the channels of a value together from the runs that hold them. Without a shuffle there is nothing to do.
func (r *router) arrange(e *editor, n *graph.Node, v *graph.Value) (arrangement, error) {
	if a, ok := r.arranged[v]; ok {
		return a, nil
	}
	moved := r.shuffled[v]
	for _, c := range r.route(v) {
		moved = moved || r.order[c.source] != nil
	}
	if !moved {
		return arrangement{value: v}, nil
	}
	var parts []*graph.Value
	var order []int
	for _, p := range r.pieces(v) {
		order = append(order, p.positions...)
		part := p.source
		if len(p.positions) != len(r.route(p.source)) {
			var err error
			part, err = e.insert(n, graph.DomainONNX, "Slice", versionSlice, nil, p.source, integerConstant(n.Name+":start", int64(p.start)),
				integerConstant(n.Name+":end", int64(p.start+len(p.positions))), integerConstant(n.Name+":axis", 1))
			if err != nil {
				return arrangement{}, err
			}
		}
		parts = append(parts, part)
	}
	a := arrangement{value: parts[0], order: order}
	if len(parts) > 1 {
		var err error
		if a.value, err = e.insert(n, graph.DomainONNX, "Concat", versionTranspose, graph.Attributes{"axis": int64(1)}, parts...); err != nil {
			return arrangement{}, err
		}
	}
	r.arranged[v] = a
	return a, nil
}

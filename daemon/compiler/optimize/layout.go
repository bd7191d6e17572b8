package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
)

// layout rewrites convolutional networks to channels last, in one sweep. Each converted node leaves its result in a new value with
// channels last, and a Transpose that makes the old value of it; the Transpose dies where all readers are converted too.
type layout struct {
	*editor
	// last holds, by value [N, C, ...], the same elements as [N, ..., C].
	last map[*graph.Value]*graph.Value
	// grouped holds, by value [N, G, C, H, W], the same elements as [N, H, W, G, C]: a channel shuffle under way.
	grouped map[*graph.Value]*graph.Value
}

// channelsLast converts everything that a convolution or pooling kernel reads or writes, as far as it reaches.
func channelsLast(s *state) (int, error) {
	if !s.target.Fuses(op.FusedConv) {
		return 0, nil
	}
	l := &layout{last: make(map[*graph.Value]*graph.Value), grouped: make(map[*graph.Value]*graph.Value)}
	return s.sweep(func(e *editor, n *graph.Node) error {
		l.editor = e
		return l.convert(n)
	})
}

// convert rewrites one node where it is worth it: kernels always, what lies between them where an input has channels last.
func (l *layout) convert(n *graph.Node) error {
	if n.Domain != graph.DomainONNX || n.Input(0) == nil || n.Output(0) == nil || rank(n.Output(0)) < 0 {
		return nil
	}
	switch n.Op {
	case "Conv":
		return l.convolution(n)
	case "MaxPool", "AveragePool":
		return l.pool(n)
	case "GlobalAveragePool":
		return l.globalPool(n)
	case "Transpose":
		if fusedProducer(n.Input(0), op.FusedQuantizedLinear, op.FusedQuantizedConv) != nil && slices.Equal(n.Ints("perm"), fromLast(rank(n.Input(0)))) {
			l.last[n.Output(0)] = n.Input(0)
			return nil
		}
	}
	if l.grouped[n.Input(0)] != nil {
		return l.shuffle(n)
	}
	if !slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool { return l.last[v] != nil }) {
		return nil
	}
	switch {
	case isONNX(n, pointwise...) || isONNX(n, "QuantizeLinear", "DequantizeLinear"):
		return l.pointwise(n)
	case isONNX(n, broadcasting...) || isONNX(n, "Sum", "Mean"):
		return l.elementwise(n)
	}
	if l.last[n.Input(0)] == nil && n.Op != "Concat" {
		return nil
	}
	switch n.Op {
	case "Concat":
		return l.concat(n)
	case "Split", "Softmax", "LogSoftmax":
		return l.alongAxis(n)
	case "Slice":
		return l.slice(n)
	case "Pad":
		return l.pad(n)
	case "Resize":
		return l.resize(n)
	case "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin":
		return l.reduce(n)
	case "Transpose":
		return l.compose(n)
	case "Reshape":
		return l.reshaped(n)
	}
	return nil
}

// toLast returns the axes that move channels last; fromLast those that move them back.
func toLast(rank int) []int64 {
	perm := []int64{0}
	for axis := 2; axis < rank; axis++ {
		perm = append(perm, int64(axis))
	}
	return append(perm, 1)
}

func fromLast(rank int) []int64 {
	perm := []int64{0, int64(rank - 1)}
	for axis := 1; axis < rank-1; axis++ {
		perm = append(perm, int64(axis))
	}
	return perm
}

// lastAxis returns where an axis of [N, C, ...] is in [N, ..., C].
func lastAxis(axis, rank int) int64 {
	return int64(slices.Index(toLast(rank), int64(axis)))
}

// lastAxes is lastAxis for a list that may count from the end; it reports false where one is out of range.
func lastAxes(axes []int64, rank int) ([]int64, bool) {
	moved := make([]int64, len(axes))
	for i, axis := range axes {
		at := axisOf(axis, rank)
		if at < 0 {
			return nil, false
		}
		moved[i] = lastAxis(at, rank)
	}
	return moved, true
}

// physical returns the value with channels last, and transposes it where nobody did before.
func (l *layout) physical(n *graph.Node, v *graph.Value) (*graph.Value, error) {
	if p := l.last[v]; p != nil {
		return p, nil
	}
	if t := producer(v, "Transpose"); t != nil && slices.Equal(t.Ints("perm"), fromLast(rank(v))) {
		return t.Input(0), nil
	}
	if v.Constant != nil && onlyDim(v.Constant.Shape) {
		shape := make([]int64, rank(v))
		for i, axis := range toLast(rank(v)) {
			shape[i] = v.Constant.Shape[axis]
		}
		return graph.NewConstant(v.Name+":last", v.Constant.Reshaped(shape...)), nil
	}
	p, err := l.transpose(n, v, toLast(rank(v))...)
	if err == nil {
		l.last[v] = p
	}
	return p, err
}

// onlyDim reports whether at most one dimension is not 1, so that moving axes moves no element.
func onlyDim(shape []int64) bool {
	large := 0
	for _, dim := range shape {
		if dim != 1 {
			large++
		}
	}
	return large <= 1
}

// aligned returns an operand that is broadcast against [N, C, ...] in the form that broadcasts against [N, ..., C].
func (l *layout) aligned(n *graph.Node, v *graph.Value, size int) (*graph.Value, error) {
	if v == nil || v.Constant != nil && v.Constant.Elements() == 1 || v.ElementCount().Is(1) {
		return v, nil
	}
	if rank(v) < size {
		shape := slices.Repeat([]graph.Dim{graph.Int(1)}, size-rank(v))
		shape = append(shape, v.Shape...)
		if known, ok := v.KnownShape(); ok && v.Constant != nil {
			padded := slices.Concat(slices.Repeat([]int64{1}, size-rank(v)), known)
			v = graph.NewConstant(v.Name+":aligned", v.Constant.Reshaped(padded...))
		} else {
			var err error
			if v, err = l.editor.reshape(n, v, shape); err != nil {
				return nil, err
			}
		}
	}
	return l.physical(n, v)
}

// produce ends the conversion of the present node: p holds its result with channels last.
func (l *layout) produce(n *graph.Node, p *graph.Value) {
	out := n.Output(0)
	l.last[out] = p
	attributes := graph.Attributes{"perm": fromLast(rank(p))}
	l.substitute(n, newNode(n, graph.DomainONNX, "Transpose", versionTranspose, attributes, p), 1)
}

// pointwise converts an operator of one tensor; its further inputs are numbers.
func (l *layout) pointwise(n *graph.Node) error {
	p := l.last[n.Input(0)]
	if p == nil {
		return nil
	}
	for _, v := range n.Inputs[1:] {
		if v != nil && !v.ElementCount().Is(1) {
			return nil
		}
	}
	inputs := slices.Clone(n.Inputs)
	inputs[0] = p
	result, err := l.insert(n, n.Domain, n.Op, n.Version, n.Attributes, inputs...)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// elementwise converts an operator that broadcasts its inputs.
func (l *layout) elementwise(n *graph.Node) error {
	size := rank(n.Output(0))
	for _, v := range n.Inputs {
		if rank(v) < 0 || !l.grounded(v.Shape) || l.last[v] != nil && rank(v) != size {
			return nil
		}
	}
	inputs := make([]*graph.Value, len(n.Inputs))
	for i, v := range n.Inputs {
		var err error
		if inputs[i], err = l.aligned(n, v, size); err != nil {
			return err
		}
	}
	result, err := l.insert(n, n.Domain, n.Op, n.Version, n.Attributes, inputs...)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// concat converts a concatenation; inputs that are not converted are transposed.
func (l *layout) concat(n *graph.Node) error {
	size := rank(n.Output(0))
	axis := axisOf(n.Int("axis", 0), size)
	converted := 0
	for _, v := range n.Inputs {
		if rank(v) != size {
			return nil
		}
		if l.last[v] != nil {
			converted++
		}
	}
	if axis < 0 || 2*converted < len(n.Inputs) {
		return nil
	}
	inputs := make([]*graph.Value, len(n.Inputs))
	for i, v := range n.Inputs {
		var err error
		if inputs[i], err = l.physical(n, v); err != nil {
			return err
		}
	}
	result, err := l.insert(n, n.Domain, n.Op, n.Version, n.Attributes.With("axis", lastAxis(axis, size)), inputs...)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// alongAxis converts an operator whose only mention of an axis is its attribute.
func (l *layout) alongAxis(n *graph.Node) error {
	size := rank(n.Input(0))
	fallback := int64(-1)
	if n.Op == "Split" {
		fallback = 0
	}
	axis := axisOf(n.Int("axis", fallback), size)
	if axis < 0 {
		return nil
	}
	converted := newNode(n, n.Domain, n.Op, n.Version, n.Attributes.With("axis", lastAxis(axis, size)), n.Inputs...)
	converted.Inputs = slices.Clone(converted.Inputs)
	converted.Inputs[0] = l.last[n.Input(0)]
	converted.Outputs = make([]*graph.Value, len(n.Outputs))
	for i, v := range n.Outputs {
		if v != nil {
			converted.Outputs[i] = &graph.Value{Name: v.Name + ":last", Producer: converted}
		}
	}
	if err := op.InferNode(l.g, converted); err != nil {
		return err
	}
	l.add(converted)
	return l.produceAll(n, converted)
}

// produceAll is produce for a node of several outputs.
func (l *layout) produceAll(n, converted *graph.Node) error {
	for i, v := range n.Outputs {
		if v == nil {
			continue
		}
		p := converted.Outputs[i]
		old, err := l.transpose(n, p, fromLast(rank(p))...)
		if err != nil {
			return err
		}
		l.last[old] = p
		l.replace(v, old)
	}
	return nil
}

// slice converts a Slice with known axes.
func (l *layout) slice(n *graph.Node) error {
	size := rank(n.Input(0))
	axes, ok := l.integers(n.Input(3))
	if n.Input(3) == nil {
		starts, known := n.Input(1).Shape[0].Known()
		for axis := range starts {
			axes = append(axes, axis)
		}
		ok = known
	}
	if !ok {
		return nil
	}
	moved, ok := lastAxes(axes, size)
	if !ok {
		return nil
	}
	result, err := l.insert(n, n.Domain, n.Op, n.Version, n.Attributes,
		l.last[n.Input(0)], n.Input(1), n.Input(2), integerConstant(n.Name+":axes", moved...), n.Input(4))
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// pad converts a Pad with known amounts for all axes.
func (l *layout) pad(n *graph.Node) error {
	size := rank(n.Input(0))
	pads, ok := l.integers(n.Input(1))
	if !ok || len(pads) != 2*size || n.Input(3) != nil {
		return nil
	}
	moved := make([]int64, 2*size)
	for i, axis := range toLast(size) {
		moved[i], moved[i+size] = pads[axis], pads[int(axis)+size]
	}
	result, err := l.insert(n, n.Domain, n.Op, n.Version, n.Attributes, l.last[n.Input(0)], integerConstant(n.Name+":pads", moved...), n.Input(2))
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// resize converts a Resize: its lists stay, its axes move.
func (l *layout) resize(n *graph.Node) error {
	size := rank(n.Input(0))
	axes := n.Ints("axes")
	if axes == nil {
		for axis := range size {
			axes = append(axes, int64(axis))
		}
	}
	moved, ok := lastAxes(axes, size)
	if !ok {
		return nil
	}
	inputs := slices.Clone(n.Inputs)
	inputs[0] = l.last[n.Input(0)]
	result, err := l.insert(n, n.Domain, n.Op, n.Version, n.Attributes.With("axes", moved), inputs...)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

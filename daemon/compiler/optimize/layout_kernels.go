package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// window is the geometry of a two-dimensional convolution or pooling, with all defaults filled in.
type window struct {
	kernel, strides, pads, dilations []int64
}

// windowOf reads the geometry of a node whose input is [N, C, H, W]. It reports false where padding depends on an unknown size.
func windowOf(n *graph.Node, kernel []int64) (window, bool) {
	w := window{kernel: kernel, strides: n.Ints("strides"), pads: n.Ints("pads"), dilations: n.Ints("dilations")}
	if w.strides == nil {
		w.strides = []int64{1, 1}
	}
	if w.dilations == nil {
		w.dilations = []int64{1, 1}
	}
	if w.pads == nil {
		w.pads = make([]int64, 4)
	}
	if len(w.kernel) != 2 || len(w.strides) != 2 || len(w.dilations) != 2 || len(w.pads) != 4 {
		return w, false
	}
	auto := n.Text("auto_pad", "NOTSET")
	switch auto {
	case "NOTSET", "":
		return w, true
	case "VALID":
		w.pads = make([]int64, 4)
		return w, true
	}
	w.pads = make([]int64, 4)
	for i := range 2 {
		size, known := n.Input(0).Shape[2+i].Known()
		if !known || w.strides[i] < 1 {
			return w, false
		}
		outputs := (size + w.strides[i] - 1) / w.strides[i]
		total := max(0, (outputs-1)*w.strides[i]+(w.kernel[i]-1)*w.dilations[i]+1-size)
		w.pads[i], w.pads[i+2] = total/2, total-total/2
		if auto == "SAME_LOWER" {
			w.pads[i], w.pads[i+2] = w.pads[i+2], w.pads[i]
		}
	}
	return w, auto == "SAME_UPPER" || auto == "SAME_LOWER"
}

// isPoint reports whether the window covers one element and skips none.
func (w window) isPoint() bool {
	return all(w.kernel, 1) && all(w.strides, 1) && all(w.pads, 0)
}

// convolution converts a Conv with constant weights: to a Linear over the channels where its kernel is 1x1.
func (l *layout) convolution(n *graph.Node) error {
	x, weights, bias := n.Input(0), n.Input(1), n.Input(2)
	if rank(x) != 4 || !isFloat(x) || bias != nil && bias.Constant == nil || weights.Constant == nil || weights.DType != tensor.Float32 || len(weights.Constant.Shape) != 4 {
		return nil
	}
	shape := weights.Constant.Shape
	geometry, ok := windowOf(n, shape[2:])
	if !ok {
		return nil
	}
	p, err := l.physical(n, x)
	if err != nil {
		return err
	}
	group := n.Int("group", 1)
	if geometry.isPoint() && group == 1 && l.target.Fuses(op.FusedLinear) {
		matrix := graph.NewConstant(weights.Name+":matrix", weights.Constant.Reshaped(shape[0], shape[1]))
		attributes := graph.Attributes{"transpose_b": int64(1)}
		result, err := l.insert(n, graph.DomainFused, op.FusedLinear, versionFused, attributes, p, matrix, bias)
		if err != nil {
			return err
		}
		l.produce(n, result)
		return nil
	}
	attributes := graph.Attributes{"group": group, "strides": geometry.strides, "pads": geometry.pads, "dilations": geometry.dilations}
	result, err := l.insert(n, graph.DomainFused, op.FusedConv, versionFused, attributes, p, weights, bias)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// pool converts MaxPool and AveragePool.
func (l *layout) pool(n *graph.Node) error {
	fused := op.FusedMaxPool
	if n.Op == "AveragePool" {
		fused = op.FusedAveragePool
	}
	for _, v := range n.Outputs[1:] {
		if v != nil && l.users[v] > 0 {
			return nil
		}
	}
	if rank(n.Input(0)) != 4 || !isFloat(n.Input(0)) || !l.target.Fuses(fused) {
		return nil
	}
	geometry, ok := windowOf(n, n.Ints("kernel_shape"))
	if !ok {
		return nil
	}
	p, err := l.physical(n, n.Input(0))
	if err != nil {
		return err
	}
	attributes := graph.Attributes{
		"kernel_shape": geometry.kernel, "strides": geometry.strides, "pads": geometry.pads, "dilations": geometry.dilations,
		"ceil_mode": n.Int("ceil_mode", 0), "count_include_pad": n.Int("count_include_pad", 0),
	}
	result, err := l.insert(n, graph.DomainFused, fused, versionFused, attributes, p)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// globalPool converts GlobalAveragePool.
func (l *layout) globalPool(n *graph.Node) error {
	if rank(n.Input(0)) != 4 || !isFloat(n.Input(0)) || !l.target.Fuses(op.FusedGlobalAveragePool) {
		return nil
	}
	p, err := l.physical(n, n.Input(0))
	if err != nil {
		return err
	}
	result, err := l.insert(n, graph.DomainFused, op.FusedGlobalAveragePool, versionFused, nil, p)
	if err != nil {
		return err
	}
	l.produce(n, result)
	return nil
}

// reduce converts reductions that keep their dimensions, and those that leave just [N, C]. The mean over both spatial axes is a pooling.
func (l *layout) reduce(n *graph.Node) error {
	size := rank(n.Input(0))
	axes, ok := l.reducedAxes(n)
	if !ok {
		return nil
	}
	slices.Sort(axes)
	spatial := size == 4 && slices.Equal(axes, []int{2, 3})
	keep := n.Int("keepdims", 1) == 1
	p := l.last[n.Input(0)]
	if spatial && n.Op == "ReduceMean" && isFloat(p) && l.target.Fuses(op.FusedGlobalAveragePool) {
		result, err := l.insert(n, graph.DomainFused, op.FusedGlobalAveragePool, versionFused, nil, p)
		if err != nil {
			return err
		}
		if keep {
			l.produce(n, result)
			return nil
		}
		return l.finishAs(n, result)
	}
	if !keep && !spatial {
		return nil
	}
	moved := make([]int64, len(axes))
	for i, axis := range axes {
		moved[i] = lastAxis(axis, size)
	}
	attributes := n.Attributes.Without("axes")
	result, err := l.insert(n, n.Domain, n.Op, n.Version, attributes, p, integerConstant(n.Name+":axes", moved...))
	if err != nil {
		return err
	}
	if keep {
		l.produce(n, result)
		return nil
	}
	l.replace(n.Output(0), result)
	return nil
}

// finishAs ends the conversion of the node with a Reshape of p to its output's shape: its elements are in that order already.
func (l *layout) finishAs(n *graph.Node, p *graph.Value) error {
	result, err := l.editor.reshape(n, p, n.Output(0).Shape)
	if err != nil {
		return err
	}
	l.replace(n.Output(0), result)
	return nil
}

// compose converts a Transpose: what it does to [N, C, ...] it does to [N, ..., C] with other axes, and often there is nothing left to do.
func (l *layout) compose(n *graph.Node) error {
	perm, ok := permutation(n)
	if !ok {
		return nil
	}
	p := l.last[n.Input(0)]
	moved := make([]int64, len(perm))
	for i, axis := range perm {
		moved[i] = lastAxis(int(axis), len(perm))
	}
	result := p
	if !slices.IsSorted(moved) {
		var err error
		if result, err = l.transpose(n, p, moved...); err != nil {
			return err
		}
	}
	l.replace(n.Output(0), result)
	return nil
}

// reshaped converts the Reshapes that keep the meaning of channels: joining the spatial axes or parting them, dropping axes of 1, and the
// first of the two of a channel shuffle.
func (l *layout) reshaped(n *graph.Node) error {
	in, out := n.Input(0), n.Output(0)
	p := l.last[in]
	if !l.grounded(out.Shape) || !l.grounded(in.Shape) {
		return nil
	}
	if inOrder(in.Shape) {
		return l.finishAs(n, p)
	}
	kept := len(out.Shape) > 2 && len(in.Shape) > 2 && sameDims(in.Shape[:2], out.Shape[:2])
	if kept && (len(out.Shape) == 3 || len(out.Shape) == 4 && len(in.Shape) == 3) {
		result, err := l.editor.reshape(n, p, slices.Concat(out.Shape[:1], out.Shape[2:], out.Shape[1:2]))
		if err != nil {
			return err
		}
		l.produce(n, result)
		return nil
	}
	d := out.Shape
	if len(in.Shape) != 4 || len(d) != 5 || !d[0].Equal(in.Shape[0]) || !sameDims(d[3:], in.Shape[2:]) || !d[1].Mul(d[2]).Equal(in.Shape[1]) {
		return nil
	}
	result, err := l.editor.reshape(n, p, []graph.Dim{d[0], d[3], d[4], d[1], d[2]})
	if err != nil {
		return err
	}
	l.produceGrouped(n, result)
	return nil
}

// inOrder reports whether [N, C, ...] and [N, ..., C] hold their elements in the same order: all spatial axes are 1, or there is one channel.
func inOrder(shape []graph.Dim) bool {
	spatial := true
	for _, dim := range shape[2:] {
		spatial = spatial && dim.Is(1)
	}
	return spatial || shape[1].Is(1)
}

// produceGrouped is produce for [N, H, W, G, C].
func (l *layout) produceGrouped(n *graph.Node, p *graph.Value) {
	l.grouped[n.Output(0)] = p
	attributes := graph.Attributes{"perm": []int64{0, 3, 4, 1, 2}}
	l.substitute(n, newNode(n, graph.DomainONNX, "Transpose", versionTranspose, attributes, p), 1)
}

// shuffle converts the rest of a channel shuffle: the Transpose that exchanges groups and channels, and the Reshape that joins them.
func (l *layout) shuffle(n *graph.Node) error {
	p, out := l.grouped[n.Input(0)], n.Output(0)
	switch n.Op {
	case "Transpose":
		if perm, ok := permutation(n); !ok || !slices.Equal(perm, []int64{0, 2, 1, 3, 4}) {
			return nil
		}
		result, err := l.transpose(n, p, 0, 1, 2, 4, 3)
		if err != nil {
			return err
		}
		l.produceGrouped(n, result)
	case "Reshape":
		d := p.Shape
		if len(out.Shape) != 4 || !out.Shape[0].Equal(d[0]) || !sameDims(out.Shape[2:], d[1:3]) || !out.Shape[1].Equal(d[3].Mul(d[4])) {
			return nil
		}
		result, err := l.editor.reshape(n, p, []graph.Dim{d[0], d[1], d[2], out.Shape[1]})
		if err != nil {
			return err
		}
		l.produce(n, result)
	}
	return nil
}

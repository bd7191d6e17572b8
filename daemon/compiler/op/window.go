package op

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/tensor"
)

// Window is the sliding window of a convolution or pooling node over its spatial axes, with defaults filled in and auto_pad resolved.
type Window struct {
	Kernel, Strides, Dilations []int64
	PadBegin, PadEnd           []int64
}

// WindowOf returns the window of a convolution or pooling node (ai.onnx or fused) whose spatial dimensions are known.
func WindowOf(n *graph.Node) (Window, error) {
	w, spatial, err := windowOf(n)
	if err != nil {
		return w, fmt.Errorf("%v: %w", n, err)
	}
	for i, dim := range spatial {
		size, known := dim.Known()
		if !known {
			return w, fmt.Errorf("%v: spatial dimension %d is not known", n, i)
		}
		switch n.Text("auto_pad", "NOTSET") {
		case "SAME_UPPER":
			total := w.samePadding(i, size)
			w.PadBegin[i], w.PadEnd[i] = total/2, total-total/2
		case "SAME_LOWER":
			total := w.samePadding(i, size)
			w.PadBegin[i], w.PadEnd[i] = total-total/2, total/2
		}
	}
	return w, nil
}

// samePadding is what makes the output ceil(size/stride).
func (w Window) samePadding(i int, size int64) int64 {
	out := (size + w.Strides[i] - 1) / w.Strides[i]
	return max(0, (out-1)*w.Strides[i]+w.extent(i)-size)
}

// extent is the number of input positions that a window spans.
func (w Window) extent(i int) int64 { return (w.Kernel[i]-1)*w.Dilations[i] + 1 }

// windowOf reads the attributes of a node. The kernel of a convolution comes from its weights.
func windowOf(n *graph.Node) (w Window, spatial []graph.Dim, err error) {
	x := n.Input(0).Shape
	last := n.Domain == graph.DomainFused // channels last
	if len(x) < 3 {
		return w, nil, fmt.Errorf("input 0 (%v) has no spatial axes", n.Input(0))
	}
	spatial = x[2:]
	if last {
		spatial = x[1 : len(x)-1]
	}
	rank := len(spatial)
	w.Kernel = n.Ints("kernel_shape")
	if weightsOf(n) > 0 {
		if w.Kernel, err = convKernel(n, rank); err != nil {
			return w, nil, err
		}
	}
	w.Strides, w.Dilations = orOnes(n.Ints("strides"), rank), orOnes(n.Ints("dilations"), rank)
	pads := n.Ints("pads")
	automatic := n.Text("auto_pad", "NOTSET")
	switch automatic {
	case "NOTSET":
	case "VALID", "SAME_UPPER", "SAME_LOWER":
		pads = nil
	default:
		return w, nil, fmt.Errorf("attribute auto_pad %q is unknown", automatic)
	}
	if pads == nil {
		pads = make([]int64, 2*rank)
	}
	if len(w.Kernel) != rank || len(w.Strides) != rank || len(w.Dilations) != rank || len(pads) != 2*rank {
		return w, nil, fmt.Errorf("kernel %v, strides %v, dilations %v and pads %v do not fit %d spatial axes",
			w.Kernel, w.Strides, w.Dilations, pads, rank)
	}
	w.PadBegin, w.PadEnd = append([]int64{}, pads[:rank]...), append([]int64{}, pads[rank:]...)
	return w, spatial, w.check()
}

// check keeps later arithmetic from overflowing.
func (w Window) check() error {
	const limit = 1 << 24
	for i := range w.Kernel {
		inRange := func(x, low int64) bool { return x >= low && x <= limit }
		if !inRange(w.Kernel[i], 1) || !inRange(w.Strides[i], 1) || !inRange(w.Dilations[i], 1) ||
			!inRange(w.PadBegin[i], 0) || !inRange(w.PadEnd[i], 0) {
			return fmt.Errorf("spatial axis %d: kernel %d, stride %d, dilation %d or pads %d, %d are out of range", i,
				w.Kernel[i], w.Strides[i], w.Dilations[i], w.PadBegin[i], w.PadEnd[i])
		}
	}
	return nil
}

func orOnes(list []int64, rank int) []int64 {
	if list != nil {
		return list
	}
	ones := make([]int64, rank)
	for i := range ones {
		ones[i] = 1
	}
	return ones
}

// weightsOf is the input of a convolution that holds its weights; 0 where the node is no convolution.
func weightsOf(n *graph.Node) int {
	switch n.Op {
	case "Conv", "ConvInteger", FusedQuantizedConv:
		return 1
	case "QLinearConv":
		return 3
	}
	return 0
}

// convKernel reads the kernel's size from the weights and compares it with the attribute.
func convKernel(n *graph.Node, rank int) ([]int64, error) {
	at := weightsOf(n)
	weights := n.Input(at)
	given := n.Ints("kernel_shape")
	if len(weights.Shape) != rank+2 {
		return nil, fmt.Errorf("input %d (%v) has rank %d, want %d", at, weights, len(weights.Shape), rank+2)
	}
	kernel := make([]int64, rank)
	for i := range kernel {
		size, known := weights.Shape[2+i].Known()
		switch {
		case known && (given == nil || i < len(given) && given[i] == size):
			kernel[i] = size
		case !known && i < len(given):
			kernel[i] = given[i]
		default:
			return nil, fmt.Errorf("kernel_shape %v does not fit the weights %v", given, weights)
		}
	}
	return kernel, nil
}

// outputDims are the spatial dimensions of the result. Symbolic ones stay expressions, but for the rounding rule of ceil_mode.
func (w Window) outputDims(g *graph.Graph, n *graph.Node, spatial []graph.Dim) ([]graph.Dim, error) {
	automatic, ceil := n.Text("auto_pad", "NOTSET"), n.Int("ceil_mode", 0) != 0
	out := make([]graph.Dim, len(spatial))
	for i, dim := range spatial {
		stride := graph.Int(w.Strides[i])
		if automatic == "SAME_UPPER" || automatic == "SAME_LOWER" {
			out[i] = dim.Add(graph.Int(w.Strides[i] - 1)).Div(stride)
			continue
		}
		padded := dim.Add(graph.Int(w.PadBegin[i] + w.PadEnd[i]))
		room := padded.Sub(graph.Int(w.extent(i)))
		size, known := room.Known()
		switch {
		case known && size < 0:
			return nil, fmt.Errorf("spatial axis %d: the window spans %d of %d padded positions", i, w.extent(i), size+w.extent(i))
		case !ceil:
			out[i] = room.Div(stride).Add(graph.Int(1))
		case !known:
			out[i] = g.FreshSymbol()
		default:
			count := (size+w.Strides[i]-1)/w.Strides[i] + 1
			if (count-1)*w.Strides[i] >= size+w.extent(i)-w.PadEnd[i] { // a window wholly in the padding is left out
				count--
			}
			out[i] = graph.Int(count)
		}
	}
	return out, nil
}

// inferConv: X[N, C, ...], W[M, C/group, ...], bias[M]? -> [N, M, ...].
func inferConv(g *graph.Graph, n *graph.Node) error {
	for i := range n.Inputs {
		if err := accept(n, i, floating); err != nil {
			return err
		}
		if err := sameType(n, 0, i); err != nil {
			return err
		}
	}
	if err := inferConvolution(g, n, n.Input(0).DType); err != nil {
		return err
	}
	return perFilter(n, 2)
}

// inferConvolution gives output 0 its shape. The weights are input weightsOf(n).
func inferConvolution(g *graph.Graph, n *graph.Node, dtype tensor.DType) error {
	x, weights := n.Input(0), n.Input(weightsOf(n))
	setType(n, 0, dtype)
	if !x.Ranked || !weights.Ranked {
		return nil
	}
	if len(x.Shape) < 3 || len(weights.Shape) != len(x.Shape) {
		return fmt.Errorf("%v and weights %v do not fit a convolution", x, weights)
	}
	if err := checkChannels(n, x.Shape[1]); err != nil {
		return err
	}
	if n.Ints("kernel_shape") == nil && !allKnown(weights.Shape[2:]) {
		set(n, 0, dtype, append([]graph.Dim{x.Shape[0], weights.Shape[0]}, freshShape(g, len(x.Shape)-2)...))
		return nil
	}
	w, spatial, err := windowOf(n)
	if err != nil {
		return err
	}
	dims, err := w.outputDims(g, n, spatial)
	if err != nil {
		return err
	}
	set(n, 0, dtype, append([]graph.Dim{x.Shape[0], weights.Shape[0]}, dims...))
	return nil
}

func allKnown(dims []graph.Dim) bool {
	for _, dim := range dims {
		if _, known := dim.Known(); !known {
			return false
		}
	}
	return true
}

// checkChannels compares the input's channels, the group and the weights.
func checkChannels(n *graph.Node, channels graph.Dim) error {
	weights := n.Input(weightsOf(n))
	group := n.Int("group", 1)
	if group < 1 {
		return fmt.Errorf("attribute group is %d", group)
	}
	if _, err := mergeDim(channels, weights.Shape[1].Mul(graph.Int(group))); err != nil {
		return fmt.Errorf("weights %v do not fit %v channels in %d groups", weights, channels, group)
	}
	if filters, known := weights.Shape[0].Known(); known && filters%group != 0 {
		return fmt.Errorf("%d filters do not divide into %d groups", filters, group)
	}
	return nil
}

// perFilter fails where input i, if present, is known not to be a list of one element a filter.
func perFilter(n *graph.Node, i int) error {
	v, weights := n.Input(i), n.Input(weightsOf(n))
	if v == nil || !v.Ranked || len(weights.Shape) == 0 {
		return nil
	}
	if err := wantRank(n, i, 1, 1); err != nil {
		return err
	}
	if _, err := mergeDim(v.Shape[0], weights.Shape[0]); err != nil {
		return fmt.Errorf("input %d (%v) does not fit the weights %v", i, v, weights)
	}
	return nil
}

// inferPool: X[N, C, ...] -> [N, C, ...].
func inferPool(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, numeric); err != nil {
		return err
	}
	x := n.Input(0)
	setType(n, 0, x.DType)
	setType(n, 1, tensor.Int64)
	if !x.Ranked {
		return nil
	}
	w, spatial, err := windowOf(n)
	if err != nil {
		return err
	}
	dims, err := w.outputDims(g, n, spatial)
	if err != nil {
		return err
	}
	shape := append([]graph.Dim{x.Shape[0], x.Shape[1]}, dims...)
	set(n, 0, x.DType, shape)
	set(n, 1, tensor.Int64, shape)
	return nil
}

// inferGlobalPool: every spatial axis becomes 1.
func inferGlobalPool(g *graph.Graph, n *graph.Node) error {
	if err := accept(n, 0, floating); err != nil {
		return err
	}
	x := n.Input(0)
	setType(n, 0, x.DType)
	if !x.Ranked {
		return nil
	}
	if len(x.Shape) < 2 {
		return fmt.Errorf("input 0 (%v) has rank %d, want at least 2", x, len(x.Shape))
	}
	shape := append([]graph.Dim{}, x.Shape[:2]...)
	for range x.Shape[2:] {
		shape = append(shape, graph.Int(1))
	}
	set(n, 0, x.DType, shape)
	return nil
}

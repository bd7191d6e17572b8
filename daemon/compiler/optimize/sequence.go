package optimize

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/tensor"
)

// sequencesAsImages makes convolutions and poolings of sequences [N, C, W] those of images [N, C, 1, W], for which there are kernels.
func sequencesAsImages(e *editor, n *graph.Node) error {
	x, out := n.Input(0), n.Output(0)
	if rank(x) != 3 || !isFloat(x) || !isFloat(out) || !e.grounded(out.Shape) || !e.grounded(x.Shape) || !e.hasImageKernel(n) {
		return nil
	}
	image, err := e.reshape(n, x, widerDims(x.Shape))
	if err != nil {
		return err
	}
	inputs := slices.Clone(n.Inputs)
	inputs[0] = image
	if n.Op == "Conv" {
		filters := n.Inputs[1].Constant
		inputs[1] = graph.NewConstant(n.Inputs[1].Name+":image", filters.Reshaped(filters.Shape[0], filters.Shape[1], 1, filters.Shape[2]))
	}
	attributes := n.Attributes
	for _, name := range []string{"kernel_shape", "strides", "dilations"} {
		if list := n.Ints(name); list != nil {
			attributes = attributes.With(name, slices.Concat([]int64{1}, list))
		}
	}
	if pads := n.Ints("pads"); len(pads) == 2 {
		attributes = attributes.With("pads", []int64{0, pads[0], 0, pads[1]})
	}
	result, err := e.insert(n, n.Domain, n.Op, n.Version, attributes, inputs...)
	if err != nil {
		return err
	}
	e.substitute(n, newNode(n, graph.DomainONNX, "Reshape", versionReshape, graph.Attributes{"allowzero": int64(1)}, result, shapeValue(n, out.Shape)), 1)
	return nil
}

// hasImageKernel reports whether the device has a kernel for what the node does, of images.
func (e *editor) hasImageKernel(n *graph.Node) bool {
	switch {
	case isONNX(n, "Conv"):
		weights, bias := n.Input(1), n.Input(2)
		return e.target.Fuses(op.FusedConv) && rank(weights) == 3 && weights.Constant != nil && weights.DType == tensor.Float32 && (bias == nil || bias.Constant != nil)
	case isONNX(n, "MaxPool"):
		return e.target.Fuses(op.FusedMaxPool) && len(n.Outputs) == 1
	case isONNX(n, "AveragePool"):
		return e.target.Fuses(op.FusedAveragePool)
	case isONNX(n, "GlobalAveragePool"):
		return e.target.Fuses(op.FusedGlobalAveragePool)
	}
	return false
}

// widerDims puts an axis of 1 before the last one.
func widerDims(dims []graph.Dim) []graph.Dim {
	return slices.Insert(slices.Clone(dims), len(dims)-1, graph.Int(1))
}

// sinkReshape moves a Reshape behind what a kernel may absorb: behind an operator of one tensor, or an addition.
func sinkReshape(e *editor, n *graph.Node) error {
	unary := isONNX(n, pointwise...) && !isONNX(n, "Cast")
	if !unary && !isONNX(n, "Add") || !isFloat(n.Output(0)) || !e.grounded(n.Output(0).Shape) {
		return nil
	}
	for i, x := range n.Inputs {
		reshape := producer(x, "Reshape")
		if reshape == nil || unary && i > 0 || !e.single(x) || !sameType(x, n.Output(0)) {
			continue
		}
		source := reshape.Input(0)
		if fusedProducer(source, op.FusedLinear, op.FusedConv, op.FusedQuantizedLinear, op.FusedQuantizedConv) == nil || !e.single(source) || !e.grounded(source.Shape) {
			continue
		}
		inputs := slices.Clone(n.Inputs)
		inputs[i] = source
		if ok, err := e.reshapeOthers(n, inputs, i); err != nil || !ok {
			return err
		}
		result, err := e.insert(n, n.Domain, n.Op, n.Version, n.Attributes, inputs...)
		if err != nil {
			return err
		}
		e.substitute(n, newNode(n, graph.DomainONNX, "Reshape", versionReshape, graph.Attributes{"allowzero": int64(1)}, result, shapeValue(n, n.Output(0).Shape)), 1)
		return nil
	}
	return nil
}

// reshapeOthers gives the inputs besides number i the shape that this one has now; numbers and vectors along an unchanged last axis stay as they are.
func (e *editor) reshapeOthers(n *graph.Node, inputs []*graph.Value, i int) (bool, error) {
	was, is := n.Inputs[i].Shape, inputs[i].Shape
	for j, v := range inputs {
		lastAxis := rank(v) == 1 && len(was) > 0 && len(is) > 0 && v.Shape[0].Equal(was[len(was)-1]) && v.Shape[0].Equal(is[len(is)-1])
		if j == i || v == nil || isOne(v) && rank(v) <= 1 || lastAxis {
			continue
		}
		if !sameType(v, n.Output(0)) {
			return false, nil
		}
		var err error
		if inputs[j], err = e.reshape(n, v, is); err != nil {
			return false, err
		}
	}
	return true, nil
}

package compiler

import (
	"slices"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
)

// isNarrow reports whether the node reads float16 or bfloat16.
func isNarrow(n *graph.Node) bool { return slices.ContainsFunc(n.Inputs, narrowValue) }

func narrowValue(v *graph.Value) bool {
	return v != nil && (v.DType == tensor.Float16 || v.DType == tensor.BFloat16)
}

// chooseWide runs a node for which no device has kernels in its narrow type in float32, between casts. Only a GPU is given such nodes, where its kernel
// does not cover the shapes at hand; it has kernels for casts.
func (m *Model) chooseWide(n *graph.Node, stores []device.Weights) (steps []plannedStep, err error) {
	add := func(n *graph.Node) {
		if err != nil {
			return
		}
		var chosen plannedStep
		if chosen, err = m.chooseKernel(n, stores); err == nil {
			steps = append(steps, chosen)
		}
	}
	wide := *n
	wide.Inputs = slices.Clone(n.Inputs)
	for i, v := range n.Inputs {
		switch {
		case !narrowValue(v):
		case v.Constant != nil && v.Constant.Data != nil:
			wide.Inputs[i] = graph.NewConstant(v.Name, tensor.Convert(v.Constant, tensor.Float32))
		default:
			cast := castNode(n, v, tensor.Float32)
			wide.Inputs[i] = cast.Outputs[0]
			add(cast)
		}
	}
	wide.Outputs = slices.Clone(n.Outputs)
	var behind []*graph.Node
	for i, v := range n.Outputs {
		if !narrowValue(v) {
			continue
		}
		wide.Outputs[i] = &graph.Value{Name: v.Name + ":wide", DType: tensor.Float32, Shape: v.Shape, Ranked: true}
		cast := castNode(n, wide.Outputs[i], v.DType)
		cast.Outputs[0] = v
		behind = append(behind, cast)
	}
	for i, v := range wide.Outputs {
		if v != nil && v != n.Outputs[i] {
			v.Producer = &wide
		}
	}
	add(&wide)
	for _, cast := range behind {
		add(cast)
	}
	return steps, err
}

// castNode returns a Cast of a value, with an output of its own.
func castNode(like *graph.Node, v *graph.Value, to tensor.DType) *graph.Node {
	n := &graph.Node{
		Name: like.Name, Op: "Cast", Version: op.VersionCast, Attributes: graph.Attributes{"to": int64(to)}, Inputs: []*graph.Value{v},
	}
	n.Outputs = []*graph.Value{{Name: v.Name + ":" + to.String(), DType: to, Shape: v.Shape, Ranked: true, Producer: n}}
	return n
}

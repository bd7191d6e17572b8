//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// planes divides a shape into images, spatial dimensions and channels. Fused operators have channels last; ONNX's have a plane for each.
func (s *selection) planes(shape []int64) (outer int64, spatial []int64, channels int64) {
	if s.Domain == graph.DomainFused {
		last := len(shape) - 1
		return shape[0], shape[1:last], shape[last]
	}
	return shape[0] * shape[1], shape[2:], 1
}

// selectPool runs MaxPool and AveragePool of both domains.
func selectPool(s *selection) (*chosen, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	w, err := op.WindowOf(s.Node.Node)
	if err != nil {
		return nil, err
	}
	plan, name := kernel.Pool{Type: t, CountPadding: s.Int("count_include_pad", 0) != 0, ColumnMajor: s.Int("storage_order", 0) != 0}, "max_pool"
	if s.Op == "AveragePool" {
		plan.Kind, name = kernel.PoolAverage, "average_pool"
	}
	var inputs []int64
	plan.Outer, inputs, plan.Channels = s.planes(s.Shape(0))
	_, outputs, _ := s.planes(s.OutputShape(0))
	for i := range inputs {
		plan.Axes = append(plan.Axes, kernel.PoolAxis{
			Input: inputs[i], Output: outputs[i], Window: w.Kernel[i], Stride: w.Strides[i], Dilation: w.Dilations[i], Begin: w.PadBegin[i], End: w.PadEnd[i],
		})
	}
	return s.plannedUnary(name, t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		if p.X, p.Y = x, at.Output(0); s.Output(1) != nil {
			p.Positions = at.Output(1)
		}
		return p.Plan()
	})
}

// selectGlobalPool runs GlobalAveragePool of both domains and GlobalMaxPool, which reduce all positions of a plane.
func selectGlobalPool(s *selection) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	outer, spatial, channels := s.planes(s.Shape(0))
	plan, name := kernel.Reduce{Op: kernel.ReduceMean, Type: t, Shape: []int64{outer, node.Product(spatial), channels}, Axes: []int{1}}, "global_average_pool"
	if s.Op == "GlobalMaxPool" {
		plan.Op, name = kernel.ReduceMax, "global_max_pool"
	}
	c, err := s.plannedUnary(name, t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y, p.Workspace = x, at.Output(0), at.Workspace()
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.workspace = plan.WorkspaceBytes()
	return c, nil
}

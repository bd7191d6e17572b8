package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/resize"
	"github.com/inferd/inferd/kernels/cpu/step"
)

var resizeModes = map[string]resize.Mode{"nearest": resize.Nearest, "linear": resize.Linear, "cubic": resize.Cubic}

// selectResize resizes one or two neighbouring axes.
func selectResize(s *selection) (*kernel, error) {
	if s.Inputs[0].DType != tensor.Float32 {
		return nil, node.NoKernel("the input is %v; the CPU kernel of Resize is for float32", s.Inputs[0].DType)
	}
	read, err := s.Resize()
	if err != nil {
		return nil, err
	}
	if node.Product(s.OutputShape(0)) == 0 {
		return nothing, nil
	}
	if len(read.Axes) > 2 {
		return nil, node.NoKernel("%d axes are resized, the CPU kernel is for 2", len(read.Axes))
	}
	var axes []resize.Axis
	for _, a := range read.Axes {
		axes = append(axes, resize.Axis{Input: int(a.Input), Output: int(a.Output), Scale: a.Scale})
	}
	if len(axes) == 1 {
		axes = []resize.Axis{{Input: 1, Output: 1, Scale: 1}, axes[0]}
	}
	plan, err := resize.Resize{
		Mode: resizeModes[read.Mode], Coordinates: read.Coordinates, Nearest: read.Nearest, CubicCoefficient: read.CubicCoefficient,
		Antialias: read.Antialias, ExcludeOutside: read.ExcludeOutside, Outer: int(read.Outer), Channels: int(read.Channels), Height: axes[0], Width: axes[1],
	}.New(s.level)
	if err != nil {
		return nil, node.NoKernel("%v", err)
	}
	return &kernel{name: s.named("resize_"+read.Mode, tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		tables, err := weights.Keep(s.weights, func() (*memory.Block, weights.Form, error) { return block(plan.Tables()) })
		if err != nil {
			return nil, err
		}
		return []step.Step{plan.Step(x, step.Absolute(tables.Pointer()), at.Output(0))}, nil
	}}, nil
}

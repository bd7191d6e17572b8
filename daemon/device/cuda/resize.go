//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectResize runs a Resize that moves the nearest elements, or interpolates between two along each axis.
func selectResize(s *selection) (*chosen, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	read, err := s.Resize()
	if err != nil {
		return nil, err
	}
	plan, name := kernel.Resize{
		Type: t, Coordinates: read.Coordinates, Nearest: read.Nearest, Outer: read.Outer, Channels: read.Channels,
	}, "resize_"+read.Mode
	switch {
	case read.Mode == "cubic" || read.Antialias:
		return nil, node.NoKernel("the CUDA kernel of Resize interpolates between two elements of an axis")
	case read.Mode == "linear" && read.ExcludeOutside:
		return nil, node.NoKernel("the CUDA kernel of Resize repeats what lies at the ends")
	case read.Mode == "nearest" && read.Coordinates == "half_pixel_symmetric":
		return nil, node.NoKernel("the element in the middle may be another one where it is found in float32")
	case read.Mode == "linear":
		plan.Mode = kernel.ResizeLinear
	}
	for _, a := range read.Axes {
		plan.Axes = append(plan.Axes, kernel.ResizeAxis{Input: a.Input, Output: a.Output, Scale: a.Scale})
	}
	return s.plannedUnary(name, t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y = x, at.Output(0)
		return p.Plan()
	})
}

//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectSoftmax runs Softmax and LogSoftmax.
func selectSoftmax(s *selection) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	shape := s.Shape(0)
	if len(shape) == 0 {
		return nil, node.NoKernel("the input is a scalar")
	}
	plan := kernel.Softmax{Type: t, Logarithmic: s.Op == "LogSoftmax"}
	plan.Rows, plan.Width, plan.Inner = around(shape, s.Int("axis", -1))
	c, err := s.plannedUnary("softmax", t, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		p := plan
		p.X, p.Y = x, at.Output(0)
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.inPlace = func(int) bool { return true }
	return c, nil
}

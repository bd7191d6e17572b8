//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
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
	axis := node.NormalAxis(s.Int("axis", -1), len(shape))
	plan := kernel.Softmax{
		Type: t, Rows: node.Product(shape[:axis]), Width: shape[axis], Inner: node.Product(shape[axis+1:]), Logarithmic: s.Op == "LogSoftmax",
	}
	c, err := s.planned("softmax", t, func(at device.Operands) ([]kernel.Launch, error) {
		p := plan
		var err error
		if p.X, err = at.Input(0); err != nil {
			return nil, err
		}
		p.Y = at.Output(0)
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.inPlace = func(int) bool { return true }
	return c, nil
}

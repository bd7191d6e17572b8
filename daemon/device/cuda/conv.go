//go:build cuda

package cuda

import (
	"fmt"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectConv runs a convolution in channels-last layout; see op.FusedConv.
func selectConv(s *selection) (*chosen, error) {
	c, err := s.readConv()
	if err != nil {
		return nil, err
	}
	packed, err := s.packConv(c.ConvWeights)
	if err != nil {
		return nil, err
	}
	name := "conv"
	if c.Form == kernel.FormDepthwise {
		name = "depthwise"
	}
	k, err := s.planned(name, c.Type, func(at device.Operands) ([]kernel.Launch, error) {
		inputs, err := node.Places(at, 0, 2, 3)
		if err != nil {
			return nil, err
		}
		p := c
		p.X, p.W, p.Bias, p.Residual, p.Y, p.Sums = inputs[0], packed, inputs[1], inputs[2], at.Output(0), at.Workspace()
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	k.workspace = c.WorkspaceBytes()
	// A residual is read by the thread that writes the element in its place.
	k.inPlace = func(input int) bool { return input == 3 }
	return k, nil
}

// readConv reads the node's geometry and epilogue.
func (s *selection) readConv() (c kernel.Conv, err error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return c, err
	}
	x, weight, y, w := s.Shape(0), s.Shape(1), s.OutputShape(0), s.Window()
	c = kernel.Conv{
		Type: t, TensorFloat: t == kernel.Float32 && s.Int("tf32", 0) != 0, Images: x[0], Height: x[1], Width: x[2], OutputHeight: y[1], OutputWidth: y[2],
		Strides: [2]int64{int64(w.Strides[0]), int64(w.Strides[1])}, Dilations: [2]int64{int64(w.Dilations[0]), int64(w.Dilations[1])},
		PadTop: int64(w.PadTop), PadLeft: int64(w.PadLeft), Multiprocessors: int64(s.device.driver.Info().Multiprocessors),
		ConvWeights: kernel.ConvWeights{
			Outputs: weight[0], Groups: s.Int("group", 1), GroupChannels: weight[1], KernelHeight: weight[2], KernelWidth: weight[3], Size: t.Size(),
		},
	}
	c.Form = c.FormFor(t, c.TensorFloat)
	c.ResidualLast = s.Int("residual_after", 0) != 0
	c.Activation, err = s.Activation()
	return c, err
}

// packConv packs the layer's weights once for all sizes of images.
func (s *selection) packConv(w kernel.ConvWeights) (step.Operand, error) {
	v := s.Input(1)
	if v.Constant == nil {
		return step.Operand{}, node.NoKernel("the weights are not constant")
	}
	return weights.Pack(s.weights, v, fmt.Sprintf("conv %d groups %v", w.Groups, w.Form), func() (step.Operand, weights.Form, error) {
		return s.device.upload(w.Pack(v.Constant.Data))
	})
}

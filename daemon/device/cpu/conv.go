package cpu

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/conv"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// packedConv is a layer's weights and bias as the layer's algorithm reads them.
type packedConv struct {
	layout conv.Layout
	block  *memory.Block
}

// selectConv runs a convolution in channels-last layout; see op.FusedConv.
func selectConv(s *selection) (*kernel, error) {
	weight, bias := s.Input(1), s.Input(2)
	if weight.Constant == nil || bias != nil && bias.Constant == nil {
		return nil, node.NoKernel("the weights are not constant")
	}
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	if s.Int("residual_after", 0) != 0 && s.Input(3) != nil && s.Text("activation", "") != "" {
		return nil, node.NoKernel("the residual is added after the activation")
	}
	fused, err := s.Activation()
	if err != nil {
		return nil, err
	}
	x := s.Shape(0)
	p, err := s.packConv(weight, bias, int(x[1]), int(x[2]))
	if err != nil {
		return nil, err
	}
	return &kernel{name: s.named("conv_"+p.layout.Algorithm.String(), tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		inputs, err := node.Places(at, 0, 3)
		if err != nil {
			return nil, err
		}
		planned, err := p.layout.Plan(conv.Use{
			Batch: int(x[0]), Height: int(x[1]), Width: int(x[2]), Input: inputs[0], Output: at.Output(0),
			Weights: step.Absolute(p.block.Pointer()), Residual: inputs[1], Activation: fused,
		})
		return []step.Step{planned}, err
	}}, nil
}

// packConv packs the layer once. The algorithm that the first program's image size chose stays for all sizes.
func (s *selection) packConv(weight, bias *graph.Value, height, width int) (packedConv, error) {
	params := s.convParams()
	name := fmt.Sprintf("conv %+v", params)
	if bias != nil {
		name += fmt.Sprintf(" bias %p", bias.Constant)
	}
	return weights.Pack(s.weights, weight, name, func() (packedConv, weights.Form, error) {
		layout, err := conv.Choose(s.level, params, height, width)
		if err != nil {
			return packedConv{}, weights.Form{}, node.NoKernel("%v", err)
		}
		block, err := memory.Allocate(4 * layout.Floats())
		if err != nil {
			return packedConv{}, weights.Form{}, err
		}
		var biases []float32
		if bias != nil {
			biases = tensor.Slice[float32](bias.Constant)
		}
		if err := layout.Pack(block.Float32s(), tensor.Slice[float32](weight.Constant), biases); err != nil {
			block.Free()
			return packedConv{}, weights.Form{}, err
		}
		return packedConv{layout, block}, weights.Form{Bytes: int64(block.Size()), Free: block.Free}, nil
	})
}

// convParams reads the layer's attributes; package op has checked them.
func (s *selection) convParams() conv.Params {
	weight, w := s.Shape(1), s.Window()
	group := int(s.Int("group", 1))
	return conv.Params{
		InputChannels: int(weight[1]) * group, OutputChannels: int(weight[0]), Groups: group,
		KernelHeight: int(weight[2]), KernelWidth: int(weight[3]),
		StrideHeight: w.Strides[0], StrideWidth: w.Strides[1], DilationHeight: w.Dilations[0], DilationWidth: w.Dilations[1],
		PadTop: w.PadTop, PadLeft: w.PadLeft, PadBottom: w.PadBottom, PadRight: w.PadRight,
	}
}

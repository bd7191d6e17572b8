//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	loops "github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// normParts says which inputs and outputs of a node play which part; -1 is absent.
type normParts struct{ residual, scale, bias, sum, mean, inverse int }

// selectLayerNormalization runs ONNX's LayerNormalization, with its statistics where they are asked for.
func selectLayerNormalization(s *selection) (*chosen, error) {
	// What is read does not depend on the statistics, which not every device gives.
	plain := *s.Node.Node
	plain.Outputs = plain.Outputs[:1]
	l, err := node.Node{Node: &plain}.LayerNormalization(false)
	if err != nil {
		return nil, err
	}
	if s.Int("stash_type", 1) != 1 {
		return nil, node.NoKernel("the statistics are not float32")
	}
	return s.normalization(kernel.Norm{Rows: l.Rows, Width: l.Width, Epsilon: l.Epsilon}, normParts{-1, l.Scale, l.Bias, -1, 1, 2})
}

// selectFusedLayerNormalization runs op.FusedLayerNormalization.
func selectFusedLayerNormalization(s *selection) (*chosen, error) {
	l, err := s.LayerNormalization(true)
	if err != nil {
		return nil, err
	}
	return s.normalization(kernel.Norm{Rows: l.Rows, Width: l.Width, Epsilon: l.Epsilon}, normParts{l.Residual, l.Scale, l.Bias, l.Sum, -1, -1})
}

// selectRMSNormalization runs ONNX's RMSNormalization.
func selectRMSNormalization(s *selection) (*chosen, error) {
	l, err := s.LayerNormalization(false)
	if err != nil {
		return nil, err
	}
	return s.normalization(kernel.Norm{Rows: l.Rows, Width: l.Width, Epsilon: l.Epsilon, RootMeanSquare: true}, normParts{-1, l.Scale, -1, -1, -1, -1})
}

// selectGroupNormalization runs GroupNormalization, and InstanceNormalization, whose groups are its channels.
func selectGroupNormalization(s *selection) (*chosen, error) {
	shape := s.Shape(0)
	if len(shape) < 2 {
		return nil, node.NoKernel("the input has %d dimensions", len(shape))
	}
	channels := shape[1]
	groups := channels
	if s.Op == "GroupNormalization" {
		groups = s.Int("num_groups", 1)
	}
	if channels == 0 || groups <= 0 || channels%groups != 0 {
		return nil, node.NoKernel("%d channels do not form %d groups", channels, groups)
	}
	n := kernel.Norm{
		Rows: shape[0] * groups, Width: channels / groups * node.Product(shape[2:]), Epsilon: s.Float("epsilon", 1e-5), Groups: groups, Channels: channels / groups,
	}
	return s.normalization(n, normParts{-1, 1, 2, -1, -1, -1})
}

func (s *selection) normalization(n kernel.Norm, parts normParts) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	n.Type = t
	c, err := s.planned("norm", t, func(at device.Operands) ([]kernel.Launch, error) {
		p := n
		for _, part := range []struct {
			place *step.Operand
			input int
		}{{&p.X, 0}, {&p.Residual, parts.residual}, {&p.Scale, parts.scale}, {&p.Bias, parts.bias}} {
			if part.input < 0 || s.Input(part.input) == nil {
				continue
			}
			var err error
			if *part.place, err = at.Input(part.input); err != nil {
				return nil, err
			}
		}
		for _, part := range []struct {
			place  *step.Operand
			output int
		}{{&p.Y, 0}, {&p.Sum, parts.sum}, {&p.Mean, parts.mean}, {&p.Inverse, parts.inverse}} {
			if part.output >= 0 && s.Output(part.output) != nil {
				*part.place = at.Output(part.output)
			}
		}
		return p.Plan()
	})
	if err != nil {
		return nil, err
	}
	c.inPlace = func(input int) bool { return input == 0 && (parts.sum < 0 || s.Output(parts.sum) == nil) }
	return c, nil
}

// selectBatchNormalization runs BatchNormalization with its given statistics as a chain: (x - mean) / sqrt(variance + epsilon) * scale + bias.
func selectBatchNormalization(s *selection) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	shape := s.Shape(0)
	if t != kernel.Float32 || len(shape) < 2 {
		return nil, node.NoKernel("the input is %v of %d dimensions", t, len(shape))
	}
	const x, scale, bias, mean, variance, epsilon = 0, 1, 2, 3, 4, 5
	chain := op.Chain{
		{Op: "Add", Args: []int{variance, epsilon}}, {Op: "Sqrt", Args: []int{6}}, {Op: "Sub", Args: []int{x, mean}},
		{Op: "Div", Args: []int{8, 7}}, {Op: "Mul", Args: []int{9, scale}}, {Op: "Add", Args: []int{10, bias}},
	}
	plan := kernel.Elementwise{Dims: shape}
	for _, in := range chain {
		plan.Instructions = append(plan.Instructions, kernel.ElementwiseInstruction{Op: in.Op, Args: in.Args})
	}
	channels := make([]int64, len(shape)) // the strides of what has an element for each channel
	channels[1] = 1
	for i := range 5 {
		in := kernel.ElementwiseInput{Type: t, Strides: channels}
		if i == x {
			in.Strides = loops.Contiguous(shape)
		}
		plan.Inputs = append(plan.Inputs, in)
	}
	small := s.Float("epsilon", 1e-5)
	plan.Inputs = append(plan.Inputs, kernel.ElementwiseInput{Type: kernel.Float32, Constant: &small})
	return s.elementwisePlan(plan, []int{0, 1, 2, 3, 4}, t)
}

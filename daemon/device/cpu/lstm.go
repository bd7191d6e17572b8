package cpu

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/lstm"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// packedLSTM is a compiled LSTM and its weights in C memory.
type packedLSTM struct {
	model *lstm.Model
	block *memory.Block
}

// selectLSTM runs LSTM with constant weights.
func selectLSTM(s *selection) (*kernel, error) {
	for _, i := range []int{1, 2, 3, 7} {
		if v := s.Input(i); v != nil && (v.Constant == nil || v.DType != tensor.Float32) {
			return nil, node.NoKernel("input %d is no float32 constant", i)
		}
	}
	if s.Inputs[0].DType != tensor.Float32 {
		return nil, node.NoKernel("the input is %v", s.Inputs[0].DType)
	}
	p, err := s.packLSTM()
	if errors.Is(err, lstm.ErrUnsupported) {
		return nil, node.NoKernel("%v", err)
	}
	if err != nil {
		return nil, err
	}
	x := s.Shape(0)
	steps, batch := int(x[0]), int(x[1])
	return &kernel{
		name:      s.named("lstm", tensor.Float32),
		workspace: int64(p.model.WorkspaceBytes(steps, batch)),
		emit: func(at device.Operands) ([]step.Step, error) {
			inputs, err := node.Places(at, 0, 4, 5, 6)
			if err != nil {
				return nil, err
			}
			return p.model.Plan(lstm.Call{
				Steps: steps, Batch: batch, X: inputs[0], Lengths: inputs[1], InitialH: inputs[2], InitialC: inputs[3],
				Packed: step.Absolute(p.block.Pointer()), Y: at.Output(0), YH: at.Output(1), YC: at.Output(2), Workspace: at.Workspace(),
			})
		},
	}, nil
}

// packLSTM packs the weights once; the form belongs to W and names the other constants that it holds.
func (s *selection) packLSTM() (packedLSTM, error) {
	floats := func(v *graph.Value) []float32 {
		if v == nil {
			return nil
		}
		return tensor.Slice[float32](v.Constant)
	}
	name := "lstm"
	for _, i := range []int{2, 3, 7} {
		if v := s.Input(i); v != nil {
			name += fmt.Sprintf(" %p", v.Constant)
		}
	}
	return weights.Pack(s.weights, s.Inputs[1], name, func() (packedLSTM, weights.Form, error) {
		l := s.LSTM()
		l.W, l.R, l.B, l.P = floats(s.Inputs[1]), floats(s.Inputs[2]), floats(s.Input(3)), floats(s.Input(7))
		model, err := lstm.Compile(s.level, l)
		if err != nil {
			return packedLSTM{}, weights.Form{}, err
		}
		b, form, err := block(model.Packed)
		return packedLSTM{model, b}, form, err
	})
}

//go:build cuda

package cuda

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/lstm"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectLSTM runs LSTM with constant weights.
func selectLSTM(s *selection) (*chosen, error) {
	t, err := s.typeOf(0)
	if err != nil {
		return nil, err
	}
	for _, i := range []int{1, 2, 3, 5, 6, 7} {
		switch v := s.Input(i); {
		case v == nil:
		case v.DType != s.Inputs[0].DType:
			return nil, node.NoKernel("input %d is %v, the first one is %v", i, v.DType, s.Inputs[0].DType)
		case v.Constant == nil && i != 5 && i != 6:
			return nil, node.NoKernel("input %d is not constant", i)
		}
	}
	p, err := s.packLSTM(t)
	if errors.Is(err, lstm.ErrUnsupported) {
		return nil, node.NoKernel("%v", err)
	}
	if err != nil {
		return nil, err
	}
	x := s.Shape(0)
	call := kernel.LSTMCall{Steps: x[0], Batch: x[1], Packed: p.tables, Processors: int64(s.device.driver.Attributes().Multiprocessors)}
	c, err := s.planned("lstm", t, func(at device.Operands) ([]kernel.Launch, error) {
		c := call
		inputs, err := node.Places(at, 0, 4, 5, 6)
		if err != nil {
			return nil, err
		}
		c.X, c.Lengths, c.InitialH, c.InitialC = inputs[0], inputs[1], inputs[2], inputs[3]
		c.Y, c.YH, c.YC, c.Workspace = at.Output(0), at.Output(1), at.Output(2), at.Workspace()
		return p.model.Plan(c)
	})
	if err != nil {
		return nil, err
	}
	c.workspace = p.model.WorkspaceBytes(call.Steps, call.Batch)
	return c, nil
}

// packLSTM packs the weights once; the form belongs to W and names the other constants that it holds.
func (s *selection) packLSTM(t kernel.Type) (packed[*kernel.LSTM], error) {
	name := "lstm"
	for _, i := range []int{2, 3, 7} {
		if v := s.Input(i); v != nil {
			name += fmt.Sprintf(" %p", v.Constant)
		}
	}
	return weights.Pack(s.weights, s.Inputs[1], name, func() (packed[*kernel.LSTM], weights.Form, error) {
		l := s.LSTM()
		l.W, l.R, l.B, l.P = floats(s.Inputs[1]), floats(s.Inputs[2]), floats(s.Input(3)), floats(s.Input(7))
		model, err := kernel.PackLSTM(t, l, s.Inputs[1].Constant.Data, s.Inputs[2].Constant.Data)
		if err != nil {
			return packed[*kernel.LSTM]{}, weights.Form{}, err
		}
		tables, form, err := s.device.upload(model.Packed)
		return packed[*kernel.LSTM]{model, tables}, form, err
	})
}

// floats returns a constant's elements; nil where there is none.
func floats(v *graph.Value) []float32 {
	if v == nil {
		return nil
	}
	from := tensor.FromFloat16
	switch v.DType {
	case tensor.Float32:
		return tensor.Slice[float32](v.Constant)
	case tensor.BFloat16:
		from = tensor.FromBFloat16
	}
	list := make([]float32, 0, v.Constant.Elements())
	for _, bits := range tensor.Slice[uint16](v.Constant) {
		list = append(list, float32(from(bits)))
	}
	return list
}

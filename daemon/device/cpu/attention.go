package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectAttention runs op.FusedAttention. Heads stay interleaved in memory: strides say where each one lies.
func selectAttention(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	packed := s.Int("packed", 0) != 0
	heads := int(s.Int("heads", 1))
	q, out := s.shape(0), s.outputShape(0)
	a := gemm.Attention{
		Level: s.level, Batch: int(q[0]), Heads: heads, Queries: int(q[1]), Keys: int(q[1]),
		HeadSize: int(q[2]) / heads, ValueSize: int(out[2]) / heads, Scale: s.Float("scale", 1),
	}
	if packed {
		a.HeadSize = int(q[2]) / 3 / heads
	} else {
		a.Keys = int(s.shape(1)[1])
	}
	maskStrides, ok := s.maskStrides(a)
	if !ok {
		return nil, noKernel("a mask of shape %v does not broadcast to the scores", s.shape(3))
	}
	return &kernel{name: s.named("attention", tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		inputs, err := places(at, 0, 1, 2, 3)
		if err != nil {
			return nil, err
		}
		if packed {
			row, width := 3*a.Heads*a.HeadSize, a.Heads*a.HeadSize
			part := func(i int) gemm.Heads {
				operand := inputs[0]
				operand.Offset += int64(4 * i * width)
				return gemm.Heads{Operand: operand, Row: row, Column: 1, Batch: a.Queries * row, Head: a.HeadSize}
			}
			a.Q, a.K, a.V = part(0), part(1), part(2)
		} else {
			a.Q = interleaved(inputs[0], a.Queries, heads, a.HeadSize)
			a.K = interleaved(inputs[1], a.Keys, heads, a.HeadSize)
			a.V = interleaved(inputs[2], a.Keys, heads, a.ValueSize)
		}
		a.O = interleaved(at.Output(0), a.Queries, heads, a.ValueSize)
		a.Mask = gemm.Heads{Operand: inputs[3], Batch: int(maskStrides[0]), Head: int(maskStrides[1]), Row: int(maskStrides[2]), Column: int(maskStrides[3])}
		planned, err := a.Step()
		return []step.Step{planned}, err
	}}, nil
}

// maskStrides returns the strides of the mask over [batch, heads, queries, keys].
func (s *selection) maskStrides(a gemm.Attention) ([]int64, bool) {
	if s.Input(3) == nil {
		return make([]int64, 4), true
	}
	return layout.Broadcast(s.shape(3), []int64{int64(a.Batch), int64(a.Heads), int64(a.Queries), int64(a.Keys)})
}

// interleaved describes [batch, rows, heads*size].
func interleaved(operand step.Operand, rows, heads, size int) gemm.Heads {
	return gemm.Heads{Operand: operand, Row: heads * size, Column: 1, Batch: rows * heads * size, Head: size}
}

package cpu

import (
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/gemm"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// selectAttention runs op.FusedAttention. Heads stay interleaved in memory: strides say where each one lies.
func selectAttention(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	read, err := s.Attention()
	if err != nil {
		return nil, err
	}
	a := gemm.Attention{
		Level: s.level, Batch: read.Batch, Heads: read.Heads, Queries: read.Queries, Keys: read.Keys, HeadSize: read.HeadSize, ValueSize: read.ValueSize,
		Scale: read.Scale,
	}
	return &kernel{name: s.named("attention", tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		inputs, err := node.Places(at, 0, 1, 2, 3)
		if err != nil {
			return nil, err
		}
		heads := func(h node.Heads) gemm.Heads {
			operand := at.Output(0)
			if h.Input >= 0 {
				operand = inputs[h.Input]
			}
			operand.Offset += int64(4 * h.Offset)
			return gemm.Heads{Operand: operand, Row: h.Row, Column: 1, Batch: h.Batch, Head: h.Head}
		}
		a.Q, a.K, a.V, a.O = heads(read.Q), heads(read.K), heads(read.V), heads(read.Output)
		mask := read.MaskStrides
		a.Mask = gemm.Heads{Operand: inputs[3], Batch: mask[0], Head: mask[1], Row: mask[2], Column: mask[3]}
		planned, err := a.Step()
		return []step.Step{planned}, err
	}}, nil
}

//go:build cuda

package cuda

import (
	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// selectAttention runs op.FusedAttention. Heads stay interleaved in memory: strides say where each one lies.
func selectAttention(s *selection) (*chosen, error) {
	t, err := s.wantOneFloat()
	if err != nil {
		return nil, err
	}
	read, err := s.Attention()
	if err != nil {
		return nil, err
	}
	attributes := s.device.driver.Attributes()
	plan := kernel.Attention{
		Type: t, TensorFloat: s.Int("tf32", 0) != 0 && s.device.hasTensorFloat(), Batch: int64(read.Batch), Heads: int64(read.Heads), Queries: int64(read.Queries), Keys: int64(read.Keys), HeadSize: int64(read.HeadSize),
		ValueSize: int64(read.ValueSize), Scale: read.Scale, Processors: int64(attributes.Multiprocessors), Shared: int64(attributes.SharedPerBlockOptIn),
	}
	return s.planned("attention", t, func(at device.Operands) ([]kernel.Launch, error) {
		p := plan
		inputs, err := node.Places(at, 0, 1, 2, 3)
		if err != nil {
			return nil, err
		}
		heads := func(h node.Heads) kernel.AttentionHeads {
			operand := at.Output(0)
			if h.Input >= 0 {
				operand = inputs[h.Input]
			}
			operand.Offset += int64(h.Offset) * t.Size()
			return kernel.AttentionHeads{Operand: operand, Batch: int64(h.Batch), Head: int64(h.Head), Row: int64(h.Row)}
		}
		p.Q, p.K, p.V, p.Y = heads(read.Q), heads(read.K), heads(read.V), heads(read.Output)
		if read.HasMask {
			p.Mask = kernel.AttentionHeads{
				Operand: inputs[3], Batch: int64(read.MaskStrides[0]), Head: int64(read.MaskStrides[1]), Row: int64(read.MaskStrides[2]),
			}
			p.MaskColumn = int64(read.MaskStrides[3])
		}
		return p.Plan()
	})
}

// hasTensorFloat reports whether the tensor cores know TF32; otherwise kernels that use it are slower than exact ones.
func (d *Device) hasTensorFloat() bool {
	return !d.driver.Info().Capability.Less(cuda.Capability{Major: 8})
}

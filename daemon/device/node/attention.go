package node

import "github.com/inferd/inferd/kernels/cpu/layout"

// Attention is op.FusedAttention: sizes, and how heads lie interleaved in memory. Strides are in elements.
type Attention struct {
	Batch, Heads, Queries, Keys int
	HeadSize, ValueSize         int
	Scale                       float32
	Q, K, V                     Heads
	Output                      Heads // of input -1
	// MaskStrides are over [batch, heads, queries, keys]; HasMask says whether input 3 is there.
	MaskStrides [4]int
	HasMask     bool
}

// Heads says where the rows of an operand's heads lie: Offset + batch*Batch + head*Head + row*Row, all in elements.
type Heads struct{ Input, Offset, Batch, Head, Row int }

// Attention reads the node's geometry.
func (n Node) Attention() (Attention, error) {
	heads := int(n.Int("heads", 1))
	q, out := n.Shape(0), n.OutputShape(0)
	a := Attention{
		Batch: int(q[0]), Heads: heads, Queries: int(q[1]), Keys: int(q[1]), HeadSize: int(q[2]) / heads, ValueSize: int(out[2]) / heads,
		Scale: n.Float("scale", 1), HasMask: n.Input(3) != nil,
	}
	if n.Int("packed", 0) != 0 {
		a.HeadSize /= 3
		row, width := 3*heads*a.HeadSize, heads*a.HeadSize
		part := func(i int) Heads {
			return Heads{Offset: i * width, Batch: a.Queries * row, Head: a.HeadSize, Row: row}
		}
		a.Q, a.K, a.V = part(0), part(1), part(2)
	} else {
		a.Keys = int(n.Shape(1)[1])
		a.Q = interleaved(0, a.Queries, heads, a.HeadSize)
		a.K = interleaved(1, a.Keys, heads, a.HeadSize)
		a.V = interleaved(2, a.Keys, heads, a.ValueSize)
	}
	a.Output = interleaved(-1, a.Queries, heads, a.ValueSize)
	if a.HasMask {
		strides, ok := layout.Broadcast(n.Shape(3), []int64{int64(a.Batch), int64(heads), int64(a.Queries), int64(a.Keys)})
		if !ok {
			return a, NoKernel("a mask of shape %v does not broadcast to the scores", n.Shape(3))
		}
		for i, stride := range strides {
			a.MaskStrides[i] = int(stride)
		}
	}
	return a, nil
}

// interleaved describes [batch, rows, heads*size].
func interleaved(input, rows, heads, size int) Heads {
	return Heads{Input: input, Batch: rows * heads * size, Head: size, Row: heads * size}
}

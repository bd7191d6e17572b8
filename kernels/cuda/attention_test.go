package cuda_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/inferd/inferd/kernels/cuda"
	"github.com/inferd/inferd/kernels/cuda/emulation"
)

// attentionCase is one attention with its heads interleaved.
type attentionCase struct {
	batch, heads, queries, keys int
	size, valueSize             int
	packed                      bool // Q, K and V side by side in one tensor
	mask                        string
	offset                      int // elements by which memory is not aligned
	scale                       float32
	processors                  int64
	tensorFloat                 bool
}

// attentionMemory are the operands of a case.
type attentionMemory struct {
	q, k, v, mask, y *emulation.Buffer
	plan             cuda.Attention
}

// maskShapes are strides over [batch, heads, queries, keys].
func (c attentionCase) maskStrides() [4]int {
	switch c.mask {
	case "keys":
		return [4]int{c.keys, 0, 0, 1}
	case "full":
		return [4]int{c.heads * c.queries * c.keys, c.queries * c.keys, c.keys, 1}
	case "queries":
		return [4]int{0, 0, 1, 0}
	}
	return [4]int{}
}

// newAttention lays the operands out. The first query of a full mask is masked everywhere, the second one by the least number.
func newAttention(t *testing.T, typ cuda.Type, c attentionCase) *attentionMemory {
	offset := c.offset * int(typ.Size())
	buffer := func(values []float64) *emulation.Buffer {
		return emulation.NewBuffer(t, emulation.Encode(typ, values), offset)
	}
	row := func(size, rows int) cuda.AttentionHeads {
		return cuda.AttentionHeads{Batch: int64(rows * c.heads * size), Head: int64(size), Row: int64(c.heads * size)}
	}
	m := &attentionMemory{plan: cuda.Attention{
		Type: typ, Batch: int64(c.batch), Heads: int64(c.heads), Queries: int64(c.queries), Keys: int64(c.keys), HeadSize: int64(c.size),
		ValueSize: int64(c.valueSize), Scale: c.scale, Processors: c.processors, TensorFloat: c.tensorFloat,
	}}
	p := &m.plan
	if c.packed {
		m.q = buffer(randomValues(typ, c.batch*c.queries*3*c.heads*c.size, 1))
		m.k, m.v = m.q, m.q
		p.Q = cuda.AttentionHeads{Batch: int64(3 * c.queries * c.heads * c.size), Head: int64(c.size), Row: int64(3 * c.heads * c.size)}
		p.K, p.V = p.Q, p.Q
	} else {
		m.q = buffer(randomValues(typ, c.batch*c.queries*c.heads*c.size, 1))
		m.k = buffer(randomValues(typ, c.batch*c.keys*c.heads*c.size, 2))
		m.v = buffer(randomValues(typ, c.batch*c.keys*c.heads*c.valueSize, 3))
		p.Q, p.K, p.V = row(c.size, c.queries), row(c.size, c.keys), row(c.valueSize, c.keys)
	}
	p.Q.Operand, p.K.Operand, p.V.Operand = m.q.Operand(), m.k.Operand(), m.v.Operand()
	if c.packed {
		p.K.Operand.Offset += int64(c.heads*c.size) * typ.Size()
		p.V.Operand.Offset += int64(2*c.heads*c.size) * typ.Size()
	}
	m.y = buffer(make([]float64, c.batch*c.queries*c.heads*c.valueSize))
	p.Y = row(c.valueSize, c.queries)
	p.Y.Operand = m.y.Operand()
	if s := c.maskStrides(); c.mask != "" {
		m.mask = buffer(c.maskValues(typ, s))
		p.Mask = cuda.AttentionHeads{Operand: m.mask.Operand(), Batch: int64(s[0]), Head: int64(s[1]), Row: int64(s[2])}
		p.MaskColumn = int64(s[3])
	}
	return m
}

func (c attentionCase) maskValues(typ cuda.Type, strides [4]int) []float64 {
	values := randomValues(typ, max(c.batch*strides[0], c.heads*strides[1], c.queries*strides[2], c.keys*strides[3]), 4)
	for i := range values {
		key := i % c.keys
		switch {
		case c.mask == "full" && i/c.keys == 0:
			values[i] = math.Inf(-1)
		case c.mask == "full" && i/c.keys == 1:
			values[i] = emulation.Decode(typ, emulation.Encode(typ, []float64{leastOf(typ)}))[0]
		case c.mask != "queries" && key%3 == 1, c.mask == "keys" && key < c.keys/2:
			values[i] = math.Inf(-1)
		}
	}
	return values
}

// leastOf is the least finite number of a type.
func leastOf(typ cuda.Type) float64 {
	return map[cuda.Type]float64{cuda.Float32: -math.MaxFloat32, cuda.Float16: -65504, cuda.BFloat16: -3.38e38}[typ]
}

// want computes the case in float64.
func (c attentionCase) want(typ cuda.Type, m *attentionMemory) []float64 {
	decode := func(b *emulation.Buffer, o cuda.AttentionHeads) func(batch, head, row, column int) float64 {
		if b == nil {
			return func(int, int, int, int) float64 { return 0 }
		}
		values := emulation.Decode(typ, b.Bytes())
		first := int(o.Operand.Offset-b.Operand().Offset) / int(typ.Size())
		return func(batch, head, row, column int) float64 {
			return values[first+batch*int(o.Batch)+head*int(o.Head)+row*int(o.Row)+column]
		}
	}
	q, k, v, mask := decode(m.q, m.plan.Q), decode(m.k, m.plan.K), decode(m.v, m.plan.V), decode(m.mask, m.plan.Mask)
	result := make([]float64, c.batch*c.queries*c.heads*c.valueSize)
	for b := range c.batch {
		for h := range c.heads {
			for i := range c.queries {
				scores, greatest, sum := make([]float64, c.keys), math.Inf(-1), 0.0
				for j := range scores {
					for d := range c.size {
						scores[j] += q(b, h, i, d) * k(b, h, j, d)
					}
					scores[j] = scores[j]*float64(c.scale) + mask(b, h, i, j*int(m.plan.MaskColumn))
					greatest = max(greatest, scores[j])
				}
				out := result[((b*c.queries+i)*c.heads+h)*c.valueSize:][:c.valueSize]
				for j, s := range scores {
					weight := math.Exp(s - greatest)
					sum += weight
					for d := range out {
						out[d] += weight * v(b, h, j, d)
					}
				}
				for d := range out {
					out[d] /= sum
				}
			}
		}
	}
	return result
}

var attentionCases = []attentionCase{
	{batch: 1, heads: 1, queries: 1, keys: 1, size: 64, valueSize: 64, scale: 0.125},
	{batch: 2, heads: 2, queries: 5, keys: 70, size: 32, valueSize: 32, mask: "full", scale: 0.2},
	{batch: 1, heads: 2, queries: 67, keys: 67, size: 64, valueSize: 64, packed: true, scale: 0.125, processors: 1},
	{batch: 2, heads: 1, queries: 130, keys: 33, size: 32, valueSize: 64, mask: "keys", scale: 0.2, processors: 1},
	{batch: 1, heads: 1, queries: 17, keys: 130, size: 128, valueSize: 96, scale: 0.1, processors: 1},
	{batch: 1, heads: 2, queries: 9, keys: 40, size: 72, valueSize: 88, mask: "keys", scale: 0.1},
	{batch: 1, heads: 3, queries: 20, keys: 35, size: 20, valueSize: 13, mask: "queries", scale: 0.3, processors: 1},
	{batch: 1, heads: 1, queries: 65, keys: 65, size: 128, valueSize: 128, offset: 1, scale: -0.1, processors: 1},
}

func TestAttention(t *testing.T) {
	library := emulation.Open(t)
	for _, kind := range attentionKinds {
		for _, c := range attentionCases {
			t.Run(fmt.Sprintf("%+v/%+v", kind, c), func(t *testing.T) {
				c.tensorFloat = kind.tensorFloat
				m := newAttention(t, kind.typ, c)
				launches, err := m.plan.Plan()
				runAll(t, library, launches, err)
				tolerance := emulation.Rounding(kind.typ)
				if kind.tensorFloat {
					tolerance.Relative = 2e-3
				}
				tolerance.Scale = 0.5 // weights are rounded to the type before they meet the values
				emulation.Compare(t, "attention", kind.typ, m.y.Bytes(), c.want(kind.typ, m), tolerance)
			})
		}
	}
}

// attentionKinds are what there are kernels for.
var attentionKinds = []struct {
	typ         cuda.Type
	tensorFloat bool
}{{typ: cuda.Float32}, {typ: cuda.Float16}, {typ: cuda.BFloat16}, {typ: cuda.Float32, tensorFloat: true}}

// TestAttentionRowAlone: neither the batch nor the variant that the number of blocks suggests changes a bit.
func TestAttentionRowAlone(t *testing.T) {
	library := emulation.Open(t)
	for _, kind := range attentionKinds {
		var first []byte
		for _, processors := range []int64{1, 6, 1 << 20} {
			for _, batch := range []int{1, 2} {
				m := newAttention(t, kind.typ, attentionCase{
					tensorFloat: kind.tensorFloat, batch: batch, heads: 2, queries: 66, keys: 70, size: 32, valueSize: 32, mask: "keys", scale: 0.3, processors: processors,
				})
				launches, err := m.plan.Plan()
				runAll(t, library, launches, err)
				got := m.y.Bytes()[:len(m.y.Bytes())/batch]
				if first == nil {
					first = got
				} else if !bytes.Equal(got, first) {
					t.Errorf("%+v: a batch of %d with %s gives other bits", kind, batch, launches[0].Kernel)
				}
			}
		}
	}
}

func TestAttentionRefusals(t *testing.T) {
	for _, a := range []cuda.Attention{
		{Type: cuda.Float16, Batch: 1, Heads: 1, Queries: 4, Keys: 4, HeadSize: 136, ValueSize: 64},
		{Type: cuda.Float32, Batch: 1, Heads: 1, Queries: 4, Keys: 0, HeadSize: 64, ValueSize: 64},
		{Type: cuda.Int8, Batch: 1, Heads: 1, Queries: 4, Keys: 4, HeadSize: 64, ValueSize: 64},
		{Type: cuda.Float16, Batch: 1, Heads: 1, Queries: 99, Keys: 4, HeadSize: 64, ValueSize: 64, Shared: 32 << 10},
	} {
		var unsupported *cuda.UnsupportedError
		if _, err := a.Plan(); !errors.As(err, &unsupported) {
			t.Errorf("%+v: error is %v, want a refusal", a, err)
		}
	}
	if launches, err := (cuda.Attention{Type: cuda.Float32, Heads: 1, Queries: 4, Keys: 4, HeadSize: 64, ValueSize: 64}).Plan(); err != nil || len(launches) != 0 {
		t.Errorf("no batch: %d launches, error %v", len(launches), err)
	}
}

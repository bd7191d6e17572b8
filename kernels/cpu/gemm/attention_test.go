package gemm

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// attentionCase holds the memory of one attention with interleaved heads, [batch, length, heads, size].
type attentionCase struct {
	Attention
	q, k, v, o, mask []float32
}

func newAttentionCase(t testing.TB, level isa.Level, batch, queries, keys, heads, group, size, valueSize int) *attentionCase {
	random := rand.New(rand.NewPCG(uint64(queries), uint64(keys)))
	kv := heads / group
	c := &attentionCase{
		Attention: Attention{
			Level: level, Batch: batch, Heads: heads, Group: group, Queries: queries, Keys: keys, HeadSize: size, ValueSize: valueSize, Scale: 0.4,
			Q:    Heads{Row: heads * size, Column: 1, Batch: queries * heads * size, Head: size},
			K:    Heads{Row: kv * size, Column: 1, Batch: keys * kv * size, Head: size},
			V:    Heads{Row: kv * valueSize, Column: 1, Batch: keys * kv * valueSize, Head: valueSize},
			O:    Heads{Row: heads * valueSize, Column: 1, Batch: queries * heads * valueSize, Head: valueSize},
			Mask: Heads{Row: 0, Column: 1, Batch: keys, Head: 0},
		},
		q: values(t, random, batch*queries*heads*size), k: values(t, random, batch*keys*kv*size), v: values(t, random, batch*keys*kv*valueSize),
		o: values(t, random, batch*queries*heads*valueSize), mask: values(t, random, batch*keys),
	}
	for i := range c.mask {
		if i%3 == 1 && i%keys != 0 {
			c.mask[i] = float32(math.Inf(-1))
		}
	}
	c.bind()
	return c
}

func (c *attentionCase) bind() {
	c.Q.Operand, c.K.Operand, c.V.Operand, c.O.Operand, c.Mask.Operand = operand(c.q), operand(c.k), operand(c.v), operand(c.o), operand(c.mask)
}

func (c *attentionCase) run(t testing.TB) {
	t.Helper()
	s, err := c.Step()
	if err != nil {
		t.Fatal(err)
	}
	runStep(t, s)
}

// want computes the output row of a query in float64.
func (c *attentionCase) want(batch, head, query int) []float64 {
	kv := head / max(1, c.Group)
	scores, most, sum := make([]float64, c.Keys), math.Inf(-1), 0.0
	for j := range scores {
		for d := range c.HeadSize {
			scores[j] += float64(c.q[batch*c.Q.Batch+head*c.Q.Head+query*c.Q.Row+d*c.Q.Column]) * float64(c.k[batch*c.K.Batch+kv*c.K.Head+j*c.K.Row+d*c.K.Column])
		}
		scores[j] *= float64(c.Scale)
		if c.Mask.Operand != (step.Operand{}) {
			scores[j] += float64(c.mask[batch*c.Mask.Batch+head*c.Mask.Head+query*c.Mask.Row+j*c.Mask.Column])
		}
		most = max(most, scores[j])
	}
	out := make([]float64, c.ValueSize)
	for j := range scores {
		weight := math.Exp(scores[j] - most)
		sum += weight
		for d := range out {
			out[d] += weight * float64(c.v[batch*c.V.Batch+kv*c.V.Head+j*c.V.Row+d*c.V.Column])
		}
	}
	for d := range out {
		out[d] /= sum
	}
	return out
}

func (c *attentionCase) compare(t *testing.T) {
	t.Helper()
	for b := range c.Batch {
		for h := range c.Heads {
			for i := range c.Queries {
				for d, want := range c.want(b, h, i) {
					got := float64(c.o[b*c.O.Batch+h*c.O.Head+i*c.O.Row+d])
					if !(math.Abs(got-want) <= 1e-5) {
						t.Fatalf("%d queries, %d keys: element %d of batch %d head %d query %d is %g, want %g", c.Queries, c.Keys, d, b, h, i, got, want)
					}
				}
			}
		}
	}
}

func TestAttention(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		for _, c := range [][7]int{
			{1, 1, 1, 1, 1, 8, 8}, {2, 17, 17, 3, 1, 32, 32}, {1, 50, 50, 2, 1, 64, 64}, {2, 5, 31, 4, 2, 20, 36},
			{1, 3, 300, 2, 1, 32, 32}, {1, 130, 513, 1, 1, 16, 16}, {1, 1, 700, 2, 2, 64, 64},
		} {
			attention := newAttentionCase(t, level, c[0], c[1], c[2], c[3], c[4], c[5], c[6])
			attention.run(t)
			attention.compare(t)

			// Without a mask, and with Q and K stored with their columns outermost.
			attention.Mask = Heads{}
			attention.Q = Heads{Operand: attention.Q.Operand, Row: 1, Column: c[1], Batch: attention.Q.Batch, Head: c[1] * c[5]}
			attention.K = Heads{Operand: attention.K.Operand, Row: 1, Column: c[2], Batch: attention.K.Batch, Head: c[2] * c[5]}
			attention.run(t)
			attention.compare(t)
		}
	})
}

// TestQueriesAreIndependent proves that an output's bits depend neither on the other queries, nor on the tiling, nor on
// keys behind it that are masked.
func TestQueriesAreIndependent(t *testing.T) {
	onEachLevel(t, func(t *testing.T, level isa.Level) {
		all := newAttentionCase(t, level, 2, 70, 90, 2, 1, 32, 32)
		all.run(t)
		want := append([]float32(nil), all.o...)
		for _, count := range []int{1, 2, 5, 16, 33} {
			for first := 0; first+count <= all.Queries; first += count {
				part := *all
				part.Queries = count
				part.Q.Operand.Offset += int64(4 * first * part.Q.Row)
				part.O.Operand.Offset += int64(4 * first * part.O.Row)
				part.run(t)
			}
			for i := range want {
				if math.Float32bits(all.o[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%d queries at a time: element %d is %g, want %g", count, i, all.o[i], want[i])
				}
			}
		}
		for i := range all.mask {
			if i%90 >= 61 {
				all.mask[i] = float32(math.Inf(-1))
			}
		}
		all.run(t)
		copy(want, all.o)
		all.Keys = 61
		all.run(t)
		for i := range want {
			if math.Float32bits(all.o[i]) != math.Float32bits(want[i]) {
				t.Fatalf("without the masked keys: element %d is %g, want %g", i, all.o[i], want[i])
			}
		}
	})
}

func TestAttentionErrors(t *testing.T) {
	good := newAttentionCase(t, isa.Scalar, 1, 2, 2, 2, 1, 4, 4)
	for name, change := range map[string]func(*Attention){
		"no keys": func(a *Attention) { a.Keys = 0 },
		"huge":    func(a *Attention) { a.Queries = 1 << 30 },
		"group":   func(a *Attention) { a.Group = 3 },
		"column":  func(a *Attention) { a.O.Column = 2 },
		"alias":   func(a *Attention) { a.O.Operand = a.Q.Operand },
	} {
		bad := good.Attention
		change(&bad)
		if _, err := bad.Step(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

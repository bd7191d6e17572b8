package gemm

// #include "attention.h"
import "C"

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Heads is an operand of attention: a matrix per head, with its strides in elements. A stride of 0 repeats.
type Heads struct {
	Operand     step.Operand
	Row, Column int
	Batch, Head int
}

// Attention describes O = softmax(scale Q K^T + mask) V for every head of a batch.
type Attention struct {
	Level        isa.Level
	Batch, Heads int
	Group        int // query heads that share one head of K and V; 0 counts as 1
	Queries      int
	Keys         int
	HeadSize     int
	ValueSize    int
	Scale        float32

	Q, K, V Heads
	O       Heads // Column is 1
	Mask    Heads // added to the scores, Queries x Keys; absent where its operand is
}

// Step plans the attention.
func (a Attention) Step() (step.Step, error) {
	if err := a.check(); err != nil {
		return step.Step{}, fmt.Errorf("attention of %d queries and %d keys: %w", a.Queries, a.Keys, err)
	}
	v := variantOf(a.Level)
	// The scores of a tile stay in the second-level cache; more rows use a packed block of K and V more often.
	rows := min(max(level2Bytes()/2/(4*a.Keys), 2*v.rows), 192)
	if rows < a.Queries {
		rows = ceil(ceil(a.Queries, ceil(a.Queries, rows)), v.rows) * v.rows
	}
	rows = min(rows, a.Queries)
	s := step.Step{
		Kernel:       attentionKernel(a.Level),
		Tiles:        int64(a.Batch) * int64(a.Heads) * int64(ceil(a.Queries, rows)),
		ScratchBytes: int64(C.inferd_attention_scratch(C.int64_t(rows), C.int64_t(a.Keys), C.int64_t(a.HeadSize), C.int64_t(a.ValueSize))),
	}
	scores := float64(a.Batch) * float64(a.Heads) * float64(a.Queries) * float64(a.Keys)
	s.CostNS = 100*s.Tiles + int64(scores*float64(a.HeadSize+a.ValueSize+16)/v.rate)
	for i, value := range map[int]int{
		C.INFERD_ATTENTION_HEADS: a.Heads, C.INFERD_ATTENTION_GROUP: max(1, a.Group), C.INFERD_ATTENTION_QUERIES: a.Queries, C.INFERD_ATTENTION_KEYS: a.Keys,
		C.INFERD_ATTENTION_HEAD_SIZE: a.HeadSize, C.INFERD_ATTENTION_VALUE_SIZE: a.ValueSize, C.INFERD_ATTENTION_TILE_ROWS: rows,
	} {
		s.Parameter[i] = int64(value)
	}
	s.SetFloat(C.INFERD_ATTENTION_SCALE, float64(a.Scale))
	for i, h := range map[int]Heads{
		C.INFERD_ATTENTION_Q: a.Q, C.INFERD_ATTENTION_K: a.K, C.INFERD_ATTENTION_V: a.V, C.INFERD_ATTENTION_O: a.O, C.INFERD_ATTENTION_MASK: a.Mask,
	} {
		s.Operand[i] = h.Operand
		first := C.INFERD_ATTENTION_FIRST_STRIDE + i*C.INFERD_ATTENTION_STRIDES
		s.Parameter[first+C.INFERD_ATTENTION_ROW] = int64(h.Row)
		s.Parameter[first+C.INFERD_ATTENTION_COLUMN] = int64(h.Column)
		s.Parameter[first+C.INFERD_ATTENTION_BATCH] = int64(h.Batch)
		s.Parameter[first+C.INFERD_ATTENTION_HEAD] = int64(h.Head)
	}
	return s, nil
}

// check reports what the kernel cannot do.
func (a *Attention) check() error {
	const limit = 1 << 24
	for _, size := range []int{a.Batch, a.Heads, a.Queries, a.Keys, a.HeadSize, a.ValueSize} {
		if size < 1 || size > limit {
			return fmt.Errorf("a size of %d is out of range", size)
		}
	}
	switch {
	case a.Group < 0 || a.Group > 0 && a.Heads%a.Group != 0:
		return fmt.Errorf("%d heads do not divide into groups of %d", a.Heads, a.Group)
	case a.O.Column != 1:
		return fmt.Errorf("column stride of the result is %d, want 1", a.O.Column)
	case a.O.Operand == a.Q.Operand || a.O.Operand == a.K.Operand || a.O.Operand == a.V.Operand:
		return errors.New("the result overwrites an operand")
	}
	return nil
}

func attentionKernel(level isa.Level) step.Kernel {
	switch level {
	case isa.AVX512:
		return step.Kernel(C.inferd_attention_f32_avx512)
	case isa.AVX2:
		return step.Kernel(C.inferd_attention_f32_avx2)
	}
	return step.Kernel(C.inferd_attention_f32_scalar)
}

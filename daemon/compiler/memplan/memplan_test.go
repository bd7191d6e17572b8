package memplan

import (
	"math/rand/v2"
	"testing"
)

// TestPlanNeverOverlaps checks random plans against the definition: blocks alive at the same step share no byte.
func TestPlanNeverOverlaps(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		blocks := make([]*Block, 1+random.IntN(40))
		var sum int64
		for i := range blocks {
			first := random.IntN(30)
			blocks[i] = &Block{Bytes: random.Int64N(5000), First: first, Last: first + random.IntN(10)}
			sum += align(blocks[i].Bytes)
		}
		arena := Plan(blocks)
		if arena > sum {
			t.Fatalf("round %d: arena of %d bytes is larger than all blocks, %d", round, arena, sum)
		}
		checkPlan(t, blocks, arena)
	}
}

func checkPlan(t *testing.T, blocks []*Block, arena int64) {
	t.Helper()
	for i, a := range blocks {
		if a.Offset%Alignment != 0 || a.Offset < 0 || a.Offset+a.Bytes > arena {
			t.Fatalf("block %d at %d of %d bytes leaves the arena of %d", i, a.Offset, a.Bytes, arena)
		}
		for j, b := range blocks[:i] {
			alive := a.First <= b.Last && b.First <= a.Last
			if alive && a.Offset < b.Offset+b.Bytes && b.Offset < a.Offset+a.Bytes {
				t.Fatalf("blocks %d and %d overlap: %+v %+v", i, j, *a, *b)
			}
		}
	}
}

// TestPlanReuses checks that a chain of equal values needs two of them.
func TestPlanReuses(t *testing.T) {
	var blocks []*Block
	for i := range 10 {
		blocks = append(blocks, &Block{Bytes: 1024, First: i, Last: i + 1})
	}
	if arena := Plan(blocks); arena != 2048 {
		t.Fatalf("a chain of ten 1 KiB values takes %d bytes, want 2048", arena)
	}
}

package batch

import (
	"math/rand/v2"
	"testing"
)

func TestLadder(t *testing.T) {
	for rows, want := range map[int]int{0: 1, 1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 6, 7: 6, 8: 8, 11: 8, 12: 12, 15: 12, 64: 64, 100: 96, 1 << 30: 8192} {
		if got := Ladder(rows); got != want {
			t.Errorf("Ladder(%d) = %d, want %d", rows, got, want)
		}
	}
}

// TestDurationsFindTheLongestBatch lets batches run that take fixed + rows*each nanoseconds, a third of them up to twice as long, and
// wants nearly all, once some have run, of them to have the largest size that takes no longer than the limit.
func TestDurationsFindTheLongestBatch(t *testing.T) {
	for _, c := range []struct {
		name            string
		most            int
		limit           int64
		fixed, row      int64
		least, greatest int
	}{
		{"proportional", 64, 1100, 0, 120, 8, 8},
		{"bound by its weights", 64, 1100, 600, 50, 8, 8},
		{"nearly constant", 64, 1100, 900, 1, 64, 64},
		{"a row takes too long", 64, 1000, 0, 1500, 1, 1},
		{"tiny", 64, 1000, 0, 1, 64, 64},
		{"bounded by the policy", 5, 1000, 0, 1, 5, 5},
	} {
		for seed := range uint64(20) {
			random, d, hits := rand.New(rand.NewPCG(seed, 0)), Durations{}, 0
			const settling, runs = 3000, 2000
			for n := range settling + runs {
				rows := Ladder(d.Rows(c.most, c.limit))
				took := c.fixed + int64(rows)*c.row
				if n > 0 && random.IntN(3) == 0 {
					took += took * random.Int64N(1000) / 1000
				}
				d.Observe(rows, took)
				if n >= settling && rows >= Ladder(c.least) && rows <= c.greatest {
					hits++
				}
			}
			if hits < runs*9/10 {
				t.Errorf("%s, seed %d: %d of %d batches had %d to %d rows; averages %v", c.name, seed, hits, runs, c.least, c.greatest, d.average)
			}
		}
	}
}

func TestDurationsClimbFromOneRow(t *testing.T) {
	var d Durations
	if got := d.Rows(64, 1000); got != 1 {
		t.Errorf("%d rows where nothing is known", got)
	}
	d.Observe(1, 500)
	if got := d.Rows(64, 1000); got != 2 {
		t.Errorf("%d rows after one that takes half of the limit", got)
	}
	d.Observe(1, 5)
	for range 20 {
		d.Observe(1, 5)
	}
	if got := d.Rows(64, 1000); got != 64 {
		t.Errorf("%d rows after short ones", got)
	}
	d.Observe(5, 1) // between the rungs
	if d.average[rung(4)] != 0 {
		t.Error("a size between the rungs was counted as one of them")
	}
}

package runtime

import (
	"testing"
	"time"
)

// BenchmarkRun measures what a run costs beside its work.
func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name    string
		threads int
		tiles   []int
		spin    []time.Duration
	}{
		{"one_step", 2, []int{1}, []time.Duration{0}},
		{"ten_steps", 2, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []time.Duration{0}},
		{"1ms_in_20us_tiles_one_thread", 1, []int{10, 10, 10, 10, 10}, []time.Duration{20 * time.Microsecond}},
		{"1ms_in_20us_tiles_two_threads", 2, []int{10, 10, 10, 10, 10}, []time.Duration{20 * time.Microsecond}},
	} {
		b.Run(c.name, func(b *testing.B) {
			pool := newPool(b, c.threads)
			chain := newCounted(b, c.tiles, c.spin)
			for b.Loop() {
				if _, _, err := pool.Run(chain.steps, chain.bases, Cursor{}, Pause{Quantum: 2 * time.Millisecond}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package cuda

import (
	"math/rand/v2"
	"testing"
)

// TestDivisor holds the multiplication that kernels divide by to the quotient.
func TestDivisor(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	check := func(x uint32, d int64) {
		by := newDivisor(d)
		if got := (uint32(uint64(x)*uint64(by.multiplier)>>32) + x) >> by.shift; int64(got) != int64(x)/d {
			t.Fatalf("%d / %d gives %d", x, d, got)
		}
	}
	for range 200000 {
		d := 1 + random.Int64N(1<<random.IntN(31))
		x := random.Uint32N(1 << 31)
		check(x, d)
		check(x/uint32(d)*uint32(d), d)           // a multiple,
		check(max(x/uint32(d)*uint32(d), 1)-1, d) // and what is just below one
	}
	check(1<<31-1, 1)
	check(1<<31-1, 1<<31-1)
}

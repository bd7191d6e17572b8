package cuda

import "math/bits"

// divisor mirrors Divisor of division.cuh.
type divisor struct{ divisor, multiplier, shift uint32 }

// newDivisor returns what divides numbers below 2^31 by d, 0 < d < 2^31.
func newDivisor(d int64) divisor {
	shift := bits.Len64(uint64(d - 1)) // rounded up
	return divisor{uint32(d), uint32((1<<32*(1<<shift-d))/d + 1), uint32(shift)}
}

package cuda

import "github.com/inferd/inferd/kernels/cpu/layout"

const (
	// mostRank is the number of dimensions that a walk has room for, kMostRank in walk.cuh.
	mostRank = 8
	// mostSteps bounds indices that are divided by multiplication: they are below 2^31.
	mostSteps = 1<<31 - 1
)

// walk2 mirrors Walk<2>: a loop over a source and a destination.
type walk2 struct {
	stride [2][mostRank]int64
	extent [mostRank]divisor
	rank   int32
	count  uint32
}

// newWalk2 turns a loop around: the kernel wants the innermost dimension first.
func newWalk2(loop layout.Loop) (w walk2, err error) {
	rank, count := len(loop.Dims), layout.Size(loop.Dims)
	if rank > mostRank {
		return w, unsupported("a loop of %d dimensions, at most %d are supported", rank, mostRank)
	}
	if count > mostSteps {
		return w, unsupported("a loop of %d steps", count)
	}
	w.rank, w.count = int32(rank), uint32(count)
	for d, dim := range loop.Dims {
		inner := rank - 1 - d
		w.extent[inner] = newDivisor(dim)
		w.stride[0][inner], w.stride[1][inner] = loop.Strides[0][d], loop.Strides[1][d]
	}
	return w, nil
}

// unitOf returns how many bytes move as one, at most 16, where all of the given offsets and lengths in bytes are multiples of it.
func unitOf(bytes ...int64) int64 {
	all := int64(wideBytes)
	for _, b := range bytes {
		all |= b
	}
	return all & -all
}

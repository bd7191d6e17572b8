package cuda

import (
	"math/bits"

	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	// topKMost is the largest k: the chosen are sorted in shared memory.
	topKMost = 2048
	// topKWhole is the longest row that is sorted whole because that is quicker than to select.
	topKWhole = 512
	// topKThreads is the size of a block that selects, kDigits in top_k.cu.
	topKThreads = 256
)

// TopK describes ONNX's TopK along the middle axis of a dense [Before, Size, After] tensor: the K largest or smallest, best first, and their positions
// (int64). Of equals the first one comes first; NaN is above all numbers.
type TopK struct {
	Type                   Type
	Before, Size, After, K int64
	Smallest               bool
	X, Y, Positions        step.Operand
}

// topKArguments mirrors TopKArguments.
type topKArguments struct {
	x, y, positions            address
	size, after                int64
	k, sorted, smallest, whole int32
}

// Plan returns the launch; none where nothing is wanted.
func (t TopK) Plan() ([]Launch, error) {
	rows := t.Before * t.After
	if rows*t.K == 0 {
		return nil, nil
	}
	if t.K > topKMost || t.Size > mostSteps/2 || rows > maxGrid {
		return nil, unsupported("the %d best of %d in each of %d rows; at most %d are supported", t.K, t.Size, rows, topKMost)
	}
	sorted, whole := powerOfTwo(t.K), false
	if all := powerOfTwo(t.Size); all <= max(topKWhole, sorted) {
		sorted, whole = all, true
	}
	threads, keyBytes := int64(topKThreads), int64(4)
	if whole {
		threads = min(max(sorted/2, warp), topKThreads)
	}
	if t.Type == Int64 {
		keyBytes = 8
	}
	l := newLaunch("top_k", "top_k_"+t.Type.String(), grid1(rows), grid1(threads), int(sorted*(keyBytes+4)), topKArguments{
		size: t.Size, after: t.After, k: int32(t.K), sorted: int32(sorted), smallest: flag(t.Smallest), whole: flag(whole),
	}, t.X, t.Y, t.Positions)
	l.FLOP, l.Bytes = rows*t.Size, rows*(t.Size*t.Type.Size()+t.K*(t.Type.Size()+8))
	return []Launch{l}, nil
}

// powerOfTwo returns the least power of two that is not below n, which is at least 1.
func powerOfTwo(n int64) int64 { return 1 << bits.Len64(uint64(n-1)) }

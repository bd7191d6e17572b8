package cuda

import (
	"math/bits"

	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	// topKMost is how many elements a block can sort in shared memory, and so the largest k.
	topKMost = 2048
	// topKWhole is the longest row that is sorted whole because that is quicker than selecting.
	topKWhole = 512
	// topKThreads is the size of a block that selects, kDigits in top_k.cu.
	topKThreads = 256
	// topKFewRows is the number of rows up to which long ones are cut, because a block for each would leave most of the device idle.
	topKFewRows = 64
	// topKPart is the least length of a part of a row, and topKMostParts how many there are at most.
	topKPart, topKMostParts = 4096, 64
)

// TopK describes ONNX's TopK along the middle axis of a dense [Before, Size, After] tensor: the K largest or smallest, best first, and their positions
// (int64). Of equals the first one comes first; NaN is above all numbers.
type TopK struct {
	Type                   Type
	Before, Size, After, K int64
	Smallest               bool
	X, Y, Positions        step.Operand
	Workspace              step.Operand // of WorkspaceBytes
}

// topKArguments mirrors TopKArguments.
type topKArguments struct {
	x, y, positions, keys, places address
	size, after                   int64
	k, slots, smallest, whole     int32
	parts, length                 int32
}

// keyBytes is the size of the keys that elements become.
func (t TopK) keyBytes() int64 {
	if t.Type == Int64 {
		return 8
	}
	return 4
}

// parts returns into how many parts each row is cut, 1 where it is not.
func (t TopK) parts() int64 {
	if t.K == 0 || t.Before*t.After > topKFewRows {
		return 1
	}
	parts := min(divide(t.Size, topKPart), topKMost/t.K, topKMostParts)
	if parts < 4 {
		return 1
	}
	return divide(t.Size, divide(t.Size, parts))
}

// candidates is how many elements the parts leave.
func (t TopK) candidates() int64 { return t.Before * t.After * t.parts() * t.K }

// WorkspaceBytes is the memory that the launches hand candidates over in.
func (t TopK) WorkspaceBytes() int64 {
	if t.parts() == 1 {
		return 0
	}
	return t.candidates() * (t.keyBytes() + 4)
}

// Plan returns the launches; none where nothing is wanted.
func (t TopK) Plan() ([]Launch, error) {
	rows := t.Before * t.After
	if rows*t.K == 0 {
		return nil, nil
	}
	if t.K > topKMost || t.Size > mostSteps/2 || rows > maxGrid {
		return nil, unsupported("the %d best of %d in each of %d rows; at most %d are supported", t.K, t.Size, rows, topKMost)
	}
	input, output := rows*t.Size*t.Type.Size(), rows*t.K*(t.Type.Size()+8)
	if parts := t.parts(); parts > 1 {
		length := divide(t.Size, parts)
		part := t.launch("top_k_part", rows*parts, topKThreads, topKMost, topKArguments{parts: int32(parts), length: int32(length)})
		join := t.sorting("top_k_join", rows, parts*t.K, topKArguments{parts: int32(parts)})
		part.FLOP, part.Bytes = rows*t.Size, input+t.WorkspaceBytes()
		join.FLOP, join.Bytes = rows*parts*t.K, t.WorkspaceBytes()+output
		return []Launch{part, join}, nil
	}
	l := t.launch("top_k", rows, topKThreads, topKMost, topKArguments{})
	if t.Size <= max(topKWhole, powerOfTwo(t.K)) {
		l = t.sorting("top_k", rows, t.Size, topKArguments{whole: 1})
	}
	l.FLOP, l.Bytes = rows*t.Size, input+output
	return []Launch{l}, nil
}

// sorting is a launch of blocks that sort so many elements each.
func (t TopK) sorting(kernel string, blocks, elements int64, a topKArguments) Launch {
	slots := powerOfTwo(elements)
	return t.launch(kernel, blocks, min(max(slots/2, warp), topKThreads), slots, a)
}

// launch gives each block so many slots in shared memory.
func (t TopK) launch(kernel string, blocks, threads, slots int64, a topKArguments) Launch {
	a.size, a.after, a.k, a.slots, a.smallest = t.Size, t.After, int32(t.K), int32(slots), flag(t.Smallest)
	places := t.Workspace
	if places != (step.Operand{}) {
		places.Offset += t.candidates() * t.keyBytes()
	}
	shared := int(slots * (t.keyBytes() + 4))
	return newLaunch("top_k", kernel+"_"+t.Type.String(), grid1(blocks), grid1(threads), shared, a, t.X, t.Y, t.Positions, t.Workspace, places)
}

// powerOfTwo returns the least power of two that is not below n, which is at least 1.
func powerOfTwo(n int64) int64 { return 1 << bits.Len64(uint64(n-1)) }

package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// softmaxKept is the number of elements of a row that a thread of softmax_kept holds, kKept in softmax.cu.
const softmaxKept = 32

// Softmax describes softmax, or its logarithm, over the last axis of a dense [Rows, Width] tensor.
type Softmax struct {
	Type        Type
	Rows, Width int64
	Scale       float32 // of the input, ahead of everything; 0 counts as 1
	Logarithmic bool
	X, Y        step.Operand // may be the same memory
}

// softmaxArguments mirrors SoftmaxArguments.
type softmaxArguments struct {
	x, y        address
	rows, width int64
	scale       float32
	logarithmic int32
}

// Plan returns the launch; none where there are no elements.
func (s Softmax) Plan() ([]Launch, error) {
	if !s.Type.IsFloat() {
		return nil, unsupported("softmax of %v", s.Type)
	}
	if s.Rows*s.Width == 0 {
		return nil, nil
	}
	if s.Rows > maxGrid {
		return nil, unsupported("softmax of %d rows", s.Rows)
	}
	if s.Scale == 0 {
		s.Scale = 1
	}
	count := wide(s.Type, s.Width, s.X, s.Y)
	suffix := "_" + s.Type.String()
	if count == 1 {
		suffix = "_one" + suffix
	}
	kernel, threads := "softmax_online"+suffix, int64(1024)
	if s.Width <= 1024*softmaxKept {
		// Each thread keeps a few packs, so that several loads are under way, but no more than its registers hold.
		kernel = "softmax_kept" + suffix
		threads = max(divide(s.Width, 4*count), divide(s.Width, softmaxKept))
		threads = min(divide(threads, warp)*warp, 1024)
	}
	l := newLaunch("softmax", kernel, grid1(s.Rows), grid1(threads), 0,
		softmaxArguments{rows: s.Rows, width: s.Width, scale: s.Scale, logarithmic: flag(s.Logarithmic)}, s.X, s.Y)
	l.FLOP, l.Bytes = 5*s.Rows*s.Width, 2*s.Rows*s.Width*s.Type.Size()
	return []Launch{l}, nil
}

package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// softmaxKept is the number of elements of a row that a thread of softmax_kept holds, kKept in softmax.cu.
const softmaxKept = 32

// Softmax describes softmax, or its logarithm, over the middle axis of a dense [Rows, Width, Inner] tensor.
type Softmax struct {
	Type        Type
	Rows, Width int64
	Inner       int64   // 0 counts as 1: the axis is the last one
	Scale       float32 // of the input, ahead of everything; 0 counts as 1
	Logarithmic bool
	X, Y        step.Operand // may be the same memory
}

// softmaxArguments mirrors SoftmaxArguments.
type softmaxArguments struct {
	x, y               address
	rows, width, inner int64
	scale              float32
	logarithmic, lanes int32
	_                  int32
}

// Plan returns the launch; none where there are no elements.
func (s Softmax) Plan() ([]Launch, error) {
	if !s.Type.IsFloat() {
		return nil, unsupported("softmax of %v", s.Type)
	}
	if s.Scale == 0 {
		s.Scale = 1
	}
	if s.Inner == 0 {
		s.Inner = 1
	}
	elements := s.Rows * s.Width * s.Inner
	if elements == 0 {
		return nil, nil
	}
	plan := s.planRows
	if s.Inner > 1 {
		plan = s.planColumns
	}
	l, err := plan(softmaxArguments{rows: s.Rows, width: s.Width, inner: s.Inner, scale: s.Scale, logarithmic: flag(s.Logarithmic)})
	if err != nil {
		return nil, err
	}
	l.FLOP, l.Bytes = 5*elements, 2*elements*s.Type.Size()
	return []Launch{l}, nil
}

func (s Softmax) planRows(a softmaxArguments) (Launch, error) {
	count := wide(s.Type, s.Width, s.X, s.Y)
	suffix, most := "_"+s.Type.String(), int64(1024) // threads that keep elements
	if count == 1 {
		suffix, most = "_one"+suffix, 512
	}
	kernel, threads, rows := "softmax_online"+suffix, int64(1024), int64(1) // rows of a block
	packs := divide(s.Width, count)
	switch {
	case s.Width <= warp*softmaxKept:
		kernel, threads, a.lanes = "softmax_kept"+suffix, 4*warp, warpPart(packs)
		rows = threads / int64(a.lanes)
	case s.Width <= most*softmaxKept:
		// Each thread keeps a few packs, so that several loads are under way, but no more than its registers hold.
		kernel = "softmax_kept" + suffix // with more lanes than a warp has
		threads = max(divide(packs, 4), divide(s.Width, softmaxKept))
		threads = min(divide(threads, warp)*warp, most)
		a.lanes = int32(threads)
	}
	blocks := divide(s.Rows, rows)
	if blocks > maxGrid {
		return Launch{}, unsupported("softmax of %d rows", s.Rows)
	}
	return newLaunch("softmax", kernel, grid1(blocks), grid1(threads), 0, a, s.X, s.Y), nil
}

// warpPart is how many lanes of a warp have a row: a power of two, so that each lane has four packs, as many loads as it takes to hide their latency.
func warpPart(packs int64) int32 {
	lanes := int32(1)
	for lanes < warp && int64(lanes)*4 < packs {
		lanes *= 2
	}
	return lanes
}

// planColumns divides a block among columns and slices of the axis as the shape alone has it, so that the order of sums does not depend on alignment.
func (s Softmax) planColumns(a softmaxArguments) (Launch, error) {
	const threads = 256 // kColumnThreads
	kernel, columns := "softmax_columns_", wideBytes/s.Type.Size()
	if s.Inner%columns != 0 {
		columns = 1
	}
	count := wide(s.Type, s.Inner, s.X, s.Y)
	if count == 1 {
		kernel += "one_"
	}
	across := min(roundedToPowerOfTwo(divide(s.Inner, columns)), warp)
	slices := min(threads/across, roundedToPowerOfTwo(s.Width))
	blocks := s.Rows * divide(s.Inner, across*count)
	if blocks > maxGrid {
		return Launch{}, unsupported("softmax over axis 1 of [%d, %d, %d]", s.Rows, s.Width, s.Inner)
	}
	return newLaunch("softmax", kernel+s.Type.String(), grid1(blocks), [3]uint32{uint32(across), uint32(slices), 1}, 0, a, s.X, s.Y), nil
}

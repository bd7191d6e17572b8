package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// normKept is the number of elements of a row that a thread keeps, and normThreads the most threads that do: kNormKept and kNormThreads in norm.cu.
const (
	normKept    = 32
	normThreads = 512
)

// Norm describes the normalisation of Rows dense rows of Width elements, by mean and variance or by the root of the mean square.
type Norm struct {
	Type           Type
	Rows, Width    int64
	Epsilon        float32
	RootMeanSquare bool
	// Groups and Channels, where not zero, say that Scale and Bias have an element for each channel: row r is group r % Groups, Channels channels side by
	// side, of the same number of elements. Otherwise they have Width elements.
	Groups, Channels int64
	// X is added to Residual first, and Sum is what that gives. Residual, Bias, Sum, and the statistics, float32 for each row, may be absent.
	// Y may be the memory of X or of the residual, where there is no Sum.
	X, Residual, Scale, Bias, Y, Sum, Mean, Inverse step.Operand
}

// normArguments mirrors NormArguments.
type normArguments struct {
	x, residual, scale, bias       address
	y, sum                         address
	mean, inverse                  address
	rows, width                    int64
	epsilon                        float32
	rootMeanSquare, lanes, aligned int32
	groups, channels               int32
	plane                          divisor
	_                              int32
}

// Plan returns the launch; none where there are no elements.
func (n Norm) Plan() ([]Launch, error) {
	if !n.Type.IsFloat() {
		return nil, unsupported("normalisation of %v", n.Type)
	}
	if n.Rows == 0 || n.Width == 0 && n.Mean == (step.Operand{}) && n.Inverse == (step.Operand{}) {
		return nil, nil
	}
	if n.Rows > maxGrid {
		return nil, unsupported("normalisation of %d rows", n.Rows)
	}
	a := normArguments{rows: n.Rows, width: n.Width, epsilon: n.Epsilon, rootMeanSquare: flag(n.RootMeanSquare), plane: newDivisor(1)}
	operands := []step.Operand{n.X, n.Residual, n.Scale, n.Bias, n.Y, n.Sum, n.Mean, n.Inverse}
	rows := []step.Operand{n.X, n.Residual, n.Y, n.Sum}
	if n.Groups != 0 {
		if n.Width > maxPiece {
			return nil, unsupported("normalisation of groups of %d elements", n.Width)
		}
		a.groups, a.channels, a.plane = int32(n.Groups), int32(n.Channels), newDivisor(max(n.Width/n.Channels, 1))
	} else {
		rows = append(rows, n.Scale, n.Bias)
	}
	count := wideBytes / n.Type.Size()
	a.aligned = flag(wide(n.Type, n.Width, rows...) > 1)
	kernel, threads, grid := "norm_long_", int64(1024), n.Rows
	switch {
	case n.Width <= warp*normKept:
		kernel, a.lanes, threads = "norm_kept_", warpPart(divide(n.Width, count)), 4*warp
		grid = divide(n.Rows*int64(a.lanes), threads)
	case n.Width <= normThreads*normKept:
		// Each thread keeps a few packs, so that several loads are under way, but no more than its registers hold.
		threads = max(divide(n.Width, 4*count), divide(n.Width, normKept))
		threads = min(divide(threads, warp)*warp, normThreads)
		kernel, a.lanes = "norm_kept_", int32(threads)
	}
	l := newLaunch("norm", kernel+n.Type.String(), grid1(grid), grid1(threads), 0, a, operands...)
	elements := n.Rows * n.Width
	l.FLOP, l.Bytes = 8*elements, 2*elements*n.Type.Size()
	for _, more := range []step.Operand{n.Residual, n.Sum} {
		if more != (step.Operand{}) {
			l.Bytes += elements * n.Type.Size()
		}
	}
	return []Launch{l}, nil
}

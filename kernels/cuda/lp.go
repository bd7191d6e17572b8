package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// LpNorm is a norm.
type LpNorm int32

// The norms: the sum of absolute values, the root of the sum of squares, the largest element.
const (
	LpSum     LpNorm = joinAbsoluteSum
	LpRoot    LpNorm = joinSquareSum
	LpLargest LpNorm = joinMaximum
)

// Lp describes the division of the lines along the middle axis of a dense [Outer, Width, Inner] tensor by their norm.
type Lp struct {
	Type                Type
	Norm                LpNorm
	Outer, Width, Inner int64
	X, Y                step.Operand // may be the same memory
}

// lpArguments mirrors LpArguments.
type lpArguments struct {
	x, y                address
	outer, width, inner int64
	norm, lanes         int32
}

// Plan returns the launch; none where there are no elements.
func (p Lp) Plan() ([]Launch, error) {
	if !p.Type.IsFloat() {
		return nil, unsupported("division of %v by a norm", p.Type)
	}
	elements := p.Outer * p.Width * p.Inner
	if elements == 0 {
		return nil, nil
	}
	lanes := reduceStage{p.Outer, p.Width, p.Inner}.integerLanes()
	blocks := divide(p.Outer*p.Inner*int64(lanes), reduceThreads)
	if blocks > maxGrid {
		return nil, unsupported("division of %d lines by their norms", p.Outer*p.Inner)
	}
	l := newLaunch("lp", "lp_"+p.Type.String(), grid1(blocks), grid1(reduceThreads), 0,
		lpArguments{outer: p.Outer, width: p.Width, inner: p.Inner, norm: int32(p.Norm), lanes: lanes}, p.X, p.Y)
	l.FLOP, l.Bytes = 3*elements, 2*elements*p.Type.Size()
	return []Launch{l}, nil
}

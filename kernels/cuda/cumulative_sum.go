package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// CumulativeSum describes ONNX's CumSum along the middle axis of a dense [Before, Size, After] tensor.
type CumulativeSum struct {
	Type                Type
	Before, Size, After int64
	Exclusive, Reverse  bool
	X, Y                step.Operand
}

// cumulativeSumArguments mirrors CumulativeSumArguments.
type cumulativeSumArguments struct {
	x, y                address
	before, size, after int64
	exclusive, reverse  int32
}

// Plan returns the launch; none where there are no elements.
func (c CumulativeSum) Plan() ([]Launch, error) {
	if !c.Type.IsFloat() && c.Type != Int32 && c.Type != Int64 {
		return nil, unsupported("a cumulative sum of %v", c.Type)
	}
	elements := c.Before * c.Size * c.After
	if elements == 0 {
		return nil, nil
	}
	// A row is scanned by a whole block of always the same size, because the order of float sums must not depend on how many rows there are.
	const threads = 256
	kernel, blocks := "sum_rows", c.Before
	switch {
	case c.After > 1:
		kernel, blocks = "sum_columns", divide(c.Before*c.After, threads)
	case wide(c.Type, c.Size, c.X, c.Y) == 1:
		kernel = "sum_rows_one"
	}
	if blocks > maxGrid {
		return nil, unsupported("a cumulative sum of %d rows", c.Before*c.After)
	}
	l := newLaunch("cumulative_sum", kernel+"_"+c.Type.String(), grid1(blocks), grid1(threads), 0, cumulativeSumArguments{
		before: c.Before, size: c.Size, after: c.After, exclusive: flag(c.Exclusive), reverse: flag(c.Reverse),
	}, c.X, c.Y)
	l.FLOP, l.Bytes = elements, 2*elements*c.Type.Size()
	return []Launch{l}, nil
}

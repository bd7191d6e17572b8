package cuda

import "github.com/inferd/inferd/kernels/cpu/step"

// gatherUnits is how many units a thread of gather moves, kUnits in gather.cu.
const gatherUnits = 4

// Gather describes ONNX's Gather of a row-major tensor X [Outer, Axis, row] by Count indices: output [Outer, Count, row]. Negative indices count from the
// end of the axis. An index out of range raises the counter Faults, an int64, and its row becomes zero.
type Gather struct {
	Outer, Axis, Count    int64
	RowBytes              int64
	IndexBytes            int64 // 4 (int32) or 8 (int64)
	X, Indices, Y, Faults step.Operand
}

// gatherArguments mirrors GatherArguments.
type gatherArguments struct {
	x, indices, y, faults address
	axis                  int64
	row, count            divisor
	units                 uint32
	wide                  int32
}

// Plan returns the launch; none where there are no elements.
func (g Gather) Plan() ([]Launch, error) {
	if g.IndexBytes != 4 && g.IndexBytes != 8 {
		return nil, unsupported("a gather with indices of %d bytes", g.IndexBytes)
	}
	bytes := g.Outer * g.Count * g.RowBytes
	if bytes == 0 {
		return nil, nil
	}
	unit := unitOf(g.RowBytes, g.X.Offset, g.Y.Offset)
	units := bytes / unit
	if units > mostSteps {
		return nil, unsupported("a gather of %d bytes in units of %d", bytes, unit)
	}
	threads := int64(256)
	if units < 1<<17 {
		threads = 64
	}
	l := newLaunch("gather", kernelOfUnit("gather", unit), grid1(divide(units, threads*gatherUnits)), grid1(threads), 0, gatherArguments{
		axis: g.Axis, row: newDivisor(g.RowBytes / unit), count: newDivisor(g.Count), units: uint32(units), wide: flag(g.IndexBytes == 8),
	}, g.X, g.Indices, g.Y, g.Faults)
	l.Bytes = 2*bytes + g.Count*g.IndexBytes
	return []Launch{l}, nil
}

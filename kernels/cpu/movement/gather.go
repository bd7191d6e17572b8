package movement

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Operands of a gather step.
const (
	OperandData    = 0
	OperandIndices = 1
	OperandOutput  = 2
	// OperandStatus is optional: an int64, zeroed by the caller ahead of the run, that becomes StatusIndexOutOfRange where an index is
	// below -axis or not below axis. Its row of the output is then zero; nothing outside the data is read.
	OperandStatus = 3
)

// StatusIndexOutOfRange is the value that a gather step stores in OperandStatus.
const StatusIndexOutOfRange = 1

// Gather describes ONNX's Gather of a row-major tensor [Outer, Axis, row] by Count indices: output [Outer, Count, row]. Negative indices
// count from the end of the axis.
type Gather struct {
	Outer, Axis, Count int64
	RowBytes           int64
	IndexSize          int64 // 4 (int32) or 8 (int64)
}

// Plan returns the step; the caller sets the operands.
func (g Gather) Plan(level isa.Level) (step.Step, error) {
	if !slices.Contains([]int64{4, 8}, g.IndexSize) {
		return step.Step{}, fmt.Errorf("gather: index size %d, want 4 or 8", g.IndexSize)
	}
	if min(g.Outer, g.Axis, g.Count, g.RowBytes) < 0 {
		return step.Step{}, fmt.Errorf("gather: negative dimension in %+v", g)
	}
	count := g.Outer * g.Count
	s := step.Step{Kernel: byLevel[level].gather}
	s.Parameter[gatherCount] = max(g.Count, 1)
	s.Parameter[gatherUnits] = count
	perTile := max(1, tileBytes/max(g.RowBytes, 8))
	s.Parameter[gatherPerTile] = perTile
	s.Parameter[gatherAxis] = g.Axis
	s.Parameter[gatherRowBytes] = g.RowBytes
	s.Parameter[gatherIndex] = g.IndexSize
	s.Tiles = max(1, (count+perTile-1)/perTile)
	s.CostNS = 20 + count*(4+g.RowBytes/5)
	return s, nil
}

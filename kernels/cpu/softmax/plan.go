package softmax

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Operands of a step. Y may be the memory of X. Mask is float32 and set only where Softmax.Mask is.
const (
	OperandX    = 0
	OperandY    = 1
	OperandMask = 2
)

// tileNS is about what a tile should take on one thread.
const tileNS = 8000

// Softmax describes softmax(Scale*X + mask) over an axis of a row-major tensor.
type Softmax struct {
	Shape []int64
	Axis  int
	Log   bool    // LogSoftmax
	Scale float64 // 0 counts as 1
	// Mask, where set, is the shape of an additive mask that broadcasts to Shape; its last dimension must be that of Shape, and Axis the
	// last one.
	Mask []int64
}

// Plan returns the step; the caller sets the operands.
func (m Softmax) Plan(level isa.Level) (step.Step, error) {
	if m.Axis < 0 || m.Axis >= len(m.Shape) {
		return step.Step{}, fmt.Errorf("softmax: axis %d of %d dimensions", m.Axis, len(m.Shape))
	}
	axis, outer, inner := m.Shape[m.Axis], layout.Size(m.Shape[:m.Axis]), layout.Size(m.Shape[m.Axis+1:])
	if min(axis, outer, inner) < 0 {
		return step.Step{}, fmt.Errorf("softmax: negative dimension in %v", m.Shape)
	}
	s := step.Step{Kernel: byLevel[level].rows}
	units, perUnit := outer, axis
	if inner != 1 {
		s.Kernel = byLevel[level].columns
		lanes := int64(level.Lanes())
		bands := (inner + lanes - 1) / lanes
		units, perUnit = outer*bands, axis*min(lanes, max(inner, 1))
	}
	if axis == 0 || inner == 0 {
		units, outer = 0, 0
	}
	elementNS := 7.0 / float64(level.Lanes())
	s.CostNS = 20 + int64(float64(units*perUnit)*elementNS)
	perTile := max(1, int64(tileNS/elementNS)/max(perUnit, 1))
	s.Tiles = max(1, (units+perTile-1)/perTile)
	s.Parameter[outerCount], s.Parameter[axisLength], s.Parameter[innerLength] = outer, axis, inner
	s.Parameter[unitsPerTile] = perTile
	if m.Log {
		s.Parameter[logarithmic] = 1
	}
	if m.Scale == 0 {
		m.Scale = 1
	}
	s.SetFloat(scaleFactor, m.Scale)
	if m.Mask == nil {
		return s, nil
	}
	if inner != 1 {
		return step.Step{}, errors.New("softmax: a mask with an axis that is not the last one")
	}
	if err := m.planMask(&s); err != nil {
		return step.Step{}, err
	}
	return s, nil
}

// planMask stores how the mask is broadcast over the rows.
func (m Softmax) planMask(s *step.Step) error {
	strides, ok := layout.Broadcast(m.Mask, m.Shape)
	last := len(m.Shape) - 1
	if !ok || m.Axis != last || m.Mask[len(m.Mask)-1] != m.Shape[last] {
		return fmt.Errorf("softmax: mask %v does not broadcast over the rows of %v", m.Mask, m.Shape)
	}
	loop := layout.Collapse(layout.Loop{Dims: m.Shape[:last], Strides: [][]int64{strides[:last]}})
	if len(loop.Dims) > maskRank {
		return fmt.Errorf("softmax: mask %v over %v: %d dimensions after merging, at most %d", m.Mask, m.Shape, len(loop.Dims), maskRank)
	}
	s.Parameter[maskDimensions] = int64(len(loop.Dims))
	for d, dim := range loop.Dims {
		s.Parameter[maskDims+d], s.Parameter[maskStrides+d] = dim, loop.Strides[0][d]*4
	}
	return nil
}

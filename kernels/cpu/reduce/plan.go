package reduce

import (
	"errors"
	"fmt"
	"math"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// ErrUnsupported is wrapped by errors of reductions that are valid but have no fast form.
var ErrUnsupported = errors.New("not supported by the reduction kernels")

// Operands of a step.
const (
	OperandX = 0
	OperandY = 1
)

// tileElements is about what one tile reads.
const tileElements = 32 << 10

// Type is an element type; the numbers are those of ONNX's TensorProto.DataType.
type Type int32

// The element types.
const (
	Float32 Type = 1
	Int32   Type = 6
	Int64   Type = 7
)

// Reduce describes the reduction of a row-major tensor over some of its axes. Axes between two reduced ones must be reduced too, unless
// they have size one.
type Reduce struct {
	Op    Op
	Type  Type
	Shape []int64
	Axes  []int // from the front, each once; empty means all
	Last  bool  // ArgMax, ArgMin: the last of equal elements instead of the first
}

// Plan returns the step; the caller sets the operands. The output is [dimensions that stay], row-major.
func (r Reduce) Plan(level isa.Level) (step.Step, error) {
	outer, axis, inner, err := r.collapse()
	if err != nil {
		return step.Step{}, err
	}
	argument := r.Op == ArgMax || r.Op == ArgMin
	if axis == 0 && outer*inner > 0 && (argument || r.Op == Max || r.Op == Min) {
		return step.Step{}, fmt.Errorf("reduce %v over %v: no elements: %w", r.Shape, r.Axes, ErrUnsupported)
	}
	if argument && axis > math.MaxInt32 {
		return step.Step{}, fmt.Errorf("reduce %v over %v: axis of %d elements: %w", r.Shape, r.Axes, axis, ErrUnsupported)
	}
	s, units, err := r.kernel(level, outer, inner)
	if err != nil {
		return step.Step{}, err
	}
	elements := outer * axis * inner
	perTile := max(1, tileElements/max(1, elements/max(1, units)))
	s.Tiles = max(1, (units+perTile-1)/perTile)
	s.CostNS = 20 + elements/3
	s.Parameter[outerCount], s.Parameter[axisLength], s.Parameter[innerLength] = outer, axis, inner
	s.Parameter[unitsPerTile] = perTile
	s.Parameter[operation] = int64(r.Op)
	if r.Last {
		s.Parameter[selectLast] = 1
	}
	return s, nil
}

// kernel picks the kernel and counts its units of work.
func (r Reduce) kernel(level isa.Level, outer, inner int64) (s step.Step, units int64, err error) {
	lanes := int64(level.Lanes())
	argument := r.Op == ArgMax || r.Op == ArgMin
	switch {
	case r.Type == Int32 || r.Type == Int64:
		if r.Op == L1 || r.Op == L2 || r.Op == SumSquare {
			return s, 0, fmt.Errorf("reduce integers by operation %d: %w", r.Op, ErrUnsupported)
		}
		s.Kernel, units = byLevel[level].integers, outer*inner
		s.Parameter[elementBytes] = 8
		if r.Type == Int32 {
			s.Parameter[elementBytes] = 4
		}
	case r.Type != Float32:
		return s, 0, fmt.Errorf("reduce type %d: %w", r.Type, ErrUnsupported)
	case argument && inner == 1:
		s.Kernel, units = byLevel[level].argumentRows, outer
	case argument:
		s.Kernel, units = byLevel[level].argumentColumns, outer*((inner+lanes-1)/lanes)
	case inner == 1:
		s.Kernel, units = byLevel[level].rows, outer
	default:
		s.Kernel, units = byLevel[level].columns, outer*((inner+4*lanes-1)/(4*lanes))
	}
	return s, units, nil
}

// collapse returns the tensor as three dimensions of which the middle one is reduced.
func (r Reduce) collapse() (outer, axis, inner int64, err error) {
	if r.Op < Sum || r.Op > ArgMin {
		return 0, 0, 0, fmt.Errorf("reduce: unknown operation %d", r.Op)
	}
	reduced := make([]bool, len(r.Shape))
	for _, a := range r.Axes {
		if a < 0 || a >= len(r.Shape) || reduced[a] {
			return 0, 0, 0, fmt.Errorf("reduce %v: wrong axes %v", r.Shape, r.Axes)
		}
		reduced[a] = true
	}
	outer, axis, inner = 1, 1, 1
	stage := 0 // 0 ahead of the reduced axes, 1 among them, 2 behind
	for d, dim := range r.Shape {
		switch isReduced := reduced[d] || len(r.Axes) == 0; {
		case dim < 0:
			return 0, 0, 0, fmt.Errorf("reduce: negative dimension in %v", r.Shape)
		case dim == 1:
		case isReduced && stage == 2:
			return 0, 0, 0, fmt.Errorf("reduce %v over %v: axes that are not neighbours: %w", r.Shape, r.Axes, ErrUnsupported)
		case isReduced:
			stage = 1
			axis *= dim
		case stage == 0:
			outer *= dim
		default:
			stage = 2
			inner *= dim
		}
	}
	return outer, axis, inner, nil
}

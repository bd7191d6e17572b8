package cuda

import (
	"math"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/step"
)

// ReduceOp is a reduction.
type ReduceOp int

// The reductions. ArgMax and ArgMin give the position along the axis as int64.
const (
	ReduceSum ReduceOp = iota
	ReduceMean
	ReduceMax
	ReduceMin
	ReduceProd
	ReduceL1
	ReduceL2
	ReduceSumSquare
	ReduceLogSum
	ReduceArgMax
	ReduceArgMin
)

// Reduce describes the reduction of a dense tensor over some of its axes.
type Reduce struct {
	Op    ReduceOp
	Type  Type
	Shape []int64
	Axes  []int // from the front, each once
	Last  bool  // of ArgMax and ArgMin: the last of equal elements, not the first
	X, Y  step.Operand
	// Workspace is for WorkspaceBytes bytes, where that is not zero.
	Workspace step.Operand
}

// The numbers of ReduceJoin and ReduceFinish.
const (
	joinSum         = 0
	joinAbsoluteSum = 1
	joinSquareSum   = 2
	joinMaximum     = 3
	joinMinimum     = 4
	joinProduct     = 5

	finishMean      = 1
	finishRoot      = 2
	finishLogarithm = 3
)

// reduceParts says how elements are joined and what is done with the result.
var reduceParts = map[ReduceOp]struct{ join, finish int32 }{
	ReduceSum: {joinSum, 0}, ReduceMean: {joinSum, finishMean}, ReduceMax: {joinMaximum, 0}, ReduceMin: {joinMinimum, 0}, ReduceProd: {joinProduct, 0},
	ReduceL1: {joinAbsoluteSum, 0}, ReduceL2: {joinSquareSum, finishRoot}, ReduceSumSquare: {joinSquareSum, 0}, ReduceLogSum: {joinSum, finishLogarithm},
}

const (
	reduceThreads = 256
	// reduceRowChunk and reduceColumnChunk are the lengths of a long axis's chunks. They are multiples of a pack, and do not depend on how many rows there
	// are, so that neither does a row's result.
	reduceRowChunk    = 8192
	reduceColumnChunk = 256
)

// reduceStage is the reduction of the middle one of three dimensions.
type reduceStage struct{ outer, reduced, inner int64 }

// chunks returns how many parts the axis is divided into and how long they are.
func (s reduceStage) chunks() (count, length int64) {
	length = reduceRowChunk
	if s.inner > 1 {
		length = reduceColumnChunk
	}
	if s.reduced <= 2*length {
		return 1, max(s.reduced, 1)
	}
	return divide(s.reduced, length), length
}

// stages divides the axes into groups of neighbours, the innermost first: each is reduced by itself.
func (r Reduce) stages() []reduceStage {
	reduced := make([]bool, len(r.Shape))
	for _, axis := range r.Axes {
		reduced[axis] = true
	}
	var stages []reduceStage
	inner := int64(1) // what stays behind the present dimension
	for d := len(r.Shape) - 1; d >= 0; d-- {
		if !reduced[d] || r.Shape[d] == 1 {
			inner *= r.Shape[d]
			continue
		}
		stage := reduceStage{outer: 1, reduced: 1, inner: inner}
		for ; d >= 0 && (reduced[d] || r.Shape[d] == 1); d-- {
			stage.reduced *= r.Shape[d]
		}
		for i := range d + 1 {
			stage.outer *= r.Shape[i]
		}
		d++
		stages = append(stages, stage)
	}
	if len(stages) == 0 { // axes of one element, or none: the elements are finished as they are
		stages = []reduceStage{{outer: inner, reduced: 1, inner: 1}}
	}
	return stages
}

// steps are the stages with the joining of chunks as stages of their own.
func (r Reduce) steps() []reduceStage {
	var steps []reduceStage
	for _, stage := range r.stages() {
		steps = append(steps, stage)
		for chunks, _ := stage.chunks(); chunks > 1; chunks, _ = stage.chunks() {
			stage.reduced = chunks
			steps = append(steps, stage)
		}
	}
	return steps
}

// elements is the number of results of a step.
func (s reduceStage) elements() int64 {
	chunks, _ := s.chunks()
	return s.outer * chunks * s.inner
}

// WorkspaceBytes is the size of the partial results, which two steps in turn write side by side.
func (r Reduce) WorkspaceBytes() int64 {
	if !r.Type.IsFloat() || r.Op >= ReduceArgMax {
		return 0
	}
	steps, bytes := r.steps(), int64(0)
	for _, s := range steps[:len(steps)-1] {
		bytes += alignedWorkspace(4 * s.elements())
	}
	return bytes
}

func alignedWorkspace(bytes int64) int64 { return (bytes + 255) &^ 255 }

// Plan returns the launches; none where there are no results.
func (r Reduce) Plan() ([]Launch, error) {
	results, total := int64(1), int64(1)
	for d, size := range r.Shape {
		if slices.Contains(r.Axes, d) {
			total *= size
		} else {
			results *= size
		}
	}
	if results == 0 {
		return nil, nil
	}
	if total == 0 && (r.Op >= ReduceArgMax || !r.Type.IsFloat() && (r.Op == ReduceMax || r.Op == ReduceMin)) {
		return nil, unsupported("the reduction of no elements")
	}
	if total == 0 { // what a reduction of nothing gives, once for each result
		r.Shape, r.Axes = []int64{results, 0}, []int{1}
	}
	switch {
	case r.Op >= ReduceArgMax:
		return r.planArgument()
	case !r.Type.IsFloat():
		return r.planIntegers()
	}
	return r.planFloats(total)
}

// reduceArguments mirrors ReduceArguments.
type reduceArguments struct {
	x, y                         address
	outer, reduced, inner, chunk int64
	chunks, join, finish, output int32
	count                        float32
	lanes, aligned               int32
	_                            int32
}

func (r Reduce) planFloats(total int64) ([]Launch, error) {
	parts, typ, x, workspace := reduceParts[r.Op], r.Type, r.X, r.Workspace
	var launches []Launch
	steps := r.steps()
	for i, s := range steps {
		a := reduceArguments{outer: s.outer, reduced: s.reduced, inner: s.inner, join: parts.join, count: float32(total), output: int32(Float32)}
		y, output := workspace, Float32
		if i == len(steps)-1 {
			y, output, a.output, a.finish = r.Y, r.Type, int32(r.Type), parts.finish
		}
		l, err := s.plan(a, typ, output, x, y)
		if err != nil {
			return nil, err
		}
		launches = append(launches, l)
		x, typ = y, Float32
		workspace.Offset += alignedWorkspace(4 * s.elements())
		if parts.join == joinAbsoluteSum || parts.join == joinSquareSum { // which the first step has taken
			parts.join = joinSum
		}
	}
	return launches, nil
}

// plan returns the launch of one step from elements of a type to another's.
func (s reduceStage) plan(a reduceArguments, from, to Type, x, y step.Operand) (Launch, error) {
	chunks, length := s.chunks()
	a.chunks, a.chunk = int32(chunks), length
	var l Launch
	if s.inner == 1 {
		count := wideBytes / from.Size()
		a.aligned, a.lanes = flag(wide(from, s.reduced, x) > 1), int32(lanesFor(divide(length, count)))
		blocks := divide(s.outer*chunks*int64(a.lanes), reduceThreads)
		if blocks > maxGrid {
			return l, unsupported("the reduction of %d rows", s.outer)
		}
		l = newLaunch("reduce", "reduce_rows_"+from.String(), grid1(blocks), grid1(reduceThreads), 0, a, x, y)
	} else {
		count, kernel := wide(from, s.inner, x), "reduce_columns_"
		if count == 1 {
			kernel += "one_"
		}
		// The slices depend on the shape alone, and so does the order of the sums; where operands are not aligned, a thread has one column all the same.
		columns := wideBytes / from.Size()
		if s.inner%columns != 0 {
			columns = 1
		}
		across := min(roundedToPowerOfTwo(divide(s.inner, columns)), warp)
		blocks := s.outer * divide(s.inner, across*count)
		if blocks > maxGrid || chunks > reduceChunksMost {
			return l, unsupported("the reduction of [%d, %d, %d]", s.outer, s.reduced, s.inner)
		}
		slices := min(reduceThreads/across, roundedToPowerOfTwo(length))
		l = newLaunch("reduce", kernel+from.String(), [3]uint32{uint32(blocks), uint32(chunks), 1}, [3]uint32{uint32(across), uint32(slices), 1}, 0, a, x, y)
	}
	l.FLOP = s.outer * s.reduced * s.inner
	l.Bytes = l.FLOP*from.Size() + s.elements()*to.Size()
	return l, nil
}

// reduceChunksMost is the largest second dimension of a grid.
const reduceChunksMost = 65535

// roundedToPowerOfTwo is the least one that is not below n.
func roundedToPowerOfTwo(n int64) int64 {
	p := int64(1)
	for p < n {
		p *= 2
	}
	return p
}

// lanesFor is how many threads read a row of some packs: a part of a warp that is a power of two, or a block.
func lanesFor(packs int64) int64 {
	if packs <= 4*warp {
		return min(roundedToPowerOfTwo(packs), warp)
	}
	return reduceThreads
}

// argumentArguments mirrors ArgumentArguments.
type argumentArguments struct {
	x, y                  address
	outer, reduced, inner int64
	smallest, last, lanes int32
	_                     int32
}

func (r Reduce) planArgument() ([]Launch, error) {
	stages := r.stages()
	s := stages[0]
	if len(stages) > 1 || s.reduced > math.MaxInt32 {
		return nil, unsupported("the position of an extremum over axes %v of %v", r.Axes, r.Shape)
	}
	a := argumentArguments{
		outer: s.outer, reduced: s.reduced, inner: s.inner, smallest: flag(r.Op == ReduceArgMin), last: flag(r.Last), lanes: s.integerLanes(),
	}
	return s.planUnits("argument_"+r.Type.String(), int64(a.lanes), r.Type.Size(), 8, func(grid [3]uint32, kernel string) Launch {
		return newLaunch("reduce_argument", kernel, grid, grid1(reduceThreads), 0, a, r.X, r.Y)
	})
}

// integerArguments mirrors IntegerArguments.
type integerArguments struct {
	x, y                  address
	outer, reduced, inner int64
	join, mean, lanes     int32
	_                     int32
}

func (r Reduce) planIntegers() ([]Launch, error) {
	stages, parts := r.stages(), reduceParts[r.Op]
	s := stages[0]
	if len(stages) > 1 || parts.finish > finishMean {
		return nil, unsupported("the reduction of %v over axes %v of %v", r.Type, r.Axes, r.Shape)
	}
	a := integerArguments{
		outer: s.outer, reduced: s.reduced, inner: s.inner, join: parts.join, mean: flag(parts.finish == finishMean), lanes: s.integerLanes(),
	}
	return s.planUnits("reduce_"+r.Type.String(), int64(a.lanes), r.Type.Size(), r.Type.Size(), func(grid [3]uint32, kernel string) Launch {
		return newLaunch("reduce_argument", kernel, grid, grid1(reduceThreads), 0, a, r.X, r.Y)
	})
}

// integerLanes is how many threads reduce one unit where the order does not matter.
func (s reduceStage) integerLanes() int32 {
	switch {
	case s.inner > 1:
		return 1
	case s.reduced > 1024:
		return reduceThreads
	}
	return warp
}

// planUnits returns a launch of some lanes for each result.
func (s reduceStage) planUnits(kernel string, lanes, size, resultSize int64, launch func(grid [3]uint32, kernel string) Launch) ([]Launch, error) {
	blocks := divide(s.outer*s.inner*lanes, reduceThreads)
	if blocks > maxGrid {
		return nil, unsupported("%d reductions", s.outer*s.inner)
	}
	l := launch(grid1(blocks), kernel)
	l.FLOP = s.outer * s.reduced * s.inner
	l.Bytes = l.FLOP*size + s.outer*s.inner*resultSize
	return []Launch{l}, nil
}

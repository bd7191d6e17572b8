package trees

import (
	"fmt"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Call says where one evaluation reads and writes.
type Call struct {
	Rows      int
	Features  int          // columns of X
	RowStride int          // elements from one row of X to the next, at least Features
	X         step.Operand // float32 [Rows, Features]
	Packed    step.Operand // the model's Packed bytes, aligned to 64
	Scores    step.Operand // float32 [Rows, targets]
	Labels    step.Operand // int64 [Rows]; absent for a regressor or where nobody reads them
}

// Kernel chooses between the two kernels; they give the same bits.
type Kernel int

// The kernels. Automatic takes the one that measured faster for the number of rows.
const (
	Automatic Kernel = iota
	Quick
	Walk
)

// The numbers of parameters, in the order of enum trees_parameter in tables.h.
const (
	parameterRows = iota
	parameterRowStride
	parameterTileRows
	parameterTrees
	parameterTargets
	parameterWalkColumns
	parameterQuickFeatures
	parameterQuickColumns
	parameterLinkBits
	parameterSingle
	parameterAggregate
	parameterTransform
	parameterClassifier
	parameterBinary
	parameterPositive
	parameterBases
)

var (
	aggregates = []string{"SUM", "AVERAGE", "MIN", "MAX"}
	transforms = []string{"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"}
)

const (
	walkLanes = 8
	// treeGroup is the number of trees whose leaves the quick kernel keeps before it adds them up.
	treeGroup = 4
	// tileBytes bounds a tile's scratch, so that it stays in the second-level cache.
	tileBytes = 256 << 10
	// walkTileRows is the number of rows that share one pass over the trees.
	walkTileRows = 64
)

// QuickSupported reports whether the quick kernel can evaluate the model.
func (m *Model) QuickSupported() bool { return m.quick }

// Plan gives the step that evaluates the call with the kernel of the given level.
func (m *Model) Plan(level isa.Level, kernel Kernel, call Call) ([]step.Step, error) {
	switch {
	case call.Rows < 1:
		return nil, fmt.Errorf("tree ensemble: %d rows", call.Rows)
	case call.Features < m.features:
		return nil, fmt.Errorf("tree ensemble: rows have %d features, the trees read feature %d", call.Features, m.features-1)
	case call.RowStride < call.Features:
		return nil, fmt.Errorf("tree ensemble: row stride %d is less than %d features", call.RowStride, call.Features)
	case kernel == Quick && !m.quick:
		return nil, fmt.Errorf("tree ensemble: the quick kernel takes trees of up to %d leaves without equality tests", quickLeaves)
	}
	s := step.Step{}
	vector := 4 * level.Lanes() // rows in a vector of bytes
	if kernel == Automatic {
		kernel = Walk
		if m.quick && call.Rows >= quickRows {
			kernel = Quick
		}
	}
	rowBytes, tileRows := 0, 0
	if kernel == Quick {
		s.Kernel = quickKernels[level]
		rowBytes = 4*m.ensemble.Targets + treeGroup + m.quickColumns
		tileRows = quickTileRows(vector, call.Rows, rowBytes)
		// The kernel rounds the tile up to 1, 2 or 4 vectors.
		s.ScratchBytes = int64(tileRows * rowBytes)
	} else {
		s.Kernel = walkKernels[level]
		rowBytes = 4 * (m.ensemble.Targets + m.walkColumns)
		tileRows = min(walkTileRows, max(walkLanes, tileBytes/rowBytes/walkLanes*walkLanes))
		s.ScratchBytes = int64(tileRows*4*m.ensemble.Targets + max(tileRows, walkLanes)*4*m.walkColumns)
	}
	s.Tiles = int64((call.Rows + tileRows - 1) / tileRows)
	s.CostNS = int64(float64(call.Rows) * m.rowCost(kernel))
	s.Operand[0], s.Operand[1], s.Operand[2], s.Operand[3] = call.X, call.Packed, call.Scores, call.Labels
	m.setParameters(&s, call, tileRows)
	return []step.Step{s}, nil
}

// quickRows is the number of rows from which on a vector of rows, even one that is not full, costs less than as many walks.
const quickRows = 12

// quickTileRows is the number of rows of a tile: four vectors of bytes, or fewer for few rows or many columns.
func quickTileRows(vector, rows, rowBytes int) int {
	vectors := 4
	for vectors > 1 && (rows <= vector*vectors/2 || rowBytes*vector*vectors > tileBytes) {
		vectors /= 2
	}
	return vectors * vector
}

// rowCost estimates the nanoseconds that one row costs one thread.
func (m *Model) rowCost(kernel Kernel) float64 {
	if kernel == Quick {
		return 0.04*float64(m.tests) + 0.7*float64(m.trees) + 5*float64(m.quickColumns)
	}
	return 1.5*float64(m.totalDepth) + 2*float64(m.trees)
}

// Codes returns the numbers by which kernels know the aggregate function and the post-transform.
func (e *Ensemble) Codes() (aggregate, transform int) {
	return max(0, slices.Index(aggregates, e.Aggregate)), max(0, slices.Index(transforms, e.PostTransform))
}

// Binary reports whether there are two classes and votes for one of them only, and whether no weight is negative.
func (e *Ensemble) Binary() (binary, positive bool) {
	binary, positive = e.Targets == 2 && len(e.LeafTargets) > 0, true
	for i, target := range e.LeafTargets {
		binary = binary && target == e.LeafTargets[0]
		positive = positive && !(e.LeafWeights[i] < 0)
	}
	return binary, positive
}

func (m *Model) setParameters(s *step.Step, call Call, tileRows int) {
	e := m.ensemble
	number := func(condition bool) int64 {
		if condition {
			return 1
		}
		return 0
	}
	s.Parameter[parameterRows] = int64(call.Rows)
	s.Parameter[parameterRowStride] = int64(call.RowStride)
	s.Parameter[parameterTileRows] = int64(tileRows)
	s.Parameter[parameterTrees] = int64(m.trees)
	s.Parameter[parameterTargets] = int64(e.Targets)
	s.Parameter[parameterWalkColumns] = int64(m.walkColumns)
	s.Parameter[parameterQuickFeatures] = int64(m.quickFeatures)
	s.Parameter[parameterQuickColumns] = int64(m.quickColumns)
	s.Parameter[parameterLinkBits] = int64(m.linkBits)
	s.Parameter[parameterSingle] = int64(m.single)
	aggregate, transform := e.Codes()
	s.Parameter[parameterAggregate], s.Parameter[parameterTransform] = int64(aggregate), int64(transform)
	s.Parameter[parameterClassifier] = number(e.Classifier)
	binary, positive := e.Binary()
	s.Parameter[parameterBinary] = number(binary)
	s.Parameter[parameterPositive] = number(positive)
	s.Parameter[parameterBases] = int64(len(e.BaseValues))
}

package linear

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// The parameters, in the order of linear.h.
const (
	parameterRows = iota
	parameterTileRows
	parameterColumns
	parameterOutputs // and the norm, and the bits of the number of slots
	parameterTransform
	parameterSecondClass
)

const (
	// block is LINEAR_BLOCK: outputs are padded to it.
	block = 16
	// rowBlock is the number of rows that the linear kernel multiplies at a time.
	rowBlock = 4
	// tileElements is the number of elements of a tile.
	tileElements = 16 << 10
	// maxElements bounds every tensor here, so that no product overflows.
	maxElements = 1 << 40
)

// maxOutputs bounds the scores of a row, which live in a thread's scratch.
const maxOutputs = 1 << 20

// tiled gives a step over rows of the given number of elements, in tiles of whole rows.
func tiled(operator string, kernel step.Kernel, rows, columns, elements int) (step.Step, error) {
	if rows < 1 || columns < 1 || elements < 1 || rows > maxElements/max(elements, columns) {
		return step.Step{}, fmt.Errorf("%s: %d rows of %d columns", operator, rows, columns)
	}
	s := step.Step{Kernel: kernel}
	tileRows := max(rowBlock, tileElements/elements/rowBlock*rowBlock)
	s.Tiles = int64((rows + tileRows - 1) / tileRows)
	s.CostNS = int64(rows) * int64(elements) / 4
	s.Parameter[parameterRows], s.Parameter[parameterTileRows], s.Parameter[parameterColumns] = int64(rows), int64(tileRows), int64(columns)
	return s, nil
}

// PlanScaler gives Y = (X - offset) * scale for X and Y float32 [rows, columns], offset and scale float32 [columns] (see Expand).
func PlanScaler(level isa.Level, rows, columns int, x, offset, scale, y step.Operand) ([]step.Step, error) {
	s, err := tiled("scaler", scalerKernels[level], rows, columns, columns)
	if err != nil {
		return nil, err
	}
	s.Operand[0], s.Operand[1], s.Operand[2], s.Operand[3] = x, offset, scale, y
	return []step.Step{s}, nil
}

// Expand returns a Scaler's attribute as one value a column: ONNX allows a single value for all of them.
func Expand(attribute []float32, columns int) ([]float32, error) {
	switch len(attribute) {
	case columns:
		return attribute, nil
	case 1:
		return slices.Repeat(attribute, columns), nil
	}
	return nil, fmt.Errorf("scaler: an attribute of %d values for %d columns", len(attribute), columns)
}

// Norm is the norm of a Normalizer.
type Norm int64

// The norms, as LINEAR_NORM_* in linear.h.
const (
	Max Norm = iota // the greatest element, not the greatest magnitude
	L1
	L2
)

// ParseNorm reads the attribute of ONNX's Normalizer.
func ParseNorm(name string) (Norm, error) {
	if i := slices.Index([]string{"MAX", "L1", "L2"}, name); i >= 0 {
		return Norm(i), nil
	}
	return 0, fmt.Errorf("normalizer: norm %q is unknown", name)
}

// PlanNormalizer gives Y = X / norm of the row, both float32 [rows, columns].
func PlanNormalizer(level isa.Level, norm Norm, rows, columns int, x, y step.Operand) ([]step.Step, error) {
	s, err := tiled("normalizer", normalizerKernels[level], rows, columns, columns)
	if err != nil {
		return nil, err
	}
	s.Parameter[parameterOutputs] = int64(norm)
	s.Operand[0], s.Operand[1] = x, y
	return []step.Step{s}, nil
}

// Linear holds the attributes of a LinearClassifier or LinearRegressor.
type Linear struct {
	Coefficients  []float32 // [outputs, features]
	Intercepts    []float32 // [outputs]; a regressor's may be absent
	PostTransform string
	Classifier    bool
	// Labels are a classifier's classlabels_ints. Where the labels are strings leave it nil and set LabelCount: the step
	// then writes the index of the label.
	Labels     []int64
	LabelCount int
	Targets    int // of a regressor
}

// Label is what a classifier answers for the class of an index: the index itself where labels are not integers, or there is one only.
func (l *Linear) Label(i int) int64 {
	if i < len(l.Labels) && len(l.Labels) > 1 {
		return l.Labels[i]
	}
	return int64(i)
}

// Model is a compiled linear model.
type Model struct {
	// Packed holds labels, intercepts and coefficients; the kernels want it in C memory, aligned to 64 bytes.
	Packed []byte

	features, outputs int
	transform         int
	secondClass       bool
	classifier        bool
}

// Width returns the number of scores of a row.
func (m *Model) Width() int {
	if m.secondClass {
		return 2
	}
	return m.outputs
}

// Outputs returns the number of sums of a row, from which its scores are made.
func (m *Model) Outputs() int { return m.outputs }

// Transform returns the number by which kernels know the post-transform.
func (m *Model) Transform() int { return m.transform }

// Features returns the number of features of a row.
func (m *Model) Features() int { return m.features }

// Compile checks the attributes and packs them.
func Compile(l *Linear) (*Model, error) {
	m := &Model{outputs: len(l.Intercepts), classifier: l.Classifier}
	labels := max(l.LabelCount, len(l.Labels))
	if !l.Classifier {
		m.outputs, labels = l.Targets, 0
	}
	if m.outputs < 1 || m.outputs > maxOutputs {
		return nil, fmt.Errorf("linear: %d outputs, want 1 to %d", m.outputs, maxOutputs)
	}
	if len(l.Intercepts) != m.outputs && len(l.Intercepts) != 0 {
		return nil, fmt.Errorf("linear: %d intercepts for %d outputs", len(l.Intercepts), m.outputs)
	}
	if len(l.Coefficients) == 0 || len(l.Coefficients)%m.outputs != 0 {
		return nil, fmt.Errorf("linear: %d coefficients for %d outputs", len(l.Coefficients), m.outputs)
	}
	m.features = len(l.Coefficients) / m.outputs
	m.secondClass = m.outputs == 1 && labels == 2
	if l.Classifier && labels != m.outputs && !m.secondClass && !(m.outputs == 1 && labels == 0) {
		return nil, fmt.Errorf("linear: %d class labels for %d outputs", labels, m.outputs)
	}
	transforms := []string{"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"} // SCORE_* of scores.h
	if l.PostTransform != "" {
		if m.transform = slices.Index(transforms, l.PostTransform); m.transform < 0 {
			return nil, fmt.Errorf("linear: post_transform %q is unknown", l.PostTransform)
		}
	}
	m.pack(l)
	return m, nil
}

func (m *Model) pack(l *Linear) {
	padded := (m.outputs + block - 1) / block * block
	named := (max(m.outputs, 2) + 7) / 8 * 8
	m.Packed = make([]byte, 8*named+4*padded*(m.features+1))
	for i := range named {
		binary.LittleEndian.PutUint64(m.Packed[8*i:], uint64(l.Label(i)))
	}
	put := func(index int, value float32) {
		binary.LittleEndian.PutUint32(m.Packed[8*named+4*index:], math.Float32bits(value))
	}
	for i, value := range l.Intercepts {
		put(i, value)
	}
	for i, value := range l.Coefficients {
		put((i%m.features+1)*padded+i/m.features, value)
	}
}

// Plan gives the step from X float32 [rows, features] to scores float32 [rows, Width] and labels int64 [rows], which may be
// absent.
func (m *Model) Plan(level isa.Level, rows int, x, packed, scores, labels step.Operand) ([]step.Step, error) {
	padded := (m.outputs + block - 1) / block * block
	s, err := tiled("linear", linearKernels[level], rows, m.features, max(m.features, padded))
	if err != nil {
		return nil, err
	}
	s.CostNS = int64(rows) * (int64(m.features)*int64(padded)/32 + 5*int64(m.outputs))
	s.ScratchBytes = int64(rowBlock * padded * 4)
	s.Operand[0], s.Operand[1], s.Operand[2], s.Operand[3] = x, packed, scores, labels
	s.Parameter[parameterOutputs], s.Parameter[parameterTransform] = int64(m.outputs), int64(m.transform)
	if m.secondClass {
		s.Parameter[parameterSecondClass] = 1
	}
	return []step.Step{s}, nil
}

//go:build cuda

package cuda

import (
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/linear"
	"github.com/inferd/inferd/kernels/cpu/step"
	kernel "github.com/inferd/inferd/kernels/cuda"
)

// packed is a model made from a node's attributes, and where its tables lie on the device.
type packed[T any] struct {
	model  T
	tables step.Operand
}

// packAttributes packs a model once for the version. identity is a pointer into the attributes.
func packAttributes[T any](s *selection, identity any, layout string, pack func() (T, []byte, error)) (packed[T], error) {
	return weights.PackShared(s.weights, identity, layout, func() (packed[T], weights.Form, error) {
		model, bytes, err := pack()
		if err != nil {
			return packed[T]{}, weights.Form{}, err
		}
		tables, form, err := s.device.upload(bytes)
		return packed[T]{model, tables}, form, err
	})
}

// wantFloat32 fails where an input has another type.
func (s *selection) wantFloat32() error {
	if t, err := s.wantOneFloat(); err != nil || t != kernel.Float32 {
		return node.NoKernel("the input is %v; the CUDA kernel of %s is for float32", s.Inputs[0].DType, s.QualifiedOp())
	}
	return nil
}

func selectLinearClassifier(s *selection) (*chosen, error) {
	l, err := s.LinearClassifier()
	if err != nil {
		return nil, err
	}
	return s.linearModel(l, 1, 0)
}

func selectLinearRegressor(s *selection) (*chosen, error) {
	return s.linearModel(s.LinearRegressor(), 0, absent)
}

// linearModel runs a linear model whose scores and labels are the given outputs.
func (s *selection) linearModel(l *linear.Linear, scores, labels int) (*chosen, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	p, err := packAttributes(s, unsafe.SliceData(l.Coefficients), "linear", func() (*kernel.LinearModel, []byte, error) {
		model, err := kernel.PackLinearModel(l)
		if err != nil {
			return nil, nil, err
		}
		return model, model.Packed, nil
	})
	if err != nil {
		return nil, err
	}
	rows, columns := s.Rows()
	if columns != p.model.Features() {
		return nil, node.NoKernel("the rows have %d features, the model %d", columns, p.model.Features())
	}
	call := kernel.LinearModelCall{Rows: int64(rows), Packed: p.tables, Processors: int64(s.device.driver.Attributes().Multiprocessors)}
	return s.plannedScorer("linear_model", scores, labels, func(x, scores, labels step.Operand) ([]kernel.Launch, error) {
		c := call
		c.X, c.Scores, c.Labels = x, scores, labels
		return p.model.Plan(c)
	})
}

// plannedScorer is planned for a model of rows whose scores and, unless absent, labels are the given outputs.
func (s *selection) plannedScorer(name string, scores, labels int, plan func(x, scores, labels step.Operand) ([]kernel.Launch, error)) (*chosen, error) {
	return s.plannedUnary(name, kernel.Float32, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		if labels == absent {
			return plan(x, at.Output(scores), step.Operand{})
		}
		return plan(x, at.Output(scores), at.Output(labels))
	})
}

// selectOneHotEncoder encodes integers; strings do not go to a GPU.
func selectOneHotEncoder(s *selection) (*chosen, error) {
	if dtype := s.Inputs[0].DType; dtype != tensor.Int64 {
		return nil, node.NoKernel("the input is %v, want int64", dtype)
	}
	categories := s.Ints("cats_int64s")
	p, err := packAttributes(s, unsafe.SliceData(categories), "one hot", func() (*linear.OneHot, []byte, error) {
		table, err := linear.CompileInts(categories)
		if err != nil {
			return nil, nil, err
		}
		return table, table.Packed, nil
	})
	if err != nil {
		return nil, err
	}
	plan := kernel.OneHot{Table: p.model, Elements: node.Product(s.Shape(0)), Packed: p.tables}
	if s.Int("zeros", 1) == 0 { // with zeros an unknown category is no error
		plan.Unknown = node.StatusOperand(program.StatusUnknownCategory)
	}
	return s.plannedUnary("one_hot", kernel.Int64, func(x step.Operand, at device.Operands) ([]kernel.Launch, error) {
		o := plan
		o.X, o.Y = x, at.Output(0)
		return o.Plan()
	})
}

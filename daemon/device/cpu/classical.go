package cpu

import (
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/linear"
	"github.com/inferd/inferd/kernels/cpu/memory"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// packFloats keeps a list of floats made from an attribute.
func (s *selection) packFloats(attribute []float32, layout string, build func() ([]float32, error)) (step.Operand, error) {
	b, err := weights.PackShared(s.weights, unsafe.SliceData(attribute), layout, func() (*memory.Block, weights.Form, error) {
		list, err := build()
		if err != nil {
			return nil, weights.Form{}, err
		}
		return block(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), 4*len(list)))
	})
	if err != nil {
		return step.Operand{}, err
	}
	return step.Absolute(b.Pointer()), nil
}

// maxScalerColumns bounds the tables that a scaler expands its attributes to.
const maxScalerColumns = 1 << 22

func selectScaler(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	rows, columns := s.Rows()
	if columns > maxScalerColumns {
		return nil, node.NoKernel("%d columns, at most %d are supported", columns, maxScalerColumns)
	}
	var places [2]step.Operand
	for i, name := range []string{"offset", "scale"} {
		attribute := s.Floats(name)
		if len(attribute) == 0 {
			return nil, node.NoKernel("attribute %q is missing", name)
		}
		var err error
		places[i], err = s.packFloats(attribute, name, func() ([]float32, error) { return linear.Expand(attribute, columns) })
		if err != nil {
			return nil, err
		}
	}
	return &kernel{name: s.named("scaler", tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		return linear.PlanScaler(s.level, rows, columns, x, places[0], places[1], at.Output(0))
	}}, nil
}

func selectNormalizer(s *selection) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	norm, err := linear.ParseNorm(s.Text("norm", "MAX"))
	if err != nil {
		return nil, err
	}
	rows, columns := s.Rows()
	return &kernel{name: s.named("normalizer", tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		return linear.PlanNormalizer(s.level, norm, rows, columns, x, at.Output(0))
	}}, nil
}

// packedLinear is a compiled linear model and its tables in C memory.
type packedLinear struct {
	model *linear.Model
	block *memory.Block
}

func selectLinearClassifier(s *selection) (*kernel, error) {
	l, err := s.LinearClassifier()
	if err != nil {
		return nil, err
	}
	return s.linearModel(l, 1, 0)
}

func selectLinearRegressor(s *selection) (*kernel, error) {
	return s.linearModel(s.LinearRegressor(), 0, -1)
}

// linearModel runs a linear model whose scores and labels are the given outputs.
func (s *selection) linearModel(l *linear.Linear, scores, labels int) (*kernel, error) {
	if err := s.wantFloat32(); err != nil {
		return nil, err
	}
	p, err := weights.PackShared(s.weights, unsafe.SliceData(l.Coefficients), "linear", func() (packedLinear, weights.Form, error) {
		model, err := linear.Compile(l)
		if err != nil {
			return packedLinear{}, weights.Form{}, err
		}
		b, form, err := block(model.Packed)
		return packedLinear{model, b}, form, err
	})
	if err != nil {
		return nil, err
	}
	rows, columns := s.Rows()
	if columns != p.model.Features() {
		return nil, node.NoKernel("the rows have %d features, the model %d", columns, p.model.Features())
	}
	return &kernel{name: s.named("linear_model", tensor.Float32), emit: func(at device.Operands) ([]step.Step, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		var label step.Operand
		if labels >= 0 {
			label = at.Output(labels)
		}
		return p.model.Plan(s.level, rows, x, step.Absolute(p.block.Pointer()), at.Output(scores), label)
	}}, nil
}

// packedOneHot is a compiled table of categories in C memory.
type packedOneHot struct {
	table *linear.OneHot
	block *memory.Block
}

func selectOneHotEncoder(s *selection) (*kernel, error) {
	var unknown step.Operand // where unknown categories are counted: with zeros they are no error
	if s.Int("zeros", 1) == 0 {
		unknown = node.StatusOperand(program.StatusUnknownCategory)
	}
	identity, compile, err := s.categories()
	if err != nil {
		return nil, err
	}
	p, err := weights.PackShared(s.weights, identity, "one hot", func() (packedOneHot, weights.Form, error) {
		table, err := compile()
		if err != nil {
			return packedOneHot{}, weights.Form{}, err
		}
		b, form, err := block(table.Packed)
		return packedOneHot{table, b}, form, err
	})
	if err != nil {
		return nil, err
	}
	n := int(node.Product(s.Shape(0)))
	return &kernel{name: s.named("one_hot", s.Inputs[0].DType), emit: func(at device.Operands) ([]step.Step, error) {
		x, err := at.Input(0)
		if err != nil {
			return nil, err
		}
		return p.table.Plan(n, x, step.Absolute(p.block.Pointer()), at.Output(0), unknown)
	}}, nil
}

// categories returns a pointer that identifies the encoder's categories, and how to compile them.
func (s *selection) categories() (identity any, compile func() (*linear.OneHot, error), err error) {
	switch dtype := s.Inputs[0].DType; dtype {
	case tensor.Int64:
		list := s.Ints("cats_int64s")
		return unsafe.SliceData(list), func() (*linear.OneHot, error) { return linear.CompileInts(list) }, nil
	case tensor.String:
		list := s.Texts("cats_strings")
		return unsafe.SliceData(list), func() (*linear.OneHot, error) { return linear.CompileStrings(list) }, nil
	default:
		return nil, nil, node.NoKernel("the input is %v, want int64 or string", dtype)
	}
}

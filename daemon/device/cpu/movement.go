package cpu

import (
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/kernels/cpu/movement"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// statusOperand is a counter of the program's status, which steps raise where data is at fault.
func statusOperand(counter int64) step.Operand {
	return step.Operand{Base: step.BaseArena, Offset: counter}
}

// copyOf is a kernel made of one copy from input i to output j each.
type copyOf struct {
	input, output int
	copy          movement.Copy
}

// copyKernel makes a kernel of copies.
func (s *selection) copyKernel(name string, copies []copyOf) (*kernel, error) {
	return &kernel{name: s.named(name, s.Inputs[copies[0].input].DType), emit: func(at device.Operands) ([]step.Step, error) {
		var steps []step.Step
		for _, c := range copies {
			if product(c.copy.Dims) == 0 {
				continue
			}
			planned, err := c.copy.Plan(s.level)
			if err != nil {
				return nil, err
			}
			source, err := at.Input(c.input)
			if err != nil {
				return nil, err
			}
			planned.Operand[movement.OperandSource] = source
			planned.Operand[movement.OperandDestination] = at.Output(c.output)
			steps = append(steps, planned)
		}
		return steps, nil
	}}, nil
}

// selectCopy runs Identity, Reshape and their kin where the bytes must move: the output of a constant, or an output that is an input.
func selectCopy(s *selection) (*kernel, error) {
	elements := []int64{product(s.outputShape(0))}
	return s.copyKernel("copy", []copyOf{{0, 0, movement.Place(elements, []int64{0}, elements, s.Inputs[0].DType.Size())}})
}

func selectTranspose(s *selection) (*kernel, error) {
	shape := s.shape(0)
	permutation := make([]int, len(shape))
	for i := range permutation {
		permutation[i] = len(shape) - 1 - i
	}
	for i, axis := range s.Ints("perm") {
		permutation[i] = int(axis)
	}
	return s.copyKernel("transpose", []copyOf{{0, 0, movement.Transpose(shape, permutation, s.Inputs[0].DType.Size())}})
}

func selectExpand(s *selection) (*kernel, error) {
	c, err := movement.Expand(s.shape(0), s.outputShape(0), s.Inputs[0].DType.Size())
	if err != nil {
		return nil, noKernel("%v", err)
	}
	return s.copyKernel("expand", []copyOf{{0, 0, c}})
}

func selectConcat(s *selection) (*kernel, error) {
	into := s.outputShape(0)
	axis := normalAxis(s.Int("axis", 0), len(into))
	position := make([]int64, len(into))
	var copies []copyOf
	for i, v := range s.Inputs {
		at := append([]int64(nil), position...)
		copies = append(copies, copyOf{i, 0, movement.Place(s.shape(i), at, into, v.DType.Size())})
		position[axis] += s.shape(i)[axis]
	}
	return s.copyKernel("concat", copies)
}

func selectSplit(s *selection) (*kernel, error) {
	shape := s.shape(0)
	axis := normalAxis(s.Int("axis", 0), len(shape))
	starts, steps := make([]int64, len(shape)), ones(len(shape))
	var copies []copyOf
	for j, v := range s.Outputs {
		if v == nil {
			return nil, noKernel("output %d is left out", j)
		}
		from := append([]int64(nil), starts...)
		copies = append(copies, copyOf{0, j, movement.Slice(shape, from, steps, s.outputShape(j), v.DType.Size())})
		starts[axis] += s.outputShape(j)[axis]
	}
	return s.copyKernel("split", copies)
}

func selectSlice(s *selection) (*kernel, error) {
	shape, counts := s.shape(0), s.outputShape(0)
	starts, steps := make([]int64, len(shape)), ones(len(shape))
	given, ok := s.constantInts(1)
	if !ok {
		return nil, noKernel("the starts depend on data")
	}
	axes, ok := s.constantInts(3)
	if !ok {
		axes = make([]int64, len(given))
		for i := range axes {
			axes[i] = int64(i)
		}
	}
	strides, strided := s.constantInts(4)
	for i, start := range given {
		axis := normalAxis(axes[i], len(shape))
		if strided {
			steps[axis] = strides[i]
		}
		if start < 0 {
			start += shape[axis]
		}
		// ONNX clamps starts to the axis, for negative steps to its last element.
		if steps[axis] > 0 {
			start = min(max(start, 0), shape[axis])
		} else {
			start = min(max(start, 0), shape[axis]-1)
		}
		starts[axis] = start
	}
	return s.copyKernel("slice", []copyOf{{0, 0, movement.Slice(shape, starts, steps, counts, s.Inputs[0].DType.Size())}})
}

func selectGather(s *selection) (*kernel, error) {
	shape := s.shape(0)
	axis := normalAxis(s.Int("axis", 0), len(shape))
	g := movement.Gather{
		Outer: product(shape[:axis]), Axis: shape[axis], Count: product(s.shape(1)),
		RowBytes: product(shape[axis+1:]) * s.Inputs[0].DType.Size(), IndexSize: s.Inputs[1].DType.Size(),
	}
	return &kernel{name: s.named("gather", s.Inputs[0].DType), emit: func(at device.Operands) ([]step.Step, error) {
		if g.Outer*g.Count*g.RowBytes == 0 {
			return nil, nil
		}
		planned, err := g.Plan(s.level)
		if err != nil {
			return nil, err
		}
		inputs, err := places(at, 0, 1)
		if err != nil {
			return nil, err
		}
		planned.Operand[movement.OperandData], planned.Operand[movement.OperandIndices] = inputs[0], inputs[1]
		planned.Operand[movement.OperandOutput], planned.Operand[movement.OperandStatus] = at.Output(0), statusOperand(program.StatusIndexOutOfRange)
		return []step.Step{planned}, nil
	}}, nil
}

// normalAxis counts a negative axis from the end.
func normalAxis(axis int64, rank int) int {
	if axis < 0 {
		axis += int64(rank)
	}
	return int(axis)
}

func ones(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

package node

import (
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/movement"
)

// Copy is a copy from an input to an output.
type Copy struct {
	Input, Output int
	movement.Copy
}

// Copies returns a node that only moves elements as copies, one after the other. Their destinations do not overlap.
func (n Node) Copies() ([]Copy, error) {
	switch n.Op {
	case "Transpose":
		return n.transpose(), nil
	case "Expand":
		c, err := movement.Expand(n.Shape(0), n.OutputShape(0), n.elementSize(0))
		if err != nil {
			return nil, NoKernel("%v", err)
		}
		return []Copy{{Copy: c}}, nil
	case "Concat":
		return n.concat(), nil
	case "Split":
		return n.split()
	case "Slice":
		return n.slice()
	case "Tile":
		return n.tile()
	}
	// Identity, Reshape and their kin, where the bytes must move: the output of a constant, or an output that is an input.
	elements := []int64{Product(n.OutputShape(0))}
	return []Copy{{Copy: movement.Place(elements, []int64{0}, elements, n.elementSize(0))}}, nil
}

func (n Node) elementSize(i int) int64 { return n.Inputs[i].DType.Size() }

func (n Node) transpose() []Copy {
	shape := n.Shape(0)
	permutation := make([]int, len(shape))
	for i := range permutation {
		permutation[i] = len(shape) - 1 - i
	}
	for i, axis := range n.Ints("perm") {
		permutation[i] = int(axis)
	}
	return []Copy{{Copy: movement.Transpose(shape, permutation, n.elementSize(0))}}
}

func (n Node) concat() (copies []Copy) {
	into := n.OutputShape(0)
	axis := NormalAxis(n.Int("axis", 0), len(into))
	position := make([]int64, len(into))
	for i := range n.Inputs {
		copies = append(copies, Copy{Input: i, Copy: movement.Place(n.Shape(i), position, into, n.elementSize(i))})
		position[axis] += n.Shape(i)[axis]
	}
	return copies
}

func (n Node) split() (copies []Copy, err error) {
	shape := n.Shape(0)
	axis := NormalAxis(n.Int("axis", 0), len(shape))
	starts, steps := make([]int64, len(shape)), ones(len(shape))
	for j, v := range n.Outputs {
		if v == nil {
			return nil, NoKernel("output %d is left out", j)
		}
		copies = append(copies, Copy{Output: j, Copy: movement.Slice(shape, starts, steps, n.OutputShape(j), n.elementSize(0))})
		starts[axis] += n.OutputShape(j)[axis]
	}
	return copies, nil
}

func (n Node) slice() ([]Copy, error) {
	shape := n.Shape(0)
	starts, steps := make([]int64, len(shape)), ones(len(shape))
	given, ok := n.ConstantInts(1)
	if !ok {
		return nil, NoKernel("the starts depend on data")
	}
	axes, ok := n.ConstantInts(3)
	if !ok {
		axes = make([]int64, len(given))
		for i := range axes {
			axes[i] = int64(i)
		}
	}
	strides, strided := n.ConstantInts(4)
	for i, start := range given {
		axis := NormalAxis(axes[i], len(shape))
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
	return []Copy{{Copy: movement.Slice(shape, starts, steps, n.OutputShape(0), n.elementSize(0))}}, nil
}

// tile makes each axis a pair, the repeats and the size, of which the first does not move in the input.
func (n Node) tile() ([]Copy, error) {
	repeats, ok := n.ConstantInts(1)
	if !ok {
		return nil, NoKernel("the repeats depend on data")
	}
	c := movement.Copy{ElementSize: n.elementSize(0)}
	own := layout.Contiguous(n.Shape(0))
	for d, size := range n.Shape(0) {
		c.Dims, c.Source = append(c.Dims, repeats[d], size), append(c.Source, 0, own[d])
	}
	c.Destination = layout.Contiguous(c.Dims)
	return []Copy{{Copy: c}}, nil
}

func ones(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = 1
	}
	return list
}

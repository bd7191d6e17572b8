package cuda

import (
	"slices"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	mapThreads = 256
	mapPacks   = 2 // of a thread: kMapPacks
)

// mapArguments mirrors MapArguments.
type mapArguments struct {
	x, y        address
	elements    uint32
	op          int32
	alpha, beta float32
}

// zipOperand mirrors ZipOperand.
type zipOperand struct {
	row                int64
	repeated, constant int32
	value              float32
	_                  int32
}

// zipArguments mirrors ZipArguments.
type zipArguments struct {
	x, y, z   address
	ofX, ofY  zipOperand
	elements  uint32
	op        int32
	packs     divisor
	onlyRow   int32
	rectified int32
}

// mapOperators and zipOperators are the operators that have kernels of their own, in the order of MapOperator and ZipOperator.
var (
	mapOperators = []chainOp{
		chainRelu, chainLeakyRelu, chainClip, chainSigmoid, chainTanh, chainSilu, chainGelu, chainGeluTanh, chainHardSwish, chainHardSigmoid,
	}
	zipOperators = []chainOp{chainAdd, chainSubtract, chainMultiply, chainDivide, chainMinimum, chainMaximum}
)

// planMap returns the launch of a kernel of one operator, if there is one for the chain.
func (p piece) planMap(c *compiledChain) (Launch, bool) {
	t := c.output()
	if !t.isFloat() || p.output.Offset%wideBytes != 0 {
		return Launch{}, false
	}
	for _, in := range p.inputs {
		if in.Type != t.Type || in.Constant == nil && in.X.Offset%wideBytes != 0 {
			return Launch{}, false
		}
	}
	operations := c.operations
	if live := c.live(); slices.Contains(live, false) {
		operations = nil
		for i, o := range c.operations {
			if live[len(c.inputs)+i] {
				operations = append(operations, o)
			}
		}
	}
	first := operations[0]
	switch {
	case len(operations) == 1 && len(first.args) == 1:
		return p.planUnary(first, t.Type)
	case len(operations) == 1 && len(first.args) == 2:
		return p.planBinary(first, false, t.Type)
	case len(operations) == 2 && len(first.args) == 2 && operations[1].op == chainRelu && operations[1].args[0] == len(c.inputs) &&
		first.op != chainMinimum && first.op != chainMaximum:
		return p.planBinary(first, true, t.Type)
	}
	return Launch{}, false
}

func (p piece) planUnary(o chainOperation, t Type) (Launch, bool) {
	op, x, elements := slices.Index(mapOperators, o.op), p.inputs[o.args[0]], layout.Size(p.dims)
	if op < 0 || x.Constant != nil || len(p.dims) > 1 || x.Strides[0] == 0 && elements > 1 {
		return Launch{}, false
	}
	a := mapArguments{elements: uint32(elements), op: int32(op), alpha: o.alpha, beta: o.beta}
	return newLaunch("map", "map_"+t.String(), mapGrid(t, elements), grid1(mapThreads), 0, a, x.X, p.output), true
}

func (p piece) planBinary(o chainOperation, rectified bool, t Type) (Launch, bool) {
	op, count := slices.Index(zipOperators, o.op), wideBytes/t.Size()
	rows, columns := int64(1), p.dims[len(p.dims)-1]
	if len(p.dims) == 2 {
		rows = p.dims[0]
	}
	if op < 0 || len(p.dims) > 2 || rows > 1 && columns%count != 0 {
		return Launch{}, false
	}
	a := zipArguments{
		elements: uint32(rows * columns), op: int32(op), packs: newDivisor(max(columns/count, 1)), onlyRow: flag(rows == 1), rectified: flag(rectified),
	}
	var operands [2]step.Operand
	for side, of := range []*zipOperand{&a.ofX, &a.ofY} {
		in := p.inputs[o.args[side]]
		if in.Constant != nil {
			of.repeated, of.constant, of.value = 1, 1, *in.Constant
			continue
		}
		operands[side] = in.X
		inner := in.Strides[len(p.dims)-1]
		of.repeated = flag(inner == 0)
		if len(p.dims) == 2 {
			of.row = in.Strides[0]
		}
		if inner > 1 || inner == 1 && of.row%count != 0 {
			return Launch{}, false
		}
	}
	l := newLaunch("map", "zip_"+t.String(), mapGrid(t, rows*columns), grid1(mapThreads), 0, a, operands[0], operands[1], p.output)
	return l, true
}

// functionArguments mirrors FunctionArguments.
type functionArguments struct {
	x, y     address
	elements uint32
	function int32
}

// planFunction returns the launch of a function that has a kernel of its own, of whatever is laid out as its output is.
func (p piece) planFunction(o chainOperation, t Type) (Launch, error) {
	x, elements := p.inputs[o.args[0]], layout.Size(p.dims)
	if x.Constant != nil || len(p.dims) > 1 || x.Strides[0] == 0 && elements > 1 {
		return Launch{}, unsupported("a function of what is broadcast")
	}
	const threads, each = 256, 2 // kFunctionThreads, kFunctionElements
	a := functionArguments{elements: uint32(elements), function: int32(o.op - chainSin)}
	return newLaunch("functions", "function_"+t.String(), grid1(divide(elements, threads*each)), grid1(threads), 0, a, x.X, p.output), nil
}

// mapGrid has a thread for each mapPacks packs, the last of which may not be whole.
func mapGrid(t Type, elements int64) [3]uint32 {
	return grid1(divide(divide(elements, wideBytes/t.Size()), mapThreads*mapPacks))
}

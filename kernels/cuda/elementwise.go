package cuda

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Elementwise describes a chain of element-wise operators over inputs that broadcast against each other. The output is dense.
type Elementwise struct {
	Dims         []int64
	Inputs       []ElementwiseInput
	Instructions []ElementwiseInstruction
	Output       step.Operand // may be the memory of an input for which InPlace is true
}

// ElementwiseInput is one input.
type ElementwiseInput struct {
	Type    Type
	Bool    bool    // of Uint8: a truth value, not a number
	Strides []int64 // in elements, along Dims; 0 where the input is broadcast (layout.Broadcast makes them)
	// Constant, where set, is the value of every element (Type must be Float32): the input then needs no operand and no strides.
	Constant *float32
	X        step.Operand
}

// ElementwiseInstruction applies the ONNX operator Op to registers: register i below len(Inputs) is input i, instruction j writes register len(Inputs)+j,
// the last one the output.
type ElementwiseInstruction struct {
	Op   string
	Args []int
	// Alpha and Beta are attributes: alpha of LeakyRelu, Elu, Celu, Swish and ThresholdedRelu; alpha and beta of HardSigmoid, alpha and gamma of Selu,
	// lambd and bias of Shrink, the limits of Clip; of IsInf, whether what is above and below zero counts.
	Alpha, Beta float32
	To          Type // of Cast
	ToBool      bool // of Cast, with Uint8
}

const (
	// maxChainInputs to maxChainCode are the sizes of arrays in elementwise_chain.cuh.
	maxChainInputs = 14
	maxChainRank   = 6
	maxChainCode   = 40
	// maxPiece bounds the elements of a launch, so that offsets are 32-bit ones, with room for what a grid rounds up.
	maxPiece = 1 << 30
)

// InPlace reports whether the output of a chain may be written over input i: elements of the same size, laid out alike.
func (e Elementwise) InPlace(i int) bool {
	c, err := compileChain(&e)
	in := e.Inputs[i]
	return err == nil && in.Constant == nil && in.Type.Size() == c.output().Type.Size() && layout.Size(e.Dims) == in.elements(e.Dims)
}

// elements is the number of different elements of the input.
func (in ElementwiseInput) elements(dims []int64) int64 {
	count := int64(1)
	for d, dim := range dims {
		if in.Constant == nil && in.Strides[d] != 0 {
			count *= dim
		}
	}
	return count
}

// Plan returns the launches; none where there are no elements.
func (e Elementwise) Plan() ([]Launch, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	c, err := compileChain(&e)
	if err != nil {
		return nil, err
	}
	loop := e.collapsed()
	if layout.Size(loop.Dims) == 0 {
		return nil, nil
	}
	if len(loop.Dims) > maxChainRank {
		return nil, unsupported("element-wise operators over %d dimensions after merging, at most %d", len(loop.Dims), maxChainRank)
	}
	var launches []Launch
	for _, p := range pieces(&e, loop, c.output().Type) {
		l, err := p.plan(c)
		if err != nil {
			return nil, err
		}
		l.FLOP = c.flop * layout.Size(p.dims)
		l.Bytes = layout.Size(p.dims) * c.output().Type.Size()
		for _, in := range p.inputs {
			l.Bytes += in.elements(p.dims) * in.Type.Size()
		}
		launches = append(launches, l)
	}
	return launches, nil
}

// plan returns the launch of the kernel that is made for the chain, or of the interpreter.
func (p piece) plan(c *compiledChain) (Launch, error) {
	if o := c.operations[0]; o.op > chainNothing {
		return p.planFunction(o, c.output().Type)
	}
	if l, ok := p.planMap(c); ok {
		return l, nil
	}
	return p.planChain(c), nil
}

func (e *Elementwise) check() error {
	if len(e.Inputs) > maxChainInputs {
		return unsupported("%d inputs of element-wise operators, at most %d", len(e.Inputs), maxChainInputs)
	}
	for i, in := range e.Inputs {
		switch {
		case in.Constant != nil && in.Type != Float32:
			return fmt.Errorf("input %d: a constant of type %v, want f32", i, in.Type)
		case in.Constant == nil && len(in.Strides) != len(e.Dims):
			return fmt.Errorf("input %d: %d strides for %d dimensions", i, len(in.Strides), len(e.Dims))
		case in.Bool && in.Type != Uint8:
			return fmt.Errorf("input %d: bool of type %v, want u8", i, in.Type)
		}
	}
	if len(e.Instructions) == 0 {
		return errors.New("a chain without instructions")
	}
	return nil
}

// chainArguments mirrors ChainArguments.
type chainArguments struct {
	input                      [maxChainInputs]address
	output                     address
	elements                   uint32
	inputs, instructions, rank int32
	outputType, outputAligned  int32
	dimension                  [maxChainRank]divisor
	of                         [maxChainInputs]chainInput
	code                       [maxChainCode]machineInstruction
}

// chainInput mirrors ChainInput.
type chainInput struct {
	typ, mode, aligned, repeated, size int32
	stride                             [maxChainRank]int32
}

// planChain returns the interpreter's launch.
func (p piece) planChain(c *compiledChain) Launch {
	a := chainArguments{elements: uint32(layout.Size(p.dims)), inputs: int32(len(p.inputs)), instructions: int32(len(c.code)), rank: int32(len(p.dims))}
	count, kernel := int64(8), "elementwise_narrow"
	if c.wide {
		count, kernel = 4, "elementwise_wide"
	}
	a.outputType, a.outputAligned = int32(c.output().Type), flag(p.output.Offset%wideBytes == 0)
	for d, dim := range p.dims {
		a.dimension[d] = newDivisor(dim)
	}
	operands := make([]step.Operand, maxChainInputs+1)
	for i, in := range p.inputs {
		if in.Constant == nil {
			operands[i] = in.X
			a.of[i] = p.walk(in, count)
		}
	}
	operands[maxChainInputs] = p.output
	copy(a.code[:], c.code)
	// A slot takes 32 bytes of a thread, of the 48 KiB that a block may have without asking.
	threads := int64(256)
	for int64(c.slots)*threads*32 > 48<<10 {
		threads /= 2
	}
	grid := divide(divide(int64(a.elements), count), threads)
	return newLaunch("elementwise", kernel, grid1(grid), grid1(threads), c.slots*int(threads)*32, a, operands...)
}

// The modes of ChainMode, and the type of bool in ChainType.
const (
	chainDense     = 0
	chainRows      = 1
	chainScattered = 2
	chainBool      = 7
)

// walk says how the kernel walks an input in packs of count elements.
func (p piece) walk(in ElementwiseInput, count int64) chainInput {
	w := chainInput{typ: int32(in.Type), aligned: flag(in.X.Offset%wideBytes == 0), size: int32(in.Type.Size())}
	if in.Bool {
		w.typ = chainBool
	}
	dense, one := true, true
	contiguous := layout.Contiguous(p.dims)
	for d, stride := range in.Strides {
		w.stride[d] = int32(stride)
		dense = dense && (stride == contiguous[d] || p.dims[d] == 1)
		one = one && stride == 0
	}
	last := len(p.dims) - 1
	switch {
	case one:
		w.mode, w.repeated = chainRows, 1
	case dense:
		w.mode = chainDense
	case p.dims[last]%count == 0 && in.Strides[last] <= 1:
		w.mode, w.repeated = chainRows, flag(in.Strides[last] == 0)
		for _, stride := range in.Strides[:last] {
			if stride*in.Type.Size()%min(wideBytes, count*in.Type.Size()) != 0 {
				w.aligned = 0
			}
		}
	default:
		w.mode = chainScattered
	}
	return w
}

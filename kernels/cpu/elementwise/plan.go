package elementwise

import (
	"fmt"

	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/layout"
	"github.com/inferd/inferd/kernels/cpu/step"
)

const (
	blockBudget  = 24 << 10 // bytes of L1 that the blocks of a chain may fill
	minimalBlock = 128
	maximalBlock = 2048
	tileNS       = 8000 // about what a tile should take on one thread
	bytesPerNS   = 30   // between the second-level cache and memory
)

// plannedInput is an input with what the interpreter has to know of it.
type plannedInput struct {
	Input
	kind        kind
	mode        int32
	innerStride int64   // bytes
	rowStrides  []int64 // bytes
}

// plan is a chain in the terms of elementwise.h.
type plan struct {
	inputs                        []plannedInput
	code                          []instruction
	dims                          []int64 // of the rows
	groupRank                     int
	inner, groupRows, groups      int64
	blockSize, rowsPerBlock       int64
	blocksPerGroup, blocksPerTile int64
	registerBytes                 int64
	registers                     int
	output                        Type
	outputKind                    kind
	contiguous                    []bool // inputs laid out as the output is
}

// Plan returns the step of a chain. Its program is written into memory from allocate. The caller sets the operands: input i is operand i
// (constants need none), the output OperandOutput. The output may be the memory of an input for which InPlace is true.
func Plan(level isa.Level, chain Chain, allocate Allocator) (step.Step, error) {
	p, err := newPlan(&chain)
	if err != nil {
		return step.Step{}, fmt.Errorf("plan element-wise chain: %w", err)
	}
	size := layout.Size(chain.Dims)
	perElement := p.costPerElement()
	s := step.Step{Kernel: byLevel[level], CostNS: 40 + int64(float64(size)*perElement)}
	blocks := p.groups * p.blocksPerGroup // 0 where the output is empty
	p.blocksPerTile = max(1, int64(tileNS/perElement)/max(1, size/max(1, blocks)))
	s.Tiles = max(1, (blocks+p.blocksPerTile-1)/p.blocksPerTile)
	s.ScratchBytes = p.registerBytes * int64(p.registers)
	s.Parameter[0] = p.output.size()
	program, err := allocate(programBytes(len(p.code)))
	if err != nil {
		return step.Step{}, fmt.Errorf("plan element-wise chain: %w", err)
	}
	p.write(program)
	s.Operand[operandProgram] = step.Absolute(program)
	return s, nil
}

// InPlace reports whether the output of the chain may be written over input i: float32 both, and laid out alike.
func InPlace(chain Chain, i int) bool {
	p, err := newPlan(&chain)
	return err == nil && p.output == Float32 && chain.Inputs[i].Constant == nil && chain.Inputs[i].Type == Float32 && p.contiguous[i]
}

func newPlan(chain *Chain) (*plan, error) {
	if len(chain.Inputs) > maxInputs {
		return nil, fmt.Errorf("%d inputs, at most %d: %w", len(chain.Inputs), maxInputs, ErrUnsupported)
	}
	for i, in := range chain.Inputs {
		if in.Constant != nil && in.Type != Float32 {
			return nil, fmt.Errorf("input %d: a constant of type %d, want float32", i, in.Type)
		}
		if in.Constant == nil && len(in.Strides) != len(chain.Dims) {
			return nil, fmt.Errorf("input %d: %d strides for %d dimensions", i, len(in.Strides), len(chain.Dims))
		}
	}
	c, err := compile(chain)
	if err != nil {
		return nil, err
	}
	last := c.values[len(c.values)-1]
	p := &plan{output: last.typ, outputKind: last.kind}
	loop := p.layOut(chain, c)
	if err := p.allocateRegisters(c); err != nil {
		return nil, err
	}
	return p, p.block(loop, c)
}

// layOut collapses the dimensions over all tensors, the output first.
func (p *plan) layOut(chain *Chain, c *compiler) layout.Loop {
	loop := layout.Loop{Dims: chain.Dims, Strides: [][]int64{layout.Contiguous(chain.Dims)}}
	for _, in := range chain.Inputs {
		strides := in.Strides
		if in.Constant != nil {
			strides = make([]int64, len(chain.Dims))
		}
		loop.Strides = append(loop.Strides, strides)
	}
	loop = layout.Collapse(loop)
	last := len(loop.Dims) - 1
	p.dims, p.inner = loop.Dims[:last], loop.Dims[last]
	for i, in := range chain.Inputs {
		planned := plannedInput{Input: in, kind: c.values[i].kind}
		strides := loop.Strides[i+1]
		planned.innerStride = strides[last] * in.Type.size()
		for _, stride := range strides[:last] {
			planned.rowStrides = append(planned.rowStrides, stride*in.Type.size())
		}
		p.inputs = append(p.inputs, planned)
		same := true
		for d, dim := range loop.Dims {
			same = same && (dim == 1 || strides[d] == loop.Strides[0][d])
		}
		p.contiguous = append(p.contiguous, same)
	}
	return loop
}

// allocateRegisters maps the machine registers onto as few blocks of memory as their lives allow. Inputs keep their own.
func (p *plan) allocateRegisters(c *compiler) error {
	inputs := len(p.inputs)
	lastUse := make([]int, len(c.values))
	for i, in := range c.code {
		for _, register := range in.arguments {
			lastUse[register] = i
		}
	}
	physical := make([]int, len(c.values))
	for i := range inputs {
		physical[i] = i
	}
	p.registers = inputs
	var free []int
	for i, in := range c.code {
		// The last one has a register of its own, because the interpreter lets it stand for the output.
		if n := len(free); n > 0 && i != len(c.code)-1 {
			physical[in.destination], free = free[n-1], free[:n-1]
		} else {
			physical[in.destination] = p.registers
			p.registers++
		}
		renamed := instruction{op: in.op, to: in.to, destination: physical[in.destination], alpha: in.alpha, beta: in.beta, cost: in.cost}
		for a, register := range in.arguments {
			renamed.arguments = append(renamed.arguments, physical[register])
			repeated := a > 0 && register == in.arguments[a-1] || a > 1 && register == in.arguments[0]
			if register >= inputs && lastUse[register] == i && !repeated {
				free = append(free, physical[register])
			}
		}
		if lastUse[in.destination] <= i && i != len(c.code)-1 { // nothing reads it
			free = append(free, physical[in.destination])
		}
		p.code = append(p.code, renamed)
	}
	if p.registers > maxRegisters {
		return fmt.Errorf("%d values live at once, at most %d: %w", p.registers, maxRegisters, ErrUnsupported)
	}
	return nil
}

// block chooses the blocks, and how each input gets into them.
func (p *plan) block(loop layout.Loop, c *compiler) error {
	if len(p.dims) > maxRank {
		return fmt.Errorf("%d dimensions after merging, at most %d: %w", len(loop.Dims), maxRank+1, ErrUnsupported)
	}
	element := int64(4)
	for _, v := range c.values {
		if v.kind == kindInteger {
			element = 8
		}
	}
	p.blockSize = min(max(blockBudget/(element*int64(p.registers+1)), minimalBlock), maximalBlock) &^ 15
	p.registerBytes = p.blockSize * element
	p.groups, p.groupRows, p.blocksPerGroup = 1, 1, 1
	first := len(p.dims) // the first dimension of a group
	if p.inner <= p.blockSize {
		for first > 0 && p.groupRows*p.inner < p.blockSize {
			first--
			p.groupRows *= p.dims[first]
		}
		p.rowsPerBlock = max(1, min(p.blockSize/max(p.inner, 1), p.groupRows))
		p.blocksPerGroup = (p.groupRows + p.rowsPerBlock - 1) / p.rowsPerBlock
	} else {
		p.blocksPerGroup = (p.inner + p.blockSize - 1) / p.blockSize
	}
	p.groupRank = len(p.dims) - first
	for _, dim := range p.dims[:first] {
		p.groups *= dim
	}
	for i := range p.inputs {
		p.inputs[i].mode = p.mode(&p.inputs[i], loop.Strides[i+1], loop.Strides[0], first)
	}
	return nil
}

// mode says how an input's block comes about, from its strides and the output's, first being the first dimension of a group.
func (p *plan) mode(in *plannedInput, strides, output []int64, first int) int32 {
	last := len(strides) - 1
	direct := in.Type == Float32 && (strides[last] == 1 || p.inner == 1)
	repeated := true
	for d := first; d < last; d++ {
		direct = direct && strides[d] == output[d]
		repeated = repeated && strides[d] == 0
	}
	switch {
	case in.Constant != nil:
		return modeRepeated
	case direct:
		return modeDirect
	case repeated && (p.rowsPerBlock > 0 || strides[last] == 0):
		return modeRepeated
	}
	return modeGeneral
}

// costPerElement estimates nanoseconds from the instructions and the bytes moved.
func (p *plan) costPerElement() float64 {
	cost := float64(p.output.size()) / bytesPerNS
	for _, in := range p.inputs {
		if in.mode != modeRepeated {
			cost += float64(in.Type.size()) / bytesPerNS
		}
	}
	for _, in := range p.code {
		cost += in.cost
	}
	return cost
}

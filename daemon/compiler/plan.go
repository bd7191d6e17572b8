package compiler

import (
	"errors"
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/memplan"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/tensor"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// plan collects what has been decided about one program: a kernel for each node, and a place for each value.
type plan struct {
	graph  *graph.Graph
	stores stores
	steps  []plannedStep
	places map[*graph.Value]*place
	blocks []*memplan.Block
	// copies are Identity nodes that must move bytes: outputs that would otherwise share memory with something else.
	copies     map[*graph.Node]bool
	arenaBytes int64
}

// plannedStep is one node with its kernel; views have no step.
type plannedStep struct {
	node      *graph.Node
	kernel    device.Kernel
	device    device.Device
	weights   device.Weights
	slow      string
	workspace *memplan.Block
}

// place says where a value lies: a block of the arena, or a base of its own (inputs and outputs). Views share their source's place.
type place struct {
	block *memplan.Block
	base  int64 // step.BaseArena where block is set
}

func (p *place) operand() step.Operand {
	if p.block != nil {
		return arenaOperand(p.block)
	}
	return step.Operand{Base: p.base}
}

// arenaOperand returns the place of a block; the status lies ahead of all blocks.
func arenaOperand(block *memplan.Block) step.Operand {
	return step.Operand{Base: step.BaseArena, Offset: program.StatusBytes + block.Offset}
}

// isView reports whether the node only renames its first input: same bytes, another shape.
func (p *plan) isView(n *graph.Node) bool {
	if n.Domain != graph.DomainONNX || p.copies[n] || n.Inputs[0].Constant != nil {
		return false
	}
	switch n.Op {
	case "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze":
		return true
	}
	return false
}

// maxValueBytes bounds a single value, far above what any host holds, so that no sum of sizes overflows.
const maxValueBytes = 1 << 40

// maxEmptyRows bounds the product of the other dimensions where one is 0.
const maxEmptyRows = 1 << 26

// checkSize refuses a value whose shape is not known or that is too large to be placed.
func checkSize(v *graph.Value) error {
	shape, ok := v.KnownShape()
	if !ok {
		return fmt.Errorf("the shape of %v depends on data, which is not supported yet", v)
	}
	bytes, err := tensor.ByteSize(v.DType, shape)
	if err != nil {
		return fmt.Errorf("%q: %w", v.Name, err)
	}
	if bytes == 0 {
		// Kernels loop over rows without elements too.
		rows := int64(1)
		for _, dim := range shape {
			if rows *= max(dim, 1); dim > maxEmptyRows || rows > maxEmptyRows {
				return fmt.Errorf("%v has no elements but more than %d rows", v, maxEmptyRows)
			}
		}
	}
	if bytes > maxValueBytes {
		return fmt.Errorf("%v has %d bytes; at most %d are supported", v, bytes, int64(maxValueBytes))
	}
	return nil
}

// choose picks a kernel for every node that needs one.
func (m *Model) choose(p *plan) error {
	for _, v := range p.graph.Inputs {
		if err := checkSize(v); err != nil {
			return fmt.Errorf("input %w", err)
		}
	}
	for _, n := range p.graph.Nodes {
		if p.isView(n) {
			p.steps = append(p.steps, plannedStep{node: n})
			continue
		}
		chosen, err := m.chooseKernel(n, p.stores)
		if err != nil {
			return err
		}
		p.steps = append(p.steps, chosen)
	}
	return nil
}

func (m *Model) chooseKernel(n *graph.Node, s stores) (plannedStep, error) {
	for _, v := range n.Outputs {
		if v == nil {
			continue
		}
		if err := checkSize(v); err != nil {
			return plannedStep{}, fmt.Errorf("%v: output %w", n, err)
		}
	}
	kernel, err := m.options.Device.Select(n, s.device)
	if err == nil {
		if bytes := kernel.WorkspaceBytes(); bytes < 0 || bytes > maxValueBytes {
			return plannedStep{}, fmt.Errorf("%v: %s needs %d bytes of scratch memory; at most %d are supported", n, kernel.Name(), bytes, int64(maxValueBytes))
		}
		return plannedStep{node: n, kernel: kernel, device: m.options.Device, weights: s.device}, nil
	}
	var missing *device.NoKernelError
	if !errors.As(err, &missing) || m.options.Fallback == nil {
		return plannedStep{}, fmt.Errorf("%v: %w", n, err)
	}
	kernel, fallbackErr := m.options.Fallback.Select(n, s.fallback)
	if fallbackErr != nil {
		return plannedStep{}, fmt.Errorf("%v: %w", n, fallbackErr)
	}
	return plannedStep{node: n, kernel: kernel, device: m.options.Fallback, weights: s.fallback, slow: missing.Reason}, nil
}

// placeValues decides where every value lies. Outputs are written straight into the caller's staging; the rest shares the arena.
func (p *plan) placeValues() {
	last := p.lastUses()
	p.places = make(map[*graph.Value]*place)
	for i, v := range p.graph.Inputs {
		p.places[v] = &place{base: step.BaseBindings + int64(i)}
	}
	outputs := p.outputBases()
	for at := range p.steps {
		s := &p.steps[at]
		if s.kernel == nil {
			p.places[s.node.Outputs[0]] = p.places[s.node.Inputs[0]]
			continue
		}
		if bytes := s.kernel.WorkspaceBytes(); bytes > 0 {
			s.workspace = &memplan.Block{Bytes: bytes, First: at, Last: at}
			p.blocks = append(p.blocks, s.workspace)
		}
		for i, v := range s.node.Outputs {
			if v == nil {
				continue
			}
			p.places[v] = p.placeOutput(at, i, v, last, outputs)
		}
	}
	p.arenaBytes = program.StatusBytes + memplan.Plan(p.blocks)
}

func (p *plan) placeOutput(at, i int, v *graph.Value, last map[*graph.Value]int, outputs map[*graph.Value]int64) *place {
	if base, ok := outputs[v]; ok {
		return &place{base: base}
	}
	s := p.steps[at]
	bytes := valueBytes(v)
	end := max(last[v], at)
	if i == 0 {
		for j, input := range s.node.Inputs {
			if input == nil || !s.kernel.InPlace(j) || valueBytes(input) != bytes {
				continue
			}
			if taken := p.places[input]; taken != nil && taken.block != nil && taken.block.Last == at && !p.readTwice(s.node, j) {
				taken.block.Last = end
				return taken
			}
		}
	}
	block := &memplan.Block{Bytes: bytes, First: at, Last: end}
	p.blocks = append(p.blocks, block)
	return &place{block: block, base: step.BaseArena}
}

// readTwice reports whether another input of the node lies at the same place as input j.
func (p *plan) readTwice(n *graph.Node, j int) bool {
	for i, v := range n.Inputs {
		if i != j && v != nil && p.places[v] != nil && p.places[v] == p.places[n.Inputs[j]] {
			return true
		}
	}
	return false
}

// lastUses returns, for each value that owns memory, the last step that reads it or a view of it.
func (p *plan) lastUses() map[*graph.Value]int {
	root := make(map[*graph.Value]*graph.Value)
	owner := func(v *graph.Value) *graph.Value {
		if r, ok := root[v]; ok {
			return r
		}
		return v
	}
	last := make(map[*graph.Value]int)
	for at, s := range p.steps {
		for _, v := range s.node.Inputs {
			if v != nil {
				last[owner(v)] = at
			}
		}
		if s.kernel == nil {
			root[s.node.Outputs[0]] = owner(s.node.Inputs[0])
		}
	}
	return last
}

// owner returns the value whose memory v shares.
func (p *plan) owner(v *graph.Value) *graph.Value {
	for v.Producer != nil && p.isView(v.Producer) {
		v = v.Producer.Inputs[0]
	}
	return v
}

// copyOutputs inserts a copy ahead of each output that has no memory of its own: an input, a constant, or one that another output owns.
func (p *plan) copyOutputs() error {
	p.copies = make(map[*graph.Node]bool)
	owned := make(map[*graph.Value]bool)
	for i, v := range p.graph.Outputs {
		owner := p.owner(v)
		if owner.Producer != nil && owner.Constant == nil && !owned[owner] {
			owned[owner] = true
			continue
		}
		copied := &graph.Value{Name: p.graph.OutputNames[i] + ".copy", DType: v.DType, Shape: v.Shape, Ranked: true}
		n := &graph.Node{Name: copied.Name, Op: "Identity", Version: 1, Inputs: []*graph.Value{v}, Outputs: []*graph.Value{copied}}
		copied.Producer = n
		p.copies[n] = true
		p.graph.Nodes = append(p.graph.Nodes, n)
		p.graph.Outputs[i] = copied
		owned[copied] = true
	}
	return p.graph.Verify()
}

// outputBases maps the value that owns the memory of each output to the output's base; copyOutputs has made sure that each has one.
func (p *plan) outputBases() map[*graph.Value]int64 {
	bases := make(map[*graph.Value]int64)
	for i, v := range p.graph.Outputs {
		bases[p.owner(v)] = step.BaseBindings + int64(len(p.graph.Inputs)+i)
	}
	return bases
}

func valueBytes(v *graph.Value) int64 {
	shape, _ := v.KnownShape()
	bytes, err := tensor.ByteSize(v.DType, shape)
	if err != nil {
		return 0 // checkSize has refused such values
	}
	return bytes
}

package compiler

import (
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/memplan"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// side is the memory of the host, or of a device that works by itself, and where values lie in it.
type side struct {
	places     map[*graph.Value]*place
	blocks     []*memplan.Block
	lives      map[*graph.Value]life
	arenaBytes int64
}

// life is the first and the last moment at which a value must lie in a side's memory. Step i is at moment 2i; transfers take place between.
type life struct{ first, last int }

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

// transfer is a value that one side makes and the other reads, moved at the beginning or at the end of a stage of the device.
type transfer struct {
	value *graph.Value
	stage int
	out   bool // from the device
}

// placeValues decides where every value lies. Outputs are written straight into the caller's staging; the rest shares the arenas.
func (p *plan) placeValues() {
	p.divide()
	p.findLives()
	for i, v := range p.graph.Inputs {
		p.host.places[v] = &place{base: step.BaseBindings + int64(i)}
	}
	outputs := p.outputBases()
	for v, base := range outputs {
		p.host.places[v] = &place{base: base}
	}
	for _, t := range p.transfers {
		to := &p.remote
		if t.out {
			to = &p.host
		}
		if to.places[t.value] == nil {
			to.places[t.value] = to.newPlace(t.value)
		}
	}
	for at := range p.steps {
		s := &p.steps[at]
		if s.kernel == nil {
			continue
		}
		side := p.sideOf(s)
		if bytes := s.kernel.WorkspaceBytes(); bytes > 0 {
			s.workspace = &memplan.Block{Bytes: bytes, First: 2 * at, Last: 2 * at}
			side.blocks = append(side.blocks, s.workspace)
		}
		for i, v := range s.node.Outputs {
			if v != nil && side.places[v] == nil {
				side.places[v] = p.placeOutput(side, at, i, v)
			}
		}
	}
	for _, side := range []*side{&p.host, &p.remote} {
		side.arenaBytes = program.StatusBytes + memplan.Plan(side.blocks)
	}
}

func (s *side) newPlace(v *graph.Value) *place {
	l := s.lives[v]
	block := &memplan.Block{Bytes: valueBytes(v), First: l.first, Last: l.last}
	s.blocks = append(s.blocks, block)
	return &place{block: block, base: step.BaseArena}
}

// placeOutput gives output i of a step a block of its own, or that of an input which is read there for the last time.
func (p *plan) placeOutput(side *side, at, i int, v *graph.Value) *place {
	s := p.steps[at]
	if i == 0 {
		for j, input := range s.node.Inputs {
			if input == nil || !s.kernel.InPlace(j) || valueBytes(input) != valueBytes(v) {
				continue
			}
			taken := side.places[p.owner(input)]
			if taken != nil && taken.block != nil && taken.block.Last == 2*at && !p.readTwice(side, s.node, j) {
				taken.block.Last = max(2*at, side.lives[v].last)
				return taken
			}
		}
	}
	return side.newPlace(v)
}

// readTwice reports whether another input of the node lies at the same place as input j.
func (p *plan) readTwice(side *side, n *graph.Node, j int) bool {
	at := side.places[p.owner(n.Inputs[j])]
	for i, v := range n.Inputs {
		if i != j && v != nil && side.places[p.owner(v)] == at {
			return true
		}
	}
	return false
}

// sideOf returns the side on which a step runs.
func (p *plan) sideOf(s *plannedStep) *side {
	if s.remote {
		return &p.remote
	}
	return &p.host
}

// owner returns the value whose memory v shares.
func (p *plan) owner(v *graph.Value) *graph.Value {
	for v.Producer != nil && p.isView(v.Producer) {
		v = v.Producer.Inputs[0]
	}
	return v
}

// outputBases maps the value that owns the memory of each output to the output's base; copyOutputs has made sure that each has one.
func (p *plan) outputBases() map[*graph.Value]int64 {
	bases := make(map[*graph.Value]int64)
	for i, v := range p.graph.Outputs {
		bases[p.owner(v)] = step.BaseBindings + int64(len(p.graph.Inputs)+i)
	}
	return bases
}

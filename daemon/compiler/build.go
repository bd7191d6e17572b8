package compiler

import (
	"fmt"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/op"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// build makes the program of a graph whose shapes are known.
func (m *Model) build(g *graph.Graph) (_ *program.Program, err error) {
	p := &plan{graph: g, stores: m.stores.fork()}
	result := &program.Program{Release: p.stores.close}
	defer func() {
		if err != nil {
			result.Close()
		}
	}()
	if err := p.copyOutputs(); err != nil {
		return nil, err
	}
	if err := m.choose(p); err != nil {
		return nil, err
	}
	p.placeValues()
	if err := p.link(result); err != nil {
		return nil, err
	}
	result.ArenaBytes = p.arenaBytes
	result.Inputs = ports(g.Inputs, nil)
	result.Outputs = ports(g.Outputs, g.OutputNames)
	return result, nil
}

func ports(values []*graph.Value, names []string) []program.Port {
	list := make([]program.Port, len(values))
	for i, v := range values {
		shape, _ := v.KnownShape()
		list[i] = program.Port{Name: v.Name, DType: v.DType, Shape: shape, Bytes: valueBytes(v)}
		if names != nil {
			list[i].Name = names[i]
		}
	}
	return list
}

// link emits the code of each step and joins runs of steps on the same device into segments.
func (p *plan) link(result *program.Program) error {
	var code []device.Code
	var current device.Device
	flush := func() error {
		if len(code) == 0 {
			return nil
		}
		segment, err := current.Link(code)
		if err != nil {
			return err
		}
		result.Segments = append(result.Segments, segment)
		code = nil
		return nil
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.kernel == nil {
			continue
		}
		if s.device != current {
			if err := flush(); err != nil {
				return err
			}
			current = s.device
		}
		emitted, err := s.kernel.Emit(operands{p, s})
		if err != nil {
			return fmt.Errorf("%v: %s: %w", s.node, s.kernel.Name(), err)
		}
		code = append(code, emitted)
		result.Steps = append(result.Steps, s.info())
	}
	return flush()
}

func (s *plannedStep) info() program.StepInfo {
	cost := op.CostOf(s.node)
	return program.StepInfo{
		Node: s.node.Name, Op: s.node.QualifiedOp(), Kernel: s.kernel.Name(), Output: firstOutput(s.node).Type(),
		FLOP: cost.FLOP, Bytes: cost.Bytes, Slow: s.slow,
	}
}

// firstOutput returns the first output that is not left out; dead nodes are gone, so there is one.
func firstOutput(n *graph.Node) *graph.Value {
	for _, v := range n.Outputs {
		if v != nil {
			return v
		}
	}
	return nil
}

// operands gives a kernel the places of its node's values.
type operands struct {
	plan *plan
	step *plannedStep
}

func (o operands) Input(i int) (step.Operand, error) {
	v := o.step.node.Input(i)
	if v == nil {
		return step.Operand{}, nil
	}
	if v.Constant != nil {
		return o.step.weights.Constant(v)
	}
	at, ok := o.plan.places[v]
	if !ok {
		return step.Operand{}, fmt.Errorf("input %d (%v) has no place", i, v)
	}
	return at.operand(), nil
}

func (o operands) Output(i int) step.Operand {
	v := o.step.node.Output(i)
	if v == nil {
		return step.Operand{}
	}
	return o.plan.places[v].operand()
}

func (o operands) Workspace() step.Operand {
	if o.step.workspace == nil {
		return step.Operand{}
	}
	return arenaOperand(o.step.workspace)
}

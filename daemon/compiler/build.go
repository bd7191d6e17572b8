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
	p := newPlan(g, fork(m.stores))
	result := &program.Program{Release: func() { closeAll(p.stores) }}
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
	result.ArenaBytes, result.DeviceArenaBytes = p.host.arenaBytes, p.remote.arenaBytes
	result.Inputs = ports(g.Inputs, nil)
	result.Outputs = ports(g.Outputs, g.OutputNames)
	return result, p.link(result, m.options.Devices[0])
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

// link emits the code of each step. On a device that works by itself, it assembles the program of stages; else these are the program's segments.
func (p *plan) link(result *program.Program, main device.Device) error {
	var stages []device.Stage
	for i := range p.stages {
		linked, err := p.linkStage(i, result)
		if err != nil {
			closeStages(stages)
			return err
		}
		stages = append(stages, linked)
	}
	asynchronous, ok := main.(device.Asynchronous)
	if !ok {
		for _, s := range stages {
			result.Segments = append(result.Segments, s.Host)
		}
		return nil
	}
	executor, err := asynchronous.Assemble(result, device.Assembly{Stages: stages})
	if err != nil {
		closeStages(stages)
		return err
	}
	result.Executor = executor
	return nil
}

func closeStages(stages []device.Stage) {
	for _, s := range stages {
		if s.Host != nil {
			s.Host.Close()
		}
	}
}

// linkStage emits the code of one stage.
func (p *plan) linkStage(i int, result *program.Program) (device.Stage, error) {
	var linked device.Stage
	at := p.stages[i]
	for k := at.first; k <= at.last; k++ {
		s := &p.steps[k]
		if s.kernel == nil {
			continue
		}
		emitted, err := s.kernel.Emit(operands{p, s, p.sideOf(s)})
		if err != nil {
			return linked, fmt.Errorf("%v: %s: %w", s.node, s.kernel.Name(), err)
		}
		linked.Code = append(linked.Code, emitted)
		result.Steps = append(result.Steps, s.info())
	}
	if at.remote {
		linked.In, linked.Out = p.transfersOf(i, result)
		return linked, nil
	}
	segment, err := at.device.Link(linked.Code)
	return device.Stage{Host: segment}, err
}

// transfersOf lists what moves to and from a stage of the device, and enters it in the program.
func (p *plan) transfersOf(stage int, result *program.Program) (in, out []device.Transfer) {
	for _, t := range p.transfers {
		if t.stage != stage {
			continue
		}
		result.Transfers = append(result.Transfers, program.TransferInfo{Value: t.value.Name, Bytes: valueBytes(t.value), ToDevice: !t.out})
		moved := device.Transfer{Host: p.host.places[t.value].operand(), Device: p.remote.places[t.value].operand(), Bytes: valueBytes(t.value)}
		if t.out {
			out = append(out, moved)
		} else {
			in = append(in, moved)
		}
	}
	return in, out
}

func (s *plannedStep) info() program.StepInfo {
	cost := op.CostOf(s.node)
	return program.StepInfo{
		Node: s.node.Name, Op: s.node.QualifiedOp(), Kernel: s.kernel.Name(), Output: firstOutput(s.node).Type(),
		FLOP: cost.FLOP, Bytes: cost.Bytes, Slow: s.slow, Device: s.device.Info().Name,
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
	side *side
}

func (o operands) Input(i int) (step.Operand, error) {
	v := o.step.node.Input(i)
	if v == nil {
		return step.Operand{}, nil
	}
	if v.Constant != nil {
		return o.step.weights.Constant(v)
	}
	at, ok := o.side.places[o.plan.owner(v)]
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
	return o.side.places[v].operand()
}

func (o operands) Workspace() step.Operand {
	if o.step.workspace == nil {
		return step.Operand{}
	}
	return arenaOperand(o.step.workspace)
}

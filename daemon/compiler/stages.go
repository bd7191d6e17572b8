package compiler

import (
	"math"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/device"
)

// stage is a run of steps of one device, views between them included.
type stage struct {
	device      device.Device
	remote      bool
	first, last int // steps
}

// divide splits the steps into stages.
func (p *plan) divide() {
	for at := range p.steps {
		s := &p.steps[at]
		if s.kernel == nil {
			continue
		}
		if last := len(p.stages) - 1; last < 0 || p.stages[last].device != s.device {
			p.stages = append(p.stages, stage{device: s.device, remote: s.remote, first: at})
		}
		s.stage = len(p.stages) - 1
		p.stages[s.stage].last = at
	}
}

// uses collects what happens to one value.
type uses struct {
	made                 int // step; -1 for an input of the graph
	madeRemotely         bool
	lastHost, lastRemote int // steps that read it; -1 where none does
	firstRemoteStage     int
	isOutput             bool
}

// findLives finds out how long each value lives on each side, and what has to be transferred.
func (p *plan) findLives() {
	all := p.usesOfValues()
	for _, v := range p.valuesInOrder() {
		u := all[v]
		host, remote := life{first: 2 * u.made, last: 2 * max(u.made, u.lastHost)}, life{first: 2 * u.made, last: 2 * max(u.made, u.lastRemote)}
		switch {
		case u.madeRemotely && (u.lastHost >= 0 || u.isOutput):
			moment := 2*p.stages[p.steps[u.made].stage].last + 1
			host.first, remote.last = moment, max(remote.last, moment)
			host.last = max(host.last, moment)
			p.transfers = append(p.transfers, transfer{value: v, stage: p.steps[u.made].stage, out: true})
		case !u.madeRemotely && u.lastRemote >= 0:
			moment := 2*p.stages[u.firstRemoteStage].first - 1
			remote.first, host.last = moment, max(host.last, moment)
			p.transfers = append(p.transfers, transfer{value: v, stage: u.firstRemoteStage})
		}
		p.host.lives[v], p.remote.lives[v] = host, remote
	}
}

// valuesInOrder lists the values that own memory: inputs, then outputs of steps.
func (p *plan) valuesInOrder() []*graph.Value {
	list := append([]*graph.Value(nil), p.graph.Inputs...)
	for _, s := range p.steps {
		if s.kernel == nil {
			continue
		}
		for _, v := range s.node.Outputs {
			if v != nil {
				list = append(list, v)
			}
		}
	}
	return list
}

func (p *plan) usesOfValues() map[*graph.Value]*uses {
	all := make(map[*graph.Value]*uses)
	of := func(v *graph.Value) *uses {
		u := all[v]
		if u == nil {
			u = &uses{made: -1, lastHost: -1, lastRemote: -1, firstRemoteStage: math.MaxInt}
			all[v] = u
		}
		return u
	}
	for _, v := range p.graph.Inputs {
		of(v)
	}
	for at, s := range p.steps {
		if s.kernel == nil {
			continue
		}
		for _, v := range s.node.Outputs {
			if v != nil {
				u := of(v)
				u.made, u.madeRemotely = at, s.remote
			}
		}
		for _, v := range s.node.Inputs {
			if v == nil || v.Constant != nil {
				continue
			}
			u := of(p.owner(v))
			if s.remote {
				u.lastRemote, u.firstRemoteStage = at, min(u.firstRemoteStage, s.stage)
			} else {
				u.lastHost = at
			}
		}
	}
	for _, v := range p.graph.Outputs {
		of(p.owner(v)).isOutput = true
	}
	return all
}

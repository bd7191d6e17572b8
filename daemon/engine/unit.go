package engine

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/repository"
	"github.com/inferd/inferd/daemon/scheduler"
)

// UnitOptions describe a place where models can run.
type UnitOptions struct {
	// Devices of a program, in order of preference (see compiler.Options): the unit's own first, then those that run what it has no kernel for.
	Devices []device.Device
	// Lanes is the number of programs that may run side by side in place; 0 means 1. A device that works by itself needs only one.
	Lanes int
}

// unit is a device with its lanes.
type unit struct {
	devices   []device.Device
	info      device.Info
	scheduler *scheduler.Scheduler
	failure   atomic.Pointer[error] // why the device is lost; nil while it works
}

// newUnit starts the lanes of a unit.
func (e *Engine) newUnit(o UnitOptions) *unit {
	u := &unit{devices: o.Devices, info: o.Devices[0].Info()}
	u.scheduler = scheduler.New(scheduler.Options{Lanes: o.Lanes, Staging: e.staging, MaxArena: e.options.StagingBytes, Clock: e.clock})
	if failing, ok := o.Devices[0].(device.Failing); ok {
		failing.OnFailure(func(err error) { e.unitFailed(u, err) })
	}
	return u
}

func (u *unit) working() bool { return u.failure.Load() == nil }

// unitFailed takes note that a device is lost and moves its models elsewhere.
func (e *Engine) unitFailed(u *unit, err error) {
	if !u.failure.CompareAndSwap(nil, &err) {
		return
	}
	e.log.Error("device lost: its models move elsewhere", "device", u.info.Name, "error", err)
	go func() {
		for _, v := range e.repository.Serving("") {
			e.moveFrom(v, u)
		}
	}()
}

// UnitState describes a unit for people and metrics.
type UnitState struct {
	device.Info
	// Failure is why the device is lost; nil while it works.
	Failure error
	Lanes   []scheduler.LaneStatistics
}

// Units lists where models can run, in order of preference.
func (e *Engine) Units() []UnitState {
	list := make([]UnitState, len(e.units))
	for i, u := range e.units {
		list[i] = UnitState{Info: u.info, Lanes: u.scheduler.Lanes()}
		if failure := u.failure.Load(); failure != nil {
			list[i].Failure = *failure
		}
	}
	return list
}

// candidates lists, for each instance that a model's configuration asks for, the units that it may run on, best first. What works comes before
// what the configuration names: a model that asks for a GPU runs on the CPU where there is none.
func (e *Engine) candidates(c *repository.Config) ([][]*unit, error) {
	var instances [][]*unit
	for _, group := range c.InstanceGroups {
		named, err := e.named(group)
		if err != nil {
			return nil, err
		}
		instances = append(instances, named...)
	}
	if len(c.InstanceGroups) == 0 {
		instances, _ = e.named(repository.InstanceGroup{Kind: repository.KindAuto})
	}
	for i := range instances {
		instances[i] = append(instances[i], e.units...)
	}
	return instances, nil
}

// named lists the units that an instance group names, an instance each.
func (e *Engine) named(group repository.InstanceGroup) (instances [][]*unit, err error) {
	gpus := e.unitsOf(device.KindGPU)
	switch {
	case group.Kind == repository.KindCPU:
		return append(instances, e.unitsOf(device.KindCPU)), nil
	case len(gpus) == 0:
		return append(instances, nil), nil
	case len(group.GPUs) == 0:
		for _, u := range gpus {
			instances = append(instances, []*unit{u})
		}
		return instances, nil
	}
	for _, ordinal := range group.GPUs {
		if ordinal >= len(gpus) {
			return nil, fmt.Errorf("instance_group names GPU %d, there are %d", ordinal, len(gpus))
		}
		instances = append(instances, []*unit{gpus[ordinal]})
	}
	return instances, nil
}

func (e *Engine) unitsOf(kind string) (list []*unit) {
	for _, u := range e.units {
		if u.info.Kind == kind {
			list = append(list, u)
		}
	}
	return list
}

var errNoUnit = errors.New("no device that could run the model works")

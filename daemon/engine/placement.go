package engine

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"

	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/scheduler"
)

// placement is a model version on one unit: compiled for its devices, its weights in their memory.
type placement struct {
	unit     *unit
	compiled *compiler.Model
	model    *scheduler.Model
}

// place compiles a version for the best of the units that works and has room, and runs it once. The names of units that did not are loud in the log.
func (e *Engine) place(v *Version, units []*unit) (*placement, error) {
	var failures []error
	for i, u := range units {
		if !u.working() || slices.Contains(units[:i], u) {
			continue
		}
		p, err := e.placeOn(v, u)
		if err == nil {
			if len(failures) > 0 {
				e.log.Warn("model runs on another device than it should", "model", v.name, "version", v.number, "device", u.info.Name,
					"reason", errors.Join(failures...))
			}
			return p, nil
		}
		var fault *program.DeviceError
		if !errors.As(err, &fault) {
			return nil, err // another device would not do better
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(append(failures, errNoUnit)...)
}

// placeOn is place on one unit. A panic of the compiler is a fault of one model, not of the daemon.
func (e *Engine) placeOn(v *Version, u *unit) (p *placement, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			e.log.Error("fault while a model was loaded", "model", v.name, "fault", fault, "stack", string(debug.Stack()))
			p, err = nil, fmt.Errorf("internal fault while the model was compiled: %v", fault)
		}
	}()
	data, err := readFile(v.source.Path)
	if err != nil {
		return nil, err
	}
	// Nothing reads the file's bytes once the model is sealed.
	defer data.Free()
	precision := e.options.Precision
	if own := v.config.Precision; own != nil {
		precision = *own
	}
	compiled, err := compiler.Load(data.Bytes(), compiler.Options{
		Devices: u.devices, Evaluator: e.options.Evaluator, Folder: v.source.Folder, Precision: precision,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(v.source.Path), err)
	}
	p = &placement{unit: u, compiled: compiled}
	if !v.described {
		v.describe(compiled)
	}
	if err := e.schedule(v, p); err != nil {
		return nil, err
	}
	if err := v.warmUp(p); err != nil {
		p.model.Release()
		return nil, fmt.Errorf("%s: first run: %w", filepath.Base(v.source.Path), err)
	}
	compiled.Seal()
	if data.Size() >= returnMemoryFrom {
		debug.FreeOSMemory() // copies of weights that compiling made
	}
	return p, nil
}

// schedule makes the placement known to its unit's lanes. Its memory is freed with the last reference.
func (e *Engine) schedule(v *Version, p *placement) (err error) {
	p.model, err = p.unit.scheduler.NewModel(scheduler.ModelOptions{
		Name: v.name, Compiler: p.compiled, Batchable: v.batching.Batchable, Policy: policy(v.config), Credits: e.options.Credits,
		Free: func() {
			p.compiled.Close()
			e.log.Info("model freed", "model", v.name, "version", v.number, "device", p.unit.info.Name)
			e.placements.Done()
		},
	})
	if err != nil {
		p.compiled.Close()
		return err
	}
	e.placements.Add(1)
	return nil
}

// choose returns the placement with the fewest requests in flight, with a reference on it; nil where the version was freed or has none that works.
func (v *Version) choose() *placement {
	list := *v.placements.Load()
	if len(list) == 1 && list[0].unit.working() { // nearly always
		if list[0].model.Acquire() {
			return list[0]
		}
		return nil
	}
	var best *placement
	for _, p := range list {
		if p.unit.working() && (best == nil || p.model.InFlight() < best.model.InFlight()) {
			best = p
		}
	}
	if best != nil && best.model.Acquire() {
		return best
	}
	return nil
}

// moveFrom replaces the version's placement on a unit that was lost. Requests meanwhile go to its other placements, or are told to come again.
func (e *Engine) moveFrom(v *Version, lost *unit) {
	for i, p := range *v.placements.Load() {
		if p.unit != lost {
			continue
		}
		next, err := e.place(v, v.candidates[i])
		if err != nil {
			e.log.Error("model does not run any more", "model", v.name, "version", v.number, "error", err)
			continue
		}
		if v.replace(p, next) {
			p.model.Release()
			e.log.Warn("model moved", "model", v.name, "version", v.number, "from", lost.info.Name, "to", next.unit.info.Name)
		} else {
			next.model.Release() // retired meanwhile
		}
	}
}

// replace puts a placement in another's place. False means that the version was retired.
func (v *Version) replace(old, next *placement) bool {
	v.changing.Lock()
	defer v.changing.Unlock()
	if v.retired {
		return false
	}
	list := slices.Clone(*v.placements.Load())
	list[slices.Index(list, old)] = next
	v.placements.Store(&list)
	return true
}

// works reports whether any placement of the version does.
func (v *Version) works() bool {
	return slices.ContainsFunc(*v.placements.Load(), func(p *placement) bool { return p.unit.working() })
}

// Devices describes the devices that the version runs on now.
func (v *Version) Devices() []device.Info {
	var list []device.Info
	for _, p := range *v.placements.Load() {
		list = append(list, p.unit.info)
	}
	return list
}

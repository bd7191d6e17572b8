// Package cpu is the device that runs programs with the C kernels of kernels/cpu.
//
// In: nodes with known shapes, and the version's constants. Out: step records for the compute pool. A file holds the choice of kernels for one
// operator family; table.go lists every operator once. The kernels' planners decide tiles and blocking; this package translates.
package cpu

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
	"github.com/inferd/inferd/kernels/cpu/isa"
	"github.com/inferd/inferd/kernels/cpu/runtime"
	"github.com/inferd/inferd/kernels/cpu/step"
)

// Device is the CPU with its compute pool.
type Device struct {
	level isa.Level
	pool  *runtime.Pool
}

// New starts a compute pool of the given number of threads, callers included, for kernels of the given instruction set.
func New(level isa.Level, threads int) (*Device, error) {
	if !isa.Supported(level) {
		return nil, fmt.Errorf("this processor does not support %v", level)
	}
	pool, err := runtime.New(threads)
	if err != nil {
		return nil, err
	}
	return &Device{level: level, pool: pool}, nil
}

// Info implements device.Device.
func (d *Device) Info() device.Info {
	return device.Info{
		Name: "cpu", Kind: device.KindCPU, Threads: d.pool.Threads(),
		Description: fmt.Sprintf("%v, compute pool of %d threads", d.level, d.pool.Threads()),
	}
}

// Level is the instruction set of the device's kernels.
func (d *Device) Level() isa.Level { return d.level }

// Fuses implements device.Device.
func (d *Device) Fuses(operator string) bool {
	_, ok := selectors[operatorKey{graph.DomainFused, operator}]
	return ok
}

// NewWeights implements device.Device.
func (d *Device) NewWeights() device.Weights { return weights.New(weights.OnHost) }

// Select implements device.Device.
func (d *Device) Select(n *graph.Node, store device.Weights) (device.Kernel, error) {
	choose, ok := selectors[operatorKey{n.Domain, n.Op}]
	if !ok {
		return nil, node.NoKernel("no CPU kernel for operator %s", n.QualifiedOp())
	}
	k, err := choose(&selection{Node: node.Node{Node: n}, level: d.level, threads: d.pool.Threads(), weights: store.(*weights.Store)})
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Link implements device.Device.
func (d *Device) Link(code []device.Code) (program.Segment, error) {
	var all []step.Step
	for _, c := range code {
		all = append(all, c.([]step.Step)...)
	}
	steps, err := runtime.NewSteps(all)
	if err != nil {
		return nil, err
	}
	return &segment{pool: d.pool, steps: steps}, nil
}

// Close implements device.Device.
func (d *Device) Close() { d.pool.Close() }

// segment is a step array that the compute pool runs in one cgo call per quantum.
type segment struct {
	pool  *runtime.Pool
	steps *runtime.Steps
}

// Run implements program.Segment.
func (s *segment) Run(frame *program.Frame, stepIndex, tile int64, quantum time.Duration) (int64, int64, bool, error) {
	bases := unsafe.Slice((*uintptr)(unsafe.Pointer(unsafe.SliceData(frame.Bases))), len(frame.Bases))
	pause := runtime.Pause{Quantum: quantum, Wanted: frame.Yield.Word()}
	cursor, done, err := s.pool.Run(s.steps, bases, runtime.Cursor{Step: stepIndex, Tile: tile}, pause)
	return cursor.Step, cursor.Tile, done, err
}

// Close implements program.Segment.
func (s *segment) Close() { s.steps.Free() }

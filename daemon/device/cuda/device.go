//go:build cuda

package cuda

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/inferd/inferd/cgo/cublas"
	"github.com/inferd/inferd/cgo/cuda"
	"github.com/inferd/inferd/daemon/compiler/graph"
	"github.com/inferd/inferd/daemon/compiler/program"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/node"
	"github.com/inferd/inferd/daemon/device/weights"
)

// DefaultSlots is how many runs may be under way: one copies in, one computes, one copies out.
const DefaultSlots = 3

// Options configure a device. Zero values mean the defaults.
type Options struct {
	Slots int
	// Deterministic computes matrix products with our own kernels only, whose rows have the same bits whatever batch they are in: cuBLASLt does not promise that.
	Deterministic bool
	// CacheFolder keeps what is measured about the device from one start to the next; empty: it is measured anew.
	CacheFolder string
	// WarpGroups lets Hopper multiply matrices of float16 and bfloat16 by its own instructions (wgmma). It is not the default because it has not been
	// measured yet.
	WarpGroups bool
	// Logger hears of what goes wrong; nil means slog.Default.
	Logger *slog.Logger
}

// Device is an open GPU.
type Device struct {
	driver  *cuda.Device
	name    string
	log     *slog.Logger
	kernels kernels
	library *cublas.Handle // nil where there is none, or none is wanted
	// warpGroups is set where the option is, and the device has the instructions.
	warpGroups bool
	slots      []*slot
	busy       busy
	failure    atomic.Pointer[func(error)]
	failed     atomic.Bool
}

// Open opens the GPU that a selector (its ordinal or UUID) names.
func Open(selector string, o Options) (_ *Device, err error) {
	driver, err := cuda.Open(selector)
	if err != nil {
		return nil, err
	}
	d := &Device{driver: driver, name: fmt.Sprintf("cuda:%d", driver.Info().Ordinal), log: o.Logger}
	d.kernels = newKernels(driver)
	d.warpGroups = o.WarpGroups && driver.Info().Capability == cuda.Capability{Major: 9, Minor: 0}
	if d.log == nil {
		d.log = slog.Default()
	}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if err := d.openLibrary(o); err != nil {
		return nil, err
	}
	if o.Slots <= 0 {
		o.Slots = DefaultSlots
	}
	for range o.Slots {
		s, err := d.newSlot()
		if err != nil {
			return nil, err
		}
		d.slots = append(d.slots, s)
	}
	return d, nil
}

// Info implements device.Device.
func (d *Device) Info() device.Info {
	info, products := d.driver.Info(), "own matrix products"
	if d.library != nil {
		products = "cuBLASLt " + cublas.Probe().Release()
	}
	return device.Info{
		Name: d.name, Kind: device.KindGPU,
		Description: fmt.Sprintf("%s, compute capability %v, %.0f GiB, %s, %s", info.Name, info.Capability, float64(info.Memory)/(1<<30), products, info.UUID),
	}
}

// Fuses implements device.Device.
func (d *Device) Fuses(operator string) bool {
	_, ok := selectors[operatorKey{graph.DomainFused, operator}]
	return ok
}

// NewWeights implements device.Device.
func (d *Device) NewWeights() device.Weights { return weights.New(d.plain) }

// Select implements device.Device.
func (d *Device) Select(n *graph.Node, store device.Weights) (device.Kernel, error) {
	choose, ok := selectors[operatorKey{n.Domain, n.Op}]
	if !ok {
		return nil, node.NoKernel("no CUDA kernel for operator %s", n.QualifiedOp())
	}
	k, err := choose(&selection{Node: node.Node{Node: n}, device: d, weights: store.(*weights.Store)})
	if err != nil {
		return nil, d.fault(refusal(err))
	}
	return k, nil
}

// Link implements device.Device. Programs of this device are assembled instead.
func (d *Device) Link([]device.Code) (program.Segment, error) {
	return nil, errors.New("a program of a GPU is assembled, not linked")
}

// OnFailure implements device.Failing.
func (d *Device) OnFailure(lost func(error)) { d.failure.Store(&lost) }

// fault marks errors of the driver as the device's, and tells who listens when the device is lost.
func (d *Device) fault(err error) error {
	if err == nil || !isOfDevice(err) {
		return err
	}
	fault := &program.DeviceError{Device: d.name, Lost: cuda.IsSticky(err) || d.driver.Lost(), Err: err}
	if lost := d.failure.Load(); fault.Lost && lost != nil && d.failed.CompareAndSwap(false, true) {
		(*lost)(fault)
	}
	return fault
}

// isOfDevice reports whether an error comes from the driver or from cuBLASLt.
func isOfDevice(err error) bool {
	var driver *cuda.Error
	var library *cublas.Error
	var call *cuda.CallError
	return errors.As(err, &driver) || errors.As(err, &library) || errors.As(err, &call)
}

// Busy implements device.Observed.
func (d *Device) Busy() time.Duration { return d.busy.time() }

// Memory implements device.Observed.
func (d *Device) Memory() (free, total int64, err error) { return d.driver.Memory() }

// Close implements device.Device. What the driver says while a device is given up helps nobody but a reader of the log.
func (d *Device) Close() {
	var failures []error
	for _, s := range d.slots {
		failures = append(failures, s.close())
	}
	if d.library != nil {
		failures = append(failures, d.library.Close())
	}
	failures = append(failures, d.kernels.close(), d.driver.Close())
	if err := errors.Join(failures...); err != nil && !d.driver.Lost() {
		d.log.Warn("closing a GPU", "device", d.name, "error", err)
	}
}

var (
	_ device.Asynchronous = (*Device)(nil)
	_ device.Failing      = (*Device)(nil)
	_ device.Observed     = (*Device)(nil)
)

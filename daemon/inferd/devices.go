//go:build linux && amd64 && cgo

package main

import (
	"fmt"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inferd/inferd/cgo/affinity"
	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/compiler/optimize"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/daemon/engine"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// deviceFlags choose devices.
type deviceFlags struct {
	device    string
	threads   int
	precision string
	gpu       gpuOptions
}

// gpuOptions hold for every GPU.
type gpuOptions struct {
	slots         int
	deterministic bool
	logger        *slog.Logger // nil: the default one
}

// The values of --device that are no name of a GPU.
const (
	deviceAuto      = "auto"
	deviceCPU       = "cpu"
	deviceReference = "reference"
	deviceCUDA      = "cuda"
)

func (f *deviceFlags) register(c *cobra.Command, standard string) {
	c.Flags().StringVar(&f.device, "device", standard,
		"what runs the models: auto (all GPUs, else the CPU), cpu, cuda, cuda:N, the UUID of a GPU, or reference")
	c.Flags().StringVar(&f.precision, "precision", "", "what a GPU computes in: "+strings.Join(optimize.PrecisionNames(), ", ")+"; the CPU computes in fp32 (default model)")
	_ = c.RegisterFlagCompletionFunc("precision", cobra.FixedCompletions(optimize.PrecisionNames(), cobra.ShellCompDirectiveNoFileComp))
	f.registerThreads(c)
	c.Flags().IntVar(&f.gpu.slots, "gpu-slots", 0, "batches under way on a GPU at a time, each with memory of its own (default 3)")
	c.Flags().BoolVar(&f.gpu.deterministic, "gpu-deterministic", false,
		"compute matrix products without cuBLASLt, so that a request has the same bits whatever batch it is in")
	names := []string{deviceAuto, deviceCPU, deviceCUDA, deviceReference}
	_ = c.RegisterFlagCompletionFunc("device", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

func (f *deviceFlags) registerThreads(c *cobra.Command) {
	c.Flags().IntVar(&f.threads, "cpu-threads", 0, "threads of the CPU compute pool (default: the processors that affinity and cgroup give)")
}

// devices are the places where models run, best first, and what computes constants.
type devices struct {
	gpus      []device.Device
	cpu       device.Device // nil where the reference was asked for
	reference *reference.Device
	// precision is what GPUs compute in.
	precision optimize.Precision
	// missing says why there is no GPU where one would have been used; nil where there is one or none was wanted.
	missing error
}

// open starts the devices that the flags name.
func (f *deviceFlags) open() (*devices, error) {
	threads := f.threads
	if threads < 0 {
		return nil, usageError{fmt.Errorf("--cpu-threads %d: want a positive number", threads)}
	}
	if threads == 0 {
		threads = affinity.Processors()
	}
	precision, err := optimize.ParsePrecision(f.precision)
	if err != nil {
		return nil, usageError{fmt.Errorf("--precision: %w", err)}
	}
	d := &devices{reference: reference.New(), precision: precision}
	if f.device == deviceReference {
		return d, nil
	}
	level, err := isa.Current()
	if err != nil {
		return nil, err
	}
	if d.cpu, err = cpu.New(level, threads); err != nil {
		return nil, err
	}
	if err := f.openGPUs(d); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// openGPUs opens the GPUs that the flag names. That there is none is an error only where one was named.
func (f *deviceFlags) openGPUs(d *devices) (err error) {
	switch {
	case f.device == deviceCPU:
		return nil
	case f.device == deviceAuto:
		d.gpus, d.missing = openGPUs("", f.gpu)
		return nil
	case f.device == deviceCUDA:
		d.gpus, err = openGPUs("", f.gpu)
	case strings.HasPrefix(f.device, deviceCUDA+":"), strings.HasPrefix(f.device, "GPU-"), strings.HasPrefix(f.device, "MIG-"):
		d.gpus, err = openGPUs(strings.TrimPrefix(f.device, deviceCUDA+":"), f.gpu)
	default:
		return usageError{fmt.Errorf("--device %q: want auto, cpu, cuda, cuda:N, the UUID of a GPU, or reference", f.device)}
	}
	if err != nil {
		return fmt.Errorf("--device %s: %w", f.device, err)
	}
	return nil
}

func (d *devices) close() {
	for _, gpu := range d.gpus {
		gpu.Close()
	}
	if d.cpu != nil {
		d.cpu.Close()
	}
	d.reference.Close()
}

// units lists, for each place where models can run, its device and those that run what it has no kernel for.
func (d *devices) units() (list [][]device.Device) {
	host := []device.Device{d.reference}
	if d.cpu != nil {
		host = []device.Device{d.cpu, d.reference}
	}
	for _, gpu := range d.gpus {
		list = append(list, append([]device.Device{gpu}, host...))
	}
	return append(list, host)
}

// observed lists the devices whose load can be asked.
func (d *devices) observed() (list []device.Observed) {
	for _, gpu := range d.gpus {
		if o, ok := gpu.(device.Observed); ok {
			list = append(list, o)
		}
	}
	return list
}

// options returns the compiler's options for the best of the devices.
func (d *devices) options() compiler.Options {
	return compiler.Options{Devices: d.units()[0], Evaluator: d.reference, Precision: d.precision}
}

// engineUnits are the places where an engine may run models; lanes are those of the CPU.
func (d *devices) engineUnits(lanes int) (list []engine.UnitOptions) {
	for _, unit := range d.units() {
		o := engine.UnitOptions{Devices: unit}
		if unit[0].Info().Kind == device.KindCPU {
			o.Lanes = lanes
		}
		list = append(list, o)
	}
	return list
}

func newDevicesCommand() *cobra.Command {
	flags := deviceFlags{device: deviceAuto}
	c := &cobra.Command{
		Use:   "devices",
		Short: "List the devices that can run models",
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := flags.open()
			if err != nil {
				return err
			}
			defer d.close()
			table := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "NAME\tKIND\tDESCRIPTION")
			for _, each := range append(d.gpus, d.cpu, d.reference) {
				info := each.Info()
				fmt.Fprintf(table, "%s\t%s\t%s\n", info.Name, info.Kind, info.Description)
			}
			if d.missing != nil {
				fmt.Fprintf(table, "cuda\t%s\tnot available: %v\n", device.KindGPU, d.missing)
			}
			return table.Flush()
		},
	}
	flags.registerThreads(c)
	return c
}

// noDriverError says that the host is not made for GPUs, which is nothing to worry about.
type noDriverError struct{ reason string }

func (e *noDriverError) Error() string { return e.reason }

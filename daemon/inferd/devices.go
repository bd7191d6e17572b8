//go:build linux && amd64 && cgo

package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/inferd/inferd/cgo/affinity"
	"github.com/inferd/inferd/daemon/compiler"
	"github.com/inferd/inferd/daemon/device"
	"github.com/inferd/inferd/daemon/device/cpu"
	"github.com/inferd/inferd/daemon/device/reference"
	"github.com/inferd/inferd/kernels/cpu/isa"
)

// deviceFlags choose a device.
type deviceFlags struct {
	device  string
	threads int
}

func (f *deviceFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.device, "device", "cpu", "device that runs the models: cpu or reference")
	c.Flags().IntVar(&f.threads, "cpu-threads", 0, "threads of the CPU compute pool (default: the processors that affinity and cgroup give)")
	_ = c.RegisterFlagCompletionFunc("device", cobra.FixedCompletions([]string{"cpu", "reference"}, cobra.ShellCompDirectiveNoFileComp))
}

// devices is a device with the reference beside it, as a compiler needs them.
type devices struct {
	main      device.Device
	reference *reference.Device
}

// open starts the device that the flags name.
func (f *deviceFlags) open() (*devices, error) {
	threads := f.threads
	if threads < 0 {
		return nil, usageError{fmt.Errorf("--cpu-threads %d: want a positive number", threads)}
	}
	if threads == 0 {
		threads = affinity.Processors()
	}
	d := &devices{reference: reference.New()}
	switch f.device {
	case "reference":
		d.main = d.reference
		return d, nil
	case "cpu":
	default:
		return nil, usageError{fmt.Errorf("--device %q: want cpu or reference", f.device)}
	}
	level, err := isa.Current()
	if err != nil {
		return nil, err
	}
	if d.main, err = cpu.New(level, threads); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *devices) close() {
	d.main.Close()
	if d.main != device.Device(d.reference) {
		d.reference.Close()
	}
}

// options returns the compiler's options for these devices.
func (d *devices) options() compiler.Options {
	options := compiler.Options{Device: d.main, Evaluator: d.reference}
	if d.main != device.Device(d.reference) {
		options.Fallback = d.reference
	}
	return options
}

func newDevicesCommand() *cobra.Command {
	var flags deviceFlags
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
			for _, each := range []device.Device{d.main, d.reference} {
				info := each.Info()
				fmt.Fprintf(table, "%s\t%s\t%s\n", info.Name, info.Kind, info.Description)
			}
			return table.Flush()
		},
	}
	c.Flags().IntVar(&flags.threads, "cpu-threads", 0, "threads of the CPU compute pool")
	flags.device = "cpu"
	return c
}
